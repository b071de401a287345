//! A simulated ARMv8 board and kernel driver that run the real firmware library.
//!
//! [`SimDevice`] is a [`vman_core::device::ManagerDevice`] in this process; [`SimClient`] is one in another process
//! (the program `vman-sim`), which several programs can share. [`open`] takes either by its name.
//!
//! | module | what |
//! |---|---|
//! | `config` | what the board is made of |
//! | `machine` | firmware, CPUs and guests, one step after another |
//! | `board`, `ram`, `console`, `clock` | the machine below the firmware |
//! | `guest` | scripted guests, chosen by `sim.guest=` on the kernel command line |
//! | `driver` | the kernel driver: plans, keeps images, waits, tells events |
//! | `remote` | the board in another process: server and client |
//! | `trace`, `replay` | recorded SMCs, and whether the simulator answers them alike |
#![forbid(unsafe_code)]

mod board;
mod clock;
mod config;
mod console;
mod driver;
mod guest;
mod machine;
mod open;
mod ram;
mod remote;
mod replay;
pub mod trace;
mod tree;

pub use config::{ConfigError, SimConfig};
pub use driver::{SimDevice, SimEvents, SimPartition};
pub use machine::SLOTS;
pub use open::{SimBoard, SimBoardEvents, SimBoardPartition, open, open_with};
pub use remote::{ServeError, SimClient, SimClientEvents, SimClientPartition, serve};
pub use replay::{ReplayError, Replayed, replay};
