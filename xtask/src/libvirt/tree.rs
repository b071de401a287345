//! libvirt's source tree with the driver in it, kept in the cache under a key of what it is made of.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use super::installed::Libvirt;
use super::layout::Layout;
use crate::apt::source_package::SourceApt;
use crate::assets::cache::{Cache, directory};
use crate::{process, workspace};

/// The change to libvirt's own files, from the root of the checkout.
const PATCH: &str = "libvirt-driver/patches/out-of-tree.patch";
/// The driver, from the root of the checkout.
const DRIVER: &str = "libvirt-driver/src/vman";
/// Trees of other keys that are kept.
const KEPT_TREES: usize = 3;

/// What is built besides libvirt's client side; the rest stays off.
const OPTIONS: [&str; 11] = [
    "--auto-features=disabled",
    "-Dsystem=true",
    "-Ddriver_remote=enabled",
    "-Ddriver_libvirtd=enabled",
    "-Ddriver_vman=enabled",
    "-Dtests=disabled",
    "-Ddocs=disabled",
    "-Dyajl=enabled",
    "-Dlibnl=enabled",
    "-Dinit_script=systemd",
    "-Dno_git=true",
];

/// A tree, locked against other builds for as long as this value lives.
#[derive(Debug)]
pub struct Tree {
    dir: PathBuf,
    _lock: File,
}

impl Tree {
    /// The tree for this libvirt and these places, made when it is not there yet, with the checkout's driver in it.
    ///
    /// # Errors
    /// The source cannot be fetched, or the patch does not fit it.
    pub fn open(libvirt: &Libvirt, layout: &Layout) -> Result<Tree> {
        let patch = workspace::root().join(PATCH);
        let options = options(libvirt, layout);
        let key = key(&[
            libvirt.source_version.as_bytes(),
            &fs::read(&patch).with_context(|| format!("Cannot read {}", patch.display()))?,
            options.join(" ").as_bytes(),
            process::read(Command::new("meson").arg("--version"))?.as_bytes(),
            process::read(Command::new("gcc").arg("--version"))?.as_bytes(),
        ]);
        let trees = directory()?.join("libvirt-build");
        let tree = Tree::lock(&trees, &format!("{}-{key}", libvirt.version()))?;
        if !tree.source().is_dir() {
            unpack(libvirt, &tree.source(), Some(&patch))?;
            remove_old_trees(&trees);
        }
        tree.bring_in_driver()?;
        if !tree.build().join("build.ninja").is_file() {
            tree.configure(&options)?;
        }
        Ok(tree)
    }

    fn lock(trees: &Path, name: &str) -> Result<Tree> {
        let dir = trees.join(name);
        fs::create_dir_all(dir.join("deps"))?;
        let lock = File::create(dir.join("lock"))?;
        lock.lock().with_context(|| format!("Cannot lock {}", dir.display()))?;
        Ok(Tree { dir, _lock: lock })
    }

    /// libvirt's files.
    pub fn source(&self) -> PathBuf {
        self.dir.join("source")
    }

    /// Where meson builds.
    pub fn build(&self) -> PathBuf {
        self.dir.join("build")
    }

    /// Where `libvman.a` and `vman.h` are looked for.
    pub fn deps(&self) -> PathBuf {
        self.dir.join("deps")
    }

    /// Copies what is newer in the checkout, so that only what changed is built again.
    fn bring_in_driver(&self) -> Result<()> {
        let driver = workspace::root().join(DRIVER);
        let inside = self.source().join("src/vman");
        fs::create_dir_all(&inside)?;
        let names = file_names(&driver)?;
        for name in &names {
            copy_if_other(&driver.join(name), &inside.join(name))?;
        }
        for name in file_names(&inside)?.iter().filter(|name| !names.contains(name)) {
            fs::remove_file(inside.join(name))?;
        }
        copy_if_other(&workspace::root().join("bindings/c/include/vman.h"), &self.deps().join("vman.h"))
    }

    fn configure(&self, options: &[String]) -> Result<()> {
        eprintln!("  meson   {}", self.build().display());
        let deps = self.deps();
        // meson looks for the library; what is in it comes later.
        if !deps.join("libvman.a").exists() {
            process::read(Command::new("ar").arg("rc").arg(deps.join("libvman.a")))?;
        }
        let mut setup = Command::new("meson");
        setup.arg("setup").args(options).arg(format!("-Dvman_lib={}", deps.display()));
        setup.arg(format!("-Dvman_include={}", deps.display())).arg(self.build()).arg(self.source());
        setup.env("LC_ALL", "C.UTF-8").envs(hardening()?);
        let result = process::read(&mut setup);
        if result.is_err() {
            // Half a configuration would be taken for a whole one.
            let _ = fs::remove_dir_all(self.build());
        }
        result.map(drop)
    }
}

/// The compiler's and the linker's options that the distribution builds its packages with.
fn hardening() -> Result<Vec<(&'static str, String)>> {
    let flag = |name| {
        let mut flags = Command::new("dpkg-buildflags");
        flags.env("DEB_BUILD_MAINT_OPTIONS", "hardening=+bindnow").args(["--get", name]);
        Ok((name, process::read(&mut flags)?.trim().to_owned()))
    };
    ["CFLAGS", "CPPFLAGS", "LDFLAGS"].into_iter().map(flag).collect()
}

fn options(libvirt: &Libvirt, layout: &Layout) -> Vec<String> {
    let mut options: Vec<_> = OPTIONS.iter().map(|&option| option.to_owned()).collect();
    options.extend(layout.meson_options());
    options.push(format!("-Dlibdir=lib/{}", libvirt.multiarch));
    options.push(format!("-Dvman_libvirt={}", libvirt.libdir.display()));
    options
}

pub(super) fn key(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    hash.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

/// Fetches and unpacks libvirt's source as the distribution has it, and applies `patch` if there is one.
pub(super) fn unpack(libvirt: &Libvirt, into: &Path, patch: Option<&Path>) -> Result<()> {
    let archive = fetched(libvirt)?;
    let unfinished = into.with_extension("unfinished");
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished)?;
    }
    if let Some(dir) = into.parent() {
        fs::create_dir_all(dir)?;
    }
    eprintln!("  unpack  libvirt {}", libvirt.source_version);
    process::read(Command::new("dpkg-source").arg("--extract").arg(archive).arg(&unfinished))?;
    if let Some(patch) = patch {
        let mut apply = Command::new("patch");
        apply.args(["--strip=1", "--forward", "--batch", "--input"]).arg(patch).current_dir(&unfinished);
        process::read(&mut apply).with_context(|| {
            format!("The change in {PATCH} does not fit libvirt {}", libvirt.source_version)
        })?;
    }
    fs::rename(&unfinished, into)?;
    Ok(())
}

/// The `.dsc` of the source package in the cache.
fn fetched(libvirt: &Libvirt) -> Result<PathBuf> {
    let cache = Cache::open()?;
    let dir = cache.entry("libvirt-source", &libvirt.source_version, |content| {
        eprintln!("  fetch   source of libvirt {}", libvirt.source_version);
        let apt = SourceApt::open(&cache.apt())?;
        apt.download("libvirt", &libvirt.source_version, content).map(drop)
    })?;
    let names = file_names(&dir)?;
    match names.iter().find(|name| name.ends_with(".dsc")) {
        Some(name) => Ok(dir.join(name)),
        None => bail!("{} holds no source package", dir.display()),
    }
}

fn file_names(dir: &Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(dir).with_context(|| format!("Cannot read {}", dir.display()))?;
    let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    names.collect()
}

/// Copies unless the content is the same: what is equal keeps its time, and is not built again.
pub(super) fn copy_if_other(from: &Path, to: &Path) -> Result<()> {
    let new = fs::read(from).with_context(|| format!("Cannot read {}", from.display()))?;
    if fs::read(to).is_ok_and(|old| old == new) {
        return Ok(());
    }
    fs::write(to, new).with_context(|| format!("Cannot write {}", to.display()))
}

/// Removes all but the newest trees; one that is in use is locked and stays.
fn remove_old_trees(trees: &Path) {
    let entries = fs::read_dir(trees).into_iter().flatten().filter_map(Result::ok);
    let mut dated: Vec<_> = entries
        .filter_map(|entry| {
            Some((fs::metadata(entry.path().join("lock")).ok()?.modified().ok()?, entry.path()))
        })
        .collect();
    dated.sort();
    let surplus = dated.len().saturating_sub(KEPT_TREES);
    for (_, dir) in dated.into_iter().take(surplus) {
        let unused = File::open(dir.join("lock")).is_ok_and(|lock| lock.try_lock().is_ok());
        if unused {
            // What cannot be removed only takes room.
            let _ = fs::remove_dir_all(dir);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_changes_with_every_part_and_its_borders() {
        assert_eq!(key(&[b"a", b"b"]), key(&[b"a", b"b"]));
        assert_ne!(key(&[b"a", b"b"]), key(&[b"ab", b""]));
    }

    #[test]
    fn an_equal_file_keeps_its_time() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        fs::write(&from, "1").unwrap();
        copy_if_other(&from, &to).unwrap();
        let before = fs::metadata(&to).unwrap().modified().unwrap();
        fs::write(&from, "1").unwrap();
        copy_if_other(&from, &to).unwrap();
        assert_eq!(fs::metadata(&to).unwrap().modified().unwrap(), before);
    }

    #[test]
    fn old_trees_are_removed_and_those_in_use_stay() {
        let dir = tempfile::tempdir().unwrap();
        let used = Tree::lock(dir.path(), "used").unwrap();
        for name in ["b", "c", "d", "e"] {
            drop(Tree::lock(dir.path(), name).unwrap());
        }
        remove_old_trees(dir.path());
        assert!(used.dir.is_dir());
        assert!(!dir.path().join("b").exists());
        assert!(dir.path().join("e").exists());
    }
}
