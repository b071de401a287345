//! Agents that share CPU between network slices (source document, chapter 2).

pub mod error;

pub use error::Error;
