//! The vManager daemon: JSON protocol v1 of the partition layer over a Unix socket.
//!
//! vmand keeps no authoritative state. Every query asks the device, every command is carried out by
//! [`PartitionManager`](vman_core::manager::PartitionManager); a vmand that was killed and started again knows as
//! much as before.

pub mod access;
pub mod args;
pub mod config;
pub mod device;
pub mod digest;
pub mod error;
pub mod files;
pub mod listener;
pub mod log;
pub mod notify;
pub mod relay;
pub mod server;
pub mod store;

mod audit;
mod console;
mod events;
mod lines;
mod session;
mod shared;

pub use config::Config;
pub use error::Error;
pub use server::Server;
