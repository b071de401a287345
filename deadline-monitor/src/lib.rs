//! Budgets that fit: `SCHED_DEADLINE` reservations for threads and processes on a mainline kernel (source document,
//! chapter 4).
//!
//! [`budget`] holds the algorithm: samples in, budgets out, no clock and no I/O. [`simulate`] drives it against a
//! model of the kernel's constant bandwidth server; [`monitor`] drives it against the kernel itself, through
//! [`sched`] (reservations) or [`actuator`] (quotas of groups), and [`account`] (CPU time). [`target`] finds what is
//! monitored; [`recording`] keeps what was measured.
//!
//! ```
//! use core::time::Duration;
//! use deadline_monitor::budget::{PolicyConfig, PolicyKind, ReservationParams, Sample};
//!
//! let period = Duration::from_millis(100);
//! let initial = ReservationParams::new(Duration::from_millis(2), period)?;
//! let mut policy = PolicyConfig::new(PolicyKind::Seed).build(initial)?;
//! let sample = Sample { executed: Duration::from_millis(10), throttled: None, interval: 5 * period };
//! assert_eq!(policy.step(&sample).runtime, Duration::from_micros(2_200)); // 2 ms a period, and 10 % more
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

pub mod budget;

#[cfg(feature = "std")]
pub mod account;
#[cfg(feature = "std")]
pub mod actuator;
#[cfg(feature = "serve")]
pub mod admission;
#[cfg(feature = "std")]
pub mod cgroup;
mod kind;
#[cfg(feature = "std")]
pub mod machine;
#[cfg(feature = "std")]
pub mod monitor;
#[cfg(feature = "std")]
pub mod recording;
#[cfg(feature = "std")]
pub mod sched;
#[cfg(feature = "api")]
pub mod serve;
#[cfg(feature = "std")]
pub mod simulate;
#[cfg(feature = "state")]
pub mod state;
#[cfg(feature = "std")]
pub mod target;
#[cfg(feature = "std")]
pub mod trace;

pub use kind::ErrorKind;
