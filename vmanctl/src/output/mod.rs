//! Replies as a person reads them.

pub mod events;
pub mod host;
pub mod images;
pub mod info;
pub mod links;
pub mod list;
mod map;
mod owner;
mod paint;
pub mod stats;
mod table;
pub mod top;

#[cfg(test)]
pub(crate) mod samples;

pub use paint::Look;
