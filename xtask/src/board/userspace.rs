//! Programs of the management partition: static, for arm64 Linux.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::{assets, process, workspace};

/// Builds the program `name` of the crate of this name and says where it is.
///
/// Default features are left out: on a real board nobody asks for the simulated one.
///
/// # Errors
/// There is no toolchain for aarch64, or the program does not build.
pub fn build(name: &str) -> Result<PathBuf> {
    let mut cargo = assets::rust_aarch64()?.build_linux();
    cargo.current_dir(workspace::root()).args(["--release", "--quiet", "--no-default-features"]);
    // Line tables would make the initramfs five times larger.
    cargo.env("CARGO_PROFILE_RELEASE_STRIP", "true");
    process::read(cargo.args(["--package", name, "--bin", name]))?;
    let program = assets::target_dir().join(assets::LINUX_TARGET).join("release").join(name);
    program.metadata().with_context(|| format!("cargo did not make {}", program.display()))?;
    Ok(program)
}

/// Builds vman-core's behaviour suite of devices, for `/dev/vmanager`, and says where it is.
///
/// # Errors
/// As [`build`].
pub fn device_suite() -> Result<PathBuf> {
    let mut cargo = assets::rust_aarch64()?.build_linux();
    cargo.current_dir(workspace::root()).args(["--release", "--quiet", "--package", "vman-core"]);
    cargo.env("CARGO_PROFILE_RELEASE_STRIP", "true");
    process::read(cargo.args(["--features", "testing", "--example", "device_suite"]))?;
    let built = assets::target_dir().join(assets::LINUX_TARGET).join("release/examples/device_suite");
    built.metadata().with_context(|| format!("cargo did not make {}", built.display()))?;
    Ok(built)
}

/// Builds the driver's C test, which tries hostile arguments, and says where it is.
///
/// # Errors
/// It does not build.
pub fn ioctl_test() -> Result<PathBuf> {
    let directory = assets::target_dir();
    fs::create_dir_all(&directory).with_context(|| format!("Cannot create {}", directory.display()))?;
    let program = directory.join("ioctl-test");
    let source = workspace::root().join("kernel-driver/tests/ioctl_test.c");
    let mut compiler = Command::new("aarch64-linux-gnu-gcc");
    compiler.args(["-static", "-O2", "-s", "-Wall", "-Wextra", "-Werror", "-o"]).arg(&program).arg(source);
    process::read(&mut compiler)?;
    Ok(program)
}
