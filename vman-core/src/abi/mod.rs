//! Binary interfaces: between firmware and kernel driver ([`smc`], [`console`]), and between kernel driver and user
//! space ([`ioctl`]).

pub mod console;
pub mod ioctl;
pub mod smc;
