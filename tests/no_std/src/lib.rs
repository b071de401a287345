//! Links only while the crates that the firmware stands on stay without std: std brings a panic handler of its own,
//! and two of them are an error of the linker's language items (E0152).
#![no_std]

use core::panic::PanicInfo;

pub use firmware;
pub use vman_core;

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {}
}
