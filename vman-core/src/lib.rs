//! Partition model of the AI Virtualiser.
//!
//! An ARMv8 server is cut into *partitions*: sets of physical cores plus memory, each running its own operating
//! system. This crate holds everything that the firmware, the simulator, the daemon and the clients must agree on.
//!
//! | module | needs | what |
//! |---|---|---|
//! | [`id`] | nothing | identifiers, CPU sets, addresses, sizes |
//! | [`state`] | nothing | the state machine of a partition |
//! | [`plan`] | nothing | which cores and which memory a request gets |
//! | [`abi`] | nothing | SMC function identifiers, ioctl structures |
//! | [`image`] | nothing | the arm64 boot header and where things are loaded |
//! | [`error`] | nothing | the one table of error kinds |
//! | `fdt` | `alloc` | a partition's device tree |
//! | `command` | `std` | JSON protocol v1 |
//! | `device` | `std` | what a kernel driver or a simulator offers |
//! | `manager` | `std` | commands carried out on a device |
//! | `client` | `std` | a connection to vmand |
//!
//! Terms follow the source document (partition, deploy, restore), Arm (MPIDR, PSCI, SMC Calling Convention) and the
//! Linux kernel.
#![cfg_attr(not(feature = "std"), no_std)]

#[cfg(feature = "alloc")]
extern crate alloc;

pub mod abi;
pub mod error;
#[cfg(feature = "alloc")]
pub mod fdt;
pub mod id;
pub mod image;
pub mod plan;
pub mod state;

#[cfg(feature = "std")]
pub mod client;
#[cfg(feature = "std")]
pub mod command;
#[cfg(feature = "std")]
pub mod device;
#[cfg(feature = "std")]
pub mod manager;

pub use error::{Error, ErrorKind};
