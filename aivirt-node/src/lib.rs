//! One node's capacity, admission and risk, gathered over the public protocols of the three layers.

pub mod error;

pub use error::Error;
