//! The static arm64 busybox that the small Linux systems start with.

use std::path::PathBuf;

use anyhow::{Context, Result};

use super::cache::Cache;
use super::fetching;
use crate::apt::{PrivateApt, Series};

const PACKAGE: &str = "busybox-static";

/// Fetches the program, or finds it in the cache.
///
/// # Errors
/// The archive cannot be reached, or the package has not the expected file.
pub fn busybox() -> Result<PathBuf> {
    let cache = Cache::open()?;
    let open = || PrivateApt::open(&cache.apt(), Series::Stable);
    let version = cache.resolved(PACKAGE, || Ok(open()?.show(PACKAGE)?.version))?;
    let root = cache.entry("busybox", &version, |content| {
        let _done = fetching(PACKAGE);
        open()?.unpack(&[PACKAGE.to_owned()], content)
    })?;
    let found = ["bin/busybox", "usr/bin/busybox"].map(|file| root.join(file));
    let program = found.iter().find(|file| file.is_file());
    program.cloned().with_context(|| format!("{PACKAGE} {version} holds no busybox"))
}
