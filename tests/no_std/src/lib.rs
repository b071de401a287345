//! Fails to build as soon as something below pulls in `std` (E0152, two panic handlers) or an allocator (none is
//! defined here).
#![no_std]

#[cfg(feature = "leak-alloc")]
extern crate alloc;
#[cfg(feature = "leak-std")]
extern crate std;

use core::panic::PanicInfo;

use firmware as _;
use slice_agent as _;
use vman_core as _;

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {}
}
