//! The reference server of the API: one thread decides and writes ([`engine`]), a file keeps ([`store`]), routes answer
//! ([`http`]).
//!
//! A change that something outside must follow is carried out in three steps: an intent is written, the back end acts,
//! the change is confirmed. A server that dies in between finds the intent when it starts again and finishes it.

pub mod access;
pub mod config;
pub mod daemon;
pub mod engine;
mod failure;
pub mod http;
pub mod seal;
pub mod store;
mod view;

pub use failure::Failure;
