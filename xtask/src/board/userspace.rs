//! Programs of the management partition: static, for arm64 Linux.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::{assets, process, workspace};

/// The package of a program.
fn package_of(program: &str) -> &str {
    match program {
        "vman-relay" => "vmand",
        name => name,
    }
}

/// Builds these programs, in one go, and says where they are.
///
/// Default features are left out: on a real board nobody asks for the simulated one.
///
/// # Errors
/// There is no toolchain for aarch64, or a program does not build.
pub fn build(names: &[&str]) -> Result<Vec<PathBuf>> {
    let mut cargo = assets::rust_aarch64()?.build_linux();
    cargo.current_dir(workspace::root()).args(["--release", "--quiet", "--no-default-features"]);
    // Line tables would make the initramfs five times larger.
    cargo.env("CARGO_PROFILE_RELEASE_STRIP", "true");
    for name in names {
        cargo.args(["--package", package_of(name), "--bin", name]);
    }
    process::read(&mut cargo)?;
    names.iter().map(|name| built(name)).collect()
}

/// A program that cargo has made.
fn built(name: &str) -> Result<PathBuf> {
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
    built("examples/device_suite")
}

/// Builds the driver's C test, which tries hostile arguments, and says where it is.
///
/// # Errors
/// It does not build.
pub fn ioctl_test() -> Result<PathBuf> {
    compile("ioctl-test", &["kernel-driver/tests/ioctl_test.c"], &[])
}

/// Builds the program that a partition's Linux measures itself with, and says where it is.
///
/// # Errors
/// It does not build.
pub fn guest_bench() -> Result<PathBuf> {
    compile("guest-bench", &["tests/board/guest_bench.c"], &[])
}

/// Builds the program that streams over a link, and says where it is.
///
/// # Errors
/// It does not build.
pub fn guest_link() -> Result<PathBuf> {
    compile("guest-link", &["tests/board/guest_link.c"], &[])
}

/// Builds the C example of libvman, with the library in it, and says where it is.
///
/// # Errors
/// There is no toolchain for aarch64, or something does not build.
pub fn life_cycle() -> Result<PathBuf> {
    let mut cargo = assets::rust_aarch64()?.build_linux();
    cargo.current_dir(workspace::root()).args(["--release", "--quiet", "--package", "vman-ffi", "--lib"]);
    // The profile of the others, so that what they stand on is not built twice.
    cargo.env("CARGO_PROFILE_RELEASE_STRIP", "true");
    process::read(&mut cargo)?;
    let library = assets::target_dir().join(assets::LINUX_TARGET).join("release/libvman.a");
    let library = library.to_str().context("The build directory's name is not UTF-8")?;
    let include = workspace::root().join("bindings/c/include");
    let include = format!("-I{}", include.display());
    compile("life_cycle", &["bindings/c/examples/life_cycle.c", library], &[&include])
}

/// Compiles and links a static program.
fn compile(name: &str, sources: &[&str], options: &[&str]) -> Result<PathBuf> {
    let directory = assets::target_dir();
    fs::create_dir_all(&directory).with_context(|| format!("Cannot create {}", directory.display()))?;
    let program = directory.join(name);
    let mut compiler = Command::new("aarch64-linux-gnu-gcc");
    compiler.current_dir(workspace::root()).args(["-static", "-O2", "-s", "-Wall", "-Wextra", "-Werror"]);
    process::read(compiler.args(options).arg("-o").arg(&program).args(sources))?;
    Ok(program)
}
