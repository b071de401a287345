//! Programs of the management partition: static, for arm64 Linux.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::{assets, process, workspace};

/// A program to build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A crate's binary of the crate's name, without its default features.
    Binary(&'static str),
    /// An example: crate and name.
    Example(&'static str, &'static str),
}

impl Source {
    fn args(self) -> Vec<&'static str> {
        match self {
            // On a real board nobody asks for the simulated one.
            Source::Binary(name) => vec!["--package", name, "--bin", name, "--no-default-features"],
            Source::Example(package, name) => vec!["--package", package, "--example", name],
        }
    }

    fn output(self) -> PathBuf {
        let dir = assets::target_dir().join(assets::LINUX_TARGET).join("release");
        match self {
            Source::Binary(name) => dir.join(name),
            Source::Example(_, name) => dir.join("examples").join(name),
        }
    }
}

/// Builds the program and says where it is.
///
/// # Errors
/// There is no toolchain for aarch64, or the program does not build.
pub fn build(source: Source) -> Result<PathBuf> {
    let mut cargo = assets::rust_aarch64()?.build_linux();
    cargo.current_dir(workspace::root()).args(["--release", "--quiet"]).args(source.args());
    process::read(&mut cargo)?;
    let program = source.output();
    program.metadata().with_context(|| format!("cargo did not make {}", program.display()))?;
    Ok(program)
}
