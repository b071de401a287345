//! The management partition's Linux: Debian's kernel, busybox, and what the repository builds for it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::cpio::Archive;
use crate::apt::Series;
use crate::assets::{self, LINUX_TARGET};
use crate::{process, workspace};

/// What the management partition does after it has booted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Job {
    /// Gives a shell.
    Shell,
    /// Runs the tests, then turns the board off.
    Test,
    /// Runs the demonstration, then turns the board off.
    Demo,
}

impl Job {
    const fn name(self) -> &'static str {
        match self {
            Self::Shell => "shell",
            Self::Test => "test",
            Self::Demo => "demo",
        }
    }
}

const INIT: &str = include_str!("init.sh");
const PARTITION_INIT: &str = include_str!("partition-init.sh");
const DIRECTORIES: &[&str] = &["bin", "dev", "etc", "images", "lib", "proc", "root", "run", "sys", "tmp"];

/// Command line of the management partition's kernel. Without an early console a kernel that stops early says nothing.
pub fn command_line(job: Job) -> String {
    format!("console=ttyAMA0 earlycon=pl011,0x9000000 panic=-1 loglevel=4 aivirt.job={}", job.name())
}

/// Its root file system.
///
/// # Errors
/// A part cannot be built or fetched.
pub fn initramfs(_job: Job, series: Series) -> Result<Vec<u8>> {
    let mut archive = base(INIT)?;
    for (path, file) in programs()? {
        archive.file(&path, 0o755, &read(&file)?);
    }
    archive.file("lib/vmanager.ko", 0o644, &read(&module(series)?)?);
    archive.file("images/linux", 0o644, &read(&assets::kernel(series)?.image)?);
    archive.file("images/initrd", 0o644, &partition_initramfs()?);
    Ok(archive.finish())
}

/// Root file system of a partition: busybox and a script.
fn partition_initramfs() -> Result<Vec<u8>> {
    Ok(base(PARTITION_INIT)?.finish())
}

fn base(init: &str) -> Result<Archive> {
    let mut archive = Archive::default();
    DIRECTORIES.iter().for_each(|path| archive.directory(path));
    archive.device("dev/console", 5, 1);
    archive.device("dev/null", 1, 3);
    archive.file("bin/busybox", 0o755, &read(&assets::busybox()?)?);
    archive.link("bin/sh", "busybox");
    archive.file("init", 0o755, init.as_bytes());
    Ok(archive)
}

/// Programs of the repository, built statically for arm64, and where they go.
fn programs() -> Result<Vec<(String, PathBuf)>> {
    const PACKAGES: &[(&str, &str)] = &[("board-tests", "board-tests")];
    let mut cargo = assets::rust_aarch64()?.build_linux();
    cargo.args(["--quiet", "--release", "--locked"]).current_dir(workspace::root());
    for (package, _) in PACKAGES {
        cargo.args(["--package", package]);
    }
    process::run(&mut cargo)?;
    let built = assets::target_dir().join(LINUX_TARGET).join("release");
    Ok(PACKAGES.iter().map(|(_, program)| (format!("bin/{program}"), built.join(program))).collect())
}

/// The kernel module, built in a copy so that the checkout stays clean.
fn module(series: Series) -> Result<PathBuf> {
    let source = workspace::root().join("kernel-driver");
    let copy = super::directory()?.join(format!("module-{}", series.name()));
    copy_tree(&source, &copy)?;
    process::read(&mut assets::headers(series)?.build_module(&copy))?;
    Ok(copy.join("vmanager.ko"))
}

/// Copies what is newer, so that make builds only what changed.
fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("Cannot create {}", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("Cannot read {}", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_tree(&entry.path(), &target)?;
        } else if fs::read(&target).ok().as_deref() != Some(&read(&entry.path())?) {
            fs::copy(entry.path(), &target).with_context(|| format!("Cannot write {}", target.display()))?;
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("Cannot read {}", path.display()))
}
