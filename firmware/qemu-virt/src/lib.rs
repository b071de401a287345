//! What the EL3 monitor and the EL2 isolation layer of QEMU's `virt` board share: the memory map, device registers and
//! the record of every partition that EL3 writes and EL2 reads.
//!
//! Code that touches memory by address stands in [`mmio`] and [`view`] here, and in the entry modules of the two images.
#![no_std]

pub mod gic;
pub mod memory_map;
pub mod mmio;
pub mod protection;
pub mod service;
pub mod view;
pub mod weaken;

/// An address or a size as this machine's pointers hold it.
#[allow(clippy::cast_possible_truncation, reason = "they are 64 bits wide here")]
pub const fn native(value: u64) -> usize {
    value as usize
}
