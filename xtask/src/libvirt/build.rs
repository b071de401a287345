//! Building the daemon and the driver, and the library in the driver.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::installed::Libvirt;
use super::layout::Layout;
use super::tree::{Tree, copy_if_other};
use crate::check::cargo;
use crate::{process, workspace};

/// The programs of ninja's graph that are ours.
const TARGETS: [&str; 2] = ["src/virtvmand", "src/libvirt_driver_vman.so"];

/// cargo's arguments for the static library with nothing but partitions in it.
pub(super) const LIBVMAN: [&str; 10] = [
    "--release",
    "--quiet",
    "--package",
    "vman-ffi",
    "--lib",
    "--crate-type",
    "staticlib",
    "--no-default-features",
    "--features",
    "partition",
];

/// What was built, with its tree locked.
#[derive(Debug)]
pub struct Built {
    /// The libvirt that it runs on.
    pub libvirt: Libvirt,
    /// The places that are compiled in.
    pub layout: Layout,
    tree: Tree,
}

impl Built {
    /// Builds for the installed libvirt; what is built already and still fits stays.
    ///
    /// # Errors
    /// The source cannot be fetched, or something does not compile.
    pub fn new(layout: Layout) -> Result<Built> {
        let libvirt = Libvirt::find()?;
        let library = libvman()?;
        let tree = Tree::open(&libvirt, &layout)?;
        copy_if_other(&library, &tree.deps().join("libvman.a"))?;
        eprintln!("  ninja   virtvmand and the driver for libvirt {}", libvirt.version());
        let mut ninja = Command::new("ninja");
        ninja.arg("-C").arg(tree.build()).args(TARGETS);
        process::read(&mut ninja).context("The driver does not compile")?;
        Ok(Built { libvirt, layout, tree })
    }

    /// A file that the build made, by its path in the build directory.
    pub fn file(&self, path: &str) -> PathBuf {
        self.tree.build().join(path)
    }

    /// Where meson builds.
    pub fn build_dir(&self) -> PathBuf {
        self.tree.build()
    }

    /// Tells a program of the tests by its environment what it works with; `programs` holds vmand and vman-sim.
    pub fn tell(&self, command: &mut Command, programs: &Path) {
        command.env("VMAND", programs.join("vmand")).env("VMAN_SIM", programs.join("vman-sim"));
        command.env("VIRTVMAND", self.file("src/virtvmand"));
        command.env("LIBVIRT_DRIVER_DIR", self.build_dir().join("src"));
        // Nothing is written into the checkout.
        command.env("PYTHONDONTWRITEBYTECODE", "1");
    }

    /// libvirt's source with the driver in it.
    pub fn source_dir(&self) -> PathBuf {
        self.tree.source()
    }
}

fn libvman() -> Result<PathBuf> {
    process::run(cargo("rustc").args(LIBVMAN))?;
    Ok(workspace::target_dir().join("release/libvman.a"))
}

/// Copies a program or module without its debugging symbols.
pub(super) fn copy_stripped(from: &Path, to: &Path) -> Result<()> {
    process::read(Command::new("strip").arg("--strip-unneeded").arg("-o").arg(to).arg(from)).map(drop)
}
