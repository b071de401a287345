//! The static busybox that the small Linux systems start with: for the board, and for guests of this machine.

use std::path::PathBuf;

use anyhow::{Context, Result};

use super::cache::Cache;
use super::fetching;
use crate::apt::{PrivateApt, Series};

const PACKAGE: &str = "busybox-static";

/// Fetches the arm64 program, or finds it in the cache.
///
/// # Errors
/// The archive cannot be reached, or the package has not the expected file.
pub fn busybox() -> Result<PathBuf> {
    fetched(PACKAGE, "busybox", |_| PACKAGE.to_owned())
}

/// The same for this machine's architecture.
///
/// # Errors
/// As [`busybox`].
pub fn host_busybox() -> Result<PathBuf> {
    fetched("busybox-host", "busybox-host", |apt| format!("{PACKAGE}:{}", apt.host()))
}

fn fetched(answer: &str, name: &str, package: impl Fn(&PrivateApt) -> String) -> Result<PathBuf> {
    let cache = Cache::open()?;
    let open = || PrivateApt::open(&cache.apt(), Series::Stable);
    let version = cache.resolved(answer, || {
        let apt = open()?;
        Ok(apt.show(&package(&apt))?.version)
    })?;
    let root = cache.entry(name, &version, |content| {
        let _done = fetching(PACKAGE);
        let apt = open()?;
        apt.unpack(&[package(&apt)], content)
    })?;
    let found = ["bin/busybox", "usr/bin/busybox"].map(|file| root.join(file));
    let program = found.iter().find(|file| file.is_file());
    program.cloned().with_context(|| format!("{PACKAGE} {version} holds no busybox"))
}
