//! Where the checkout and its build directory are.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The root of the checkout that this program was built from, or that it runs in when the two differ.
///
/// A build directory shared by several checkouts keeps one binary, so the directory compiled into it may belong to
/// another checkout: `cargo run` says at run time where the manifest is.
pub fn root() -> PathBuf {
    let manifest = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let manifest = PathBuf::from(manifest);
    manifest.parent().map_or_else(|| manifest.clone(), Path::to_path_buf)
}

/// Cargo's build directory for the host.
pub fn target_dir() -> PathBuf {
    match env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => root().join(dir),
        None => root().join("target"),
    }
}

/// The cargo that runs this program.
pub fn cargo() -> OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}
