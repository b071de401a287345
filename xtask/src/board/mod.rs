//! The emulated ARMv8 board: what runs on it and how it is built.

pub mod initramfs;
pub mod module;
pub mod userspace;
