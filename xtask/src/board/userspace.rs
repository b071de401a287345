//! Programs of the management partition: static, for arm64 Linux.

use std::path::PathBuf;

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
    process::read(cargo.args(["--package", name, "--bin", name]))?;
    let program = assets::target_dir().join(assets::LINUX_TARGET).join("release").join(name);
    program.metadata().with_context(|| format!("cargo did not make {}", program.display()))?;
    Ok(program)
}
