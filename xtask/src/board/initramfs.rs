//! Small Linux systems as initramfs archives: the management partition's, and the one that partitions start.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::module::vmanager_ko;
use super::userspace;
use crate::apt::Series;
use crate::{assets, process};

/// Where the management partition's system holds things.
pub mod path {
    /// The kernel driver.
    pub const MODULE: &str = "lib/modules/vmanager.ko";
    /// The kernel that partitions start: Debian's, unmodified.
    pub const GUEST_KERNEL: &str = "boot/Image";
    /// The initramfs that partitions start.
    pub const GUEST_INITRD: &str = "boot/guest.cpio";
    /// The payload that attacks.
    pub const HOSTILE: &str = "boot/hostile";
    /// The payload of critical partitions.
    pub const CRITICAL: &str = "boot/critical";
    /// Run at the end of the start, if it is there; its end turns the machine off.
    pub const SCRIPT: &str = "etc/board-script";
    /// The driver's C test.
    pub const IOCTL_TEST: &str = "bin/ioctl-test";
    /// The C example of libvman.
    pub const LIFE_CYCLE: &str = "bin/life_cycle";
    /// vman-core's behaviour suite of devices.
    pub const DEVICE_SUITE: &str = "bin/device_suite";
    /// vmand's configuration.
    pub const VMAND_CONFIG: &str = "etc/vmand.toml";
    /// Folder of programs.
    pub const BIN: &str = "bin";
}

/// The last kernel message that [`management`] prints before a shell or the script.
pub const MANAGEMENT_UP: &str = "MANAGEMENT-UP";
/// What [`guest`] prints when it is up.
pub const GUEST_UP: &str = "GUEST-UP";

/// The relay speaks for peers of the host.
const VMAND_CONFIG: &str = "relay_socket = \"/run/vman/relay.sock\"\n";
const MANAGEMENT_INIT: &str = include_str!("management-init.sh");
const GUEST_INIT: &str = include_str!("guest-init.sh");

/// Files of an initramfs, gathered in a folder.
#[derive(Debug)]
pub struct Tree {
    dir: tempfile::TempDir,
}

impl Tree {
    /// The board's busybox with all its names, and `init`.
    ///
    /// # Errors
    /// Busybox cannot be fetched, or files cannot be written.
    pub fn new(init: &str) -> Result<Tree> {
        Tree::with_busybox(init, &assets::busybox()?)
    }

    /// This busybox, and `init`.
    ///
    /// # Errors
    /// Files cannot be written.
    pub fn with_busybox(init: &str, busybox: &Path) -> Result<Tree> {
        let dir = tempfile::tempdir().context("Cannot create a folder for an initramfs")?;
        let tree = Tree { dir };
        for mount_point in ["proc", "sys", "dev", "run", "tmp", "etc", "root"] {
            fs::create_dir(tree.dir.path().join(mount_point))?;
        }
        tree.program("bin/busybox", busybox)?;
        symlink("busybox", tree.dir.path().join("bin/sh"))?;
        tree.text("init", init)?;
        Ok(tree)
    }

    /// Puts a copy of `source` at `target`, executable.
    ///
    /// # Errors
    /// It cannot be copied.
    pub fn program(&self, target: &str, source: &Path) -> Result<()> {
        self.file(target, source)?;
        Ok(fs::set_permissions(self.dir.path().join(target), fs::Permissions::from_mode(0o755))?)
    }

    /// Puts a copy of `source` at `target`.
    ///
    /// # Errors
    /// It cannot be copied.
    pub fn file(&self, target: &str, source: &Path) -> Result<()> {
        let target = self.place(target)?;
        fs::copy(source, &target).with_context(|| format!("Cannot copy {}", source.display()))?;
        Ok(())
    }

    /// Writes an executable text to `target`.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn text(&self, target: &str, content: &str) -> Result<()> {
        let target = self.place(target)?;
        fs::write(&target, content).with_context(|| format!("Cannot write {}", target.display()))?;
        Ok(fs::set_permissions(target, fs::Permissions::from_mode(0o755))?)
    }

    /// Writes a file.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn bytes(&self, target: &str, content: &[u8]) -> Result<()> {
        let target = self.place(target)?;
        fs::write(&target, content).with_context(|| format!("Cannot write {}", target.display()))
    }

    fn place(&self, target: &str) -> Result<PathBuf> {
        let target = self.dir.path().join(target);
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent).with_context(|| format!("Cannot create {}", parent.display()))?;
        }
        Ok(target)
    }

    /// Packs everything into the archive `output` ("newc" format, uncompressed), owned by root.
    ///
    /// # Errors
    /// `cpio` fails.
    pub fn pack(&self, output: &Path) -> Result<()> {
        let archive =
            fs::File::create(output).with_context(|| format!("Cannot create {}", output.display()))?;
        let mut find = Command::new("find").arg(".").current_dir(&self.dir).stdout(Stdio::piped()).spawn()?;
        let names = find.stdout.take().context("find has no output")?;
        let mut cpio = Command::new("cpio");
        cpio.args(["--create", "--format=newc", "--owner=+0:+0", "--quiet"]).current_dir(&self.dir);
        let status = cpio.stdin(names).stdout(archive).status().context("Cannot run cpio")?;
        if !find.wait()?.success() || !status.success() {
            bail!("`{}` ended with {status}", process::display(&cpio));
        }
        Ok(())
    }
}

/// What the management partition's system holds beside the driver, vmand and vmanctl.
#[derive(Debug, Default)]
pub struct Extras {
    /// The script that is run instead of a shell; the machine turns itself off behind it.
    pub script: Option<String>,
    /// More programs for [`path::BIN`], by their crates.
    pub crates: Vec<&'static str>,
    /// More programs, and where they go.
    pub programs: Vec<(&'static str, PathBuf)>,
    /// More scripts for [`path::BIN`]: name and text.
    pub scripts: Vec<(&'static str, &'static str)>,
    /// Whether vmand and vmanctl are left out.
    pub bare: bool,
    /// The kernel for partitions, if it is not that of the management partition.
    pub guest_kernel: Option<PathBuf>,
}

/// The management partition's system.
///
/// # Errors
/// A part cannot be fetched or built.
pub fn management(series: Series, extras: &Extras, output: &Path) -> Result<()> {
    let tree = Tree::new(MANAGEMENT_INIT)?;
    tree.file(path::MODULE, &vmanager_ko(series)?)?;
    for (name, module) in assets::kernel(series)?.relay_modules()? {
        tree.bytes(&format!("lib/modules/{name}.ko"), &module)?;
    }
    let kernel = match &extras.guest_kernel {
        Some(kernel) => kernel.clone(),
        None => assets::kernel(series)?.image,
    };
    tree.file(path::GUEST_KERNEL, &kernel)?;
    let guest_archive = tempfile::NamedTempFile::new()?;
    guest(guest_archive.path())?;
    tree.file(path::GUEST_INITRD, guest_archive.path())?;
    let daemon: &[&str] = if extras.bare { &[] } else { &["vmand", "vman-relay", "vmanctl"] };
    if !extras.bare {
        tree.bytes(path::VMAND_CONFIG, VMAND_CONFIG.as_bytes())?;
    }
    let names: Vec<_> = daemon.iter().chain(&extras.crates).copied().collect();
    for (name, program) in names.iter().zip(userspace::build(&names)?) {
        tree.program(&format!("{}/{name}", path::BIN), &program)?;
    }
    for (place, program) in &extras.programs {
        tree.program(place, program)?;
    }
    for (name, text) in &extras.scripts {
        tree.text(&format!("{}/{name}", path::BIN), text)?;
    }
    if let Some(script) = &extras.script {
        tree.text(path::SCRIPT, script)?;
    }
    tree.pack(output)
}

/// The system that partitions start: prints [`GUEST_UP`] and then counts seconds; its command line can make it turn
/// itself off or reset itself.
///
/// # Errors
/// Busybox cannot be fetched, or the archive cannot be written.
pub fn guest(output: &Path) -> Result<()> {
    let tree = Tree::new(GUEST_INIT)?;
    tree.program("bin/guest-bench", &userspace::guest_bench()?)?;
    tree.program("bin/guest-link", &userspace::guest_link()?)?;
    tree.pack(output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_starts_say_what_the_runner_waits_for() {
        assert!(MANAGEMENT_INIT.contains(MANAGEMENT_UP) && MANAGEMENT_INIT.contains(path::SCRIPT));
        assert!(MANAGEMENT_INIT.contains(path::MODULE));
        assert!(GUEST_INIT.contains(GUEST_UP));
    }
}
