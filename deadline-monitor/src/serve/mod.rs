//! The daemon: monitors for many targets of many users behind a REST interface (`deadline-monitor serve`).
//!
//! One thread, the `engine`, samples every target and does everything that changes the kernel; it never waits for a
//! client. The connections live on another one (`http` on top of `listen`) and send it what they want done.

pub mod api;
#[cfg(feature = "serve")]
pub mod config;
#[cfg(feature = "serve")]
pub mod engine;
#[cfg(feature = "serve")]
pub mod http;
#[cfg(feature = "serve")]
pub mod listen;

#[cfg(feature = "serve")]
mod daemon;
#[cfg(feature = "serve")]
mod log;
#[cfg(feature = "serve")]
mod notify;
#[cfg(all(test, feature = "serve"))]
mod testing;

#[cfg(feature = "serve")]
pub use config::Config;
#[cfg(feature = "serve")]
pub use daemon::{Error, run};
