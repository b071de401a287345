//! Device registers.

use core::fmt;

/// A window of device registers at a fixed address.
#[derive(Clone, Copy)]
pub struct Mmio {
    base: u64,
    size: u64,
}

impl Mmio {
    /// A window of `size` bytes at `base`.
    ///
    /// # Safety
    /// The range must be device memory, mapped as such wherever this window is used, whose registers may be read and
    /// written at any time without harm to Rust's own memory.
    pub const unsafe fn new(base: u64, size: u64) -> Self {
        Self { base, size }
    }

    /// Address of the register; panics if the access leaves the window or is not aligned.
    fn address(self, offset: u64, width: u64) -> usize {
        assert!(offset.is_multiple_of(width) && offset < self.size && width <= self.size - offset);
        #[allow(clippy::cast_possible_truncation, reason = "usize is 64 bits wide on this target")]
        let address = (self.base + offset) as usize;
        address
    }
}

macro_rules! accessors {
    ($($read:ident, $write:ident: $type:ty;)*) => {
        impl Mmio {
            $(
                /// Reads the register at `offset`.
                pub fn $read(self, offset: u64) -> $type {
                    let register = self.address(offset, size_of::<$type>() as u64) as *const $type;
                    // SAFETY: the address lies in the window, whose maker promised that it is device memory.
                    unsafe { register.read_volatile() }
                }

                /// Writes the register at `offset`.
                pub fn $write(self, offset: u64, value: $type) {
                    let register = self.address(offset, size_of::<$type>() as u64) as *mut $type;
                    // SAFETY: the address lies in the window, whose maker promised that it is device memory.
                    unsafe { register.write_volatile(value) }
                }
            )*
        }
    };
}

accessors! {
    read8, write8: u8;
    read16, write16: u16;
    read32, write32: u32;
    read64, write64: u64;
}

impl fmt::Debug for Mmio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mmio({:#x}, {:#x})", self.base, self.size)
    }
}
