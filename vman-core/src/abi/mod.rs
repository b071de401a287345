//! Binary interfaces: between firmware and kernel driver ([`smc`]), and between kernel driver and user space
//! ([`ioctl`]).

pub mod ioctl;
pub mod smc;
