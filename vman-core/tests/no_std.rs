//! The lean part of this crate, and the firmware library on it, need neither `std` nor an allocator.
//!
//! `tests/no_std` is a crate outside the workspace with a panic handler of its own: it builds only without `std`.

use std::path::Path;
use std::process::Command;

/// Builds the guard, with one of its features or none, and gives what the compiler said.
fn build(feature: &str) -> (bool, String) {
    let guard = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/no_std");
    let output = Command::new(env!("CARGO"))
        .args(["build", "--features", feature])
        .arg("--target-dir")
        .arg(Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("no_std"))
        .current_dir(guard)
        // What the workspace is built with (coverage, sanitizers) is no part of this promise.
        .env_remove("RUSTFLAGS")
        .output()
        .expect("cargo runs");
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn lean_core_and_firmware_need_no_std() {
    let (built, text) = build("");
    assert!(built, "{text}");
    // The guard itself can fail: this is what a leak looks like.
    let (built, text) = build("leak-std");
    assert!(!built && text.contains("E0152"), "{text}");
    let (built, text) = build("leak-alloc");
    assert!(!built && text.contains("allocator"), "{text}");
}
