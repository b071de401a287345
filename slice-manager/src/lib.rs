//! The Slice Manager API (source document, chapter 2.3): types, composition rules, client, reference server.

pub mod api;
pub mod backend;
pub mod compose;
#[cfg(feature = "server")]
pub mod server;

pub use compose::{Change, CompositionError, Effect, World, decide};
