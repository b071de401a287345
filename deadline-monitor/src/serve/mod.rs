//! The daemon: monitors for many targets of many users behind a REST interface (`deadline-monitor serve`).
//!
//! One thread, the [`engine`], samples every target and does everything that changes the kernel; it never waits for a
//! client. The connections live on another one ([`http`] on top of [`listen`]) and send it what they want done.

pub mod api;
pub mod config;
pub mod engine;
pub mod http;
pub mod listen;

mod daemon;
mod log;
mod notify;
#[cfg(test)]
mod testing;

pub use config::Config;
pub use daemon::{Error, run};
