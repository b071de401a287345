//! Protections that a partition can turn off, one by one, in firmware that was built with feature `weaken`: the positive
//! controls of the hostile-payload suite. In every other build each answer of [`is_off`] is a constant `false`.

pub use crate::protection::*;

#[cfg(feature = "weaken")]
mod state {
    use core::sync::atomic::{AtomicU64, Ordering};

    use crate::memory_map::{EL2_DATA_BASE, EL2_DATA_SIZE};

    fn word() -> &'static AtomicU64 {
        // SAFETY: the last word of the EL2 layer's data area, behind its records (view.rs asserts their size); normal
        // memory at EL3 and EL2, cleared by EL3 at boot, used as an atomic by both.
        unsafe { &*((EL2_DATA_BASE + EL2_DATA_SIZE - 8) as *const AtomicU64) }
    }

    /// Whether the protection is off.
    pub fn is_off(protection: u64) -> bool {
        word().load(Ordering::Relaxed) & protection != 0
    }

    /// Turns exactly these protections off.
    pub fn set(protections: u64) {
        word().store(protections, Ordering::Relaxed);
    }
}

#[cfg(feature = "weaken")]
pub use state::{is_off, set};

/// Whether the protection is off: never.
#[cfg(not(feature = "weaken"))]
pub const fn is_off(_protection: u64) -> bool {
    false
}
