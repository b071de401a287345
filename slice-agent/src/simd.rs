//! Loops compiled for the vector units of several processors, of which the best one that is there runs.
//!
//! A kernel is plain Rust whose additions have a fixed order: wider vectors change its speed, never a bit of its
//! result (no operation is fused or reordered unless the source says so).
#![allow(
    unsafe_code,
    reason = "a call into code for a processor's extension, after asking for it: docs/decisions/0050"
)]

/// Work whose loops the compiler shall turn into vector code. `run` must be `#[inline(always)]`.
pub(crate) trait Kernel {
    /// Does it.
    fn run(self);
}

/// Runs `kernel` with the widest vectors of this processor.
#[inline]
pub(crate) fn dispatch(kernel: impl Kernel) {
    #[cfg(target_arch = "x86_64")]
    {
        if std::arch::is_x86_feature_detected!("avx512f")
            && std::arch::is_x86_feature_detected!("avx512bw")
            && std::arch::is_x86_feature_detected!("avx512dq")
            && std::arch::is_x86_feature_detected!("avx512vl")
        {
            // SAFETY: the processor has the extensions, as was just asked.
            return unsafe { avx512(kernel) };
        }
        if std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has the extension, as was just asked.
            return unsafe { avx2(kernel) };
        }
    }
    kernel.run();
}

/// The vectors that this crate's loops use on this machine.
pub fn vectors() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    {
        if std::arch::is_x86_feature_detected!("avx512f") && std::arch::is_x86_feature_detected!("avx512vl") {
            return "AVX-512";
        }
        if std::arch::is_x86_feature_detected!("avx2") {
            return "AVX2";
        }
    }
    "baseline"
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2")]
fn avx512(kernel: impl Kernel) {
    kernel.run();
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn avx2(kernel: impl Kernel) {
    kernel.run();
}
