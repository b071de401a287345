//! Device trees: what a board is made of, and what a partition is told about itself.
//!
//! * [`BoardTree::parse`] reads a board's own tree: model, CPUs with MPIDRs and clusters, memory, console.
//! * [`PartitionTree::build`] makes a partition's tree from the board's, when a deployment gives none (source
//!   document, 3.2.1.2): only the partition's CPUs, its memory, the interrupt controller, timer, PSCI by SMC and the
//!   console stay; every other device is dropped, for no partition owns it.
//! * [`PartitionTree::adopt`] checks a tree that a user gives, and writes command line and ramdisk into it.
//! * [`BoardTreeBuilder`] makes a tree of a board that does not exist: the simulator's, and the tests'.
//!
//! Blobs are untrusted. They follow the Devicetree Specification 0.4 and the kernel's bindings
//! (`arm,gic-v3.yaml`, `cpus.yaml`, `psci.yaml`, `chosen.yaml`).
//!
//! # Interrupt controller
//! The distributor stays as it is; the isolation layer mediates it. Of each redistributor region the frames from the
//! lowest to the highest own CPU remain, so a partition whose CPUs do not lie side by side sees foreign frames in
//! between: the isolation layer must answer reads of their `GICR_TYPER`, with `Last` at the end of the region only.
//! Frames are taken to lie in the order of the board's CPU nodes. There is no ITS: partitions have no MSIs.

mod adopt;
mod blob;
mod board;
mod builder;
mod cpus;
mod error;
mod gic;
mod node;
mod partition;

pub use blob::MAX_DEPTH;
pub use board::{BoardTree, Console, ReservedMemory};
pub use builder::BoardTreeBuilder;
pub use cpus::BoardCpu;
pub use error::FdtError;
pub use partition::{COMMAND_LINE_MAX, Entropy, Link, PartitionTree};
