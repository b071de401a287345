//! Things for arm64 that the board's jobs need, fetched once into a cache of the user.
//!
//! Everything comes from the Debian archive that the machine's own apt uses ([`crate::apt`]) and is keyed by the
//! version it was fetched in.

mod busybox;
pub mod cache;
mod kernel;
mod rust;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Result;
use clap::ValueEnum;

pub use busybox::{busybox, host_busybox};
pub use kernel::{Headers, Kernel, guest_kernel, headers, kernel};
pub use rust::{FIRMWARE_TARGET, LINUX_TARGET, Origin, RustAarch64, rust_aarch64, target_dir};

use crate::apt::Series;

/// The things by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Asset {
    /// Debian's unmodified arm64 kernel (a raw Image).
    Kernel,
    /// The folder of that kernel's modules.
    Modules,
    /// The folder against which modules for that kernel are built (`make -C`).
    Headers,
    /// A static arm64 busybox.
    Busybox,
    /// A Rust compiler for the firmware and for arm64 Linux.
    RustAarch64,
}

impl Asset {
    /// Fetches the thing when it is not in the cache, and says where it is.
    ///
    /// # Errors
    /// It cannot be fetched.
    pub fn path(self, series: Series) -> Result<PathBuf> {
        Ok(match self {
            Asset::Kernel => kernel(series)?.image,
            Asset::Modules => kernel(series)?.modules,
            Asset::Headers => headers(series)?.build,
            Asset::Busybox => busybox()?,
            Asset::RustAarch64 => rust_aarch64()?.rustc,
        })
    }
}

/// Says what is being fetched; the returned value says how long it took when it is dropped.
fn fetching(what: &str) -> Fetching {
    eprintln!("  fetch   {what}");
    Fetching(Instant::now())
}

#[must_use]
struct Fetching(Instant);

impl Drop for Fetching {
    fn drop(&mut self) {
        eprintln!("          {:.1} s", self.0.elapsed().as_secs_f64());
    }
}
