//! The Slice Manager API (source document, chapter 2.3): types, composition rules, client, reference server.

pub mod error;

pub use error::CompositionError;
