//! Flavour B: the same driver as a series of patches for libvirt itself.
//!
//! The changes to libvirt's own files are kept as patches; the driver, its documents and its tests are the files of
//! this checkout. Both together become a git repository, whose commits are the series.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::checks::git;
use super::installed::Libvirt;
use super::tree;
use crate::assets::cache::directory;
use crate::check::cargo;
use crate::{process, workspace};

/// The patches, from the root of the checkout, by number.
const PATCHES: &str = "libvirt-driver/upstream";

/// Files of the checkout that belong to a patch: number of the patch, where they are, where they go.
const FILES: &[(&str, &str, &str)] = &[
    ("0003", "libvirt-driver/src/vman", "src/vman"),
    ("0004", "libvirt-driver/docs/drvvman.rst", "docs/drvvman.rst"),
    ("0004", "libvirt-driver/docs/virtvmand.rst", "docs/manpages/virtvmand.rst"),
    ("0005", "libvirt-driver/upstream/tests/vmanxml2xmltest.c", "tests/vmanxml2xmltest.c"),
    ("0005", "libvirt-driver/upstream/tests/vmanxml2xmldata", "tests/vmanxml2xmldata"),
];

/// libvirt's build for its own checks: the drivers that need little, and the documents.
const OPTIONS: [&str; 14] = [
    "--auto-features=disabled",
    "-Ddriver_remote=enabled",
    "-Ddriver_libvirtd=enabled",
    "-Ddriver_test=enabled",
    "-Ddriver_qemu=enabled",
    "-Ddriver_vman=enabled",
    "-Dqemu_user=root",
    "-Dqemu_group=root",
    "-Dtests=enabled",
    "-Dexpensive_tests=disabled",
    "-Ddocs=enabled",
    "-Dyajl=enabled",
    "-Dlibnl=enabled",
    "-Dsystem=true",
];

/// Writes the series into `out` and returns its files.
///
/// # Errors
/// The source cannot be fetched, or a patch does not apply.
pub fn write(out: &Path) -> Result<Vec<PathBuf>> {
    let work = tempfile::tempdir()?;
    let repository = work.path().join("libvirt");
    make(&repository)?;
    fs::create_dir_all(out)?;
    let out = std::path::absolute(out)?;
    let files =
        git(&repository, &["format-patch", "--cover-letter", "-o", &out.to_string_lossy(), "base..HEAD"])?;
    Ok(files.lines().map(PathBuf::from).collect())
}

/// Applies, builds, and runs libvirt's own tests with the series.
///
/// # Errors
/// A step of these fails.
pub fn check() -> Result<()> {
    let dir = directory()?.join("libvirt-series");
    let source = dir.join("libvirt");
    if source.exists() {
        fs::remove_dir_all(&source)?;
    }
    make(&source)?;
    let build = source.join("build");
    let mut setup = Command::new("meson");
    setup.arg("setup").args(OPTIONS).arg(&build).arg(&source);
    setup.env("LC_ALL", "C.UTF-8").env("PKG_CONFIG_PATH", libvman_pc(&dir)?);
    process::read(&mut setup)?;
    process::read(Command::new("ninja").arg("-C").arg(&build))?;
    let mut test = Command::new("meson");
    test.args(["test", "--no-rebuild", "--print-errorlogs", "-C"]).arg(&build).env("LC_ALL", "C.UTF-8");
    process::read(&mut test).map(drop)
}

/// A repository with the distribution's source as tag `base` and the series on top.
fn make(repository: &Path) -> Result<()> {
    tree::unpack(&Libvirt::find()?, repository, None)?;
    git(repository, &["init", "--quiet"])?;
    // What the distribution's packaging adds is no part of libvirt, and the key codes are a submodule of it, which its
    // checks of style leave alone.
    fs::write(repository.join(".git/info/exclude"), "/debian\n/.pc\n/build\n/src/keycodemapdb\n")?;
    git(repository, &["add", "--force", "--all", "--", ".", ":!debian", ":!.pc", ":!src/keycodemapdb"])?;
    git(repository, &["commit", "--quiet", "--no-verify", "--message", "base"])?;
    git(repository, &["tag", "base"])?;
    for patch in patches()? {
        apply(repository, &patch)?;
    }
    Ok(())
}

fn patches() -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(workspace::root().join(PATCHES))?;
    let mut patches: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    patches.retain(|path| path.extension().is_some_and(|end| end == "patch"));
    patches.sort();
    if patches.is_empty() {
        bail!("{PATCHES} holds no patches");
    }
    Ok(patches)
}

/// One commit: the patch, and the files that belong to it.
fn apply(repository: &Path, patch: &Path) -> Result<()> {
    let name = patch.file_name().unwrap_or_default().to_string_lossy().into_owned();
    git(repository, &["am", "--quiet", &patch.to_string_lossy()])
        .with_context(|| format!("{name} does not apply to this version of libvirt"))?;
    let mut added = false;
    for (number, from, to) in FILES.iter().filter(|(number, _, _)| name.starts_with(number)) {
        let to = repository.join(to);
        let from = workspace::root().join(from);
        process::read(Command::new("cp").arg("-R").arg(&from).arg(&to))
            .with_context(|| format!("Patch {number} needs {}", from.display()))?;
        added = true;
    }
    if added {
        if name.starts_with("0003") {
            list_translated_files(repository)?;
        }
        git(repository, &["add", "--all"])?;
        git(repository, &["commit", "--quiet", "--no-verify", "--amend", "--no-edit"])?;
    }
    Ok(())
}

/// po/POTFILES names every source file with a text to translate, in order.
fn list_translated_files(repository: &Path) -> Result<()> {
    let potfiles = repository.join("po/POTFILES");
    let text = fs::read_to_string(&potfiles)?;
    let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
    for entry in fs::read_dir(repository.join("src/vman"))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.ends_with(".c") && fs::read_to_string(&path)?.contains("_(\"") {
            lines.push(format!("src/vman/{name}"));
        }
    }
    lines.sort();
    fs::write(potfiles, lines.join("\n") + "\n").map_err(Into::into)
}

/// libvman as an installed library would be found: pkg-config's file beside the static library.
fn libvman_pc(dir: &Path) -> Result<PathBuf> {
    process::run(cargo("rustc").args(super::build::LIBVMAN))?;
    let library = workspace::target_dir().join("release");
    let include = workspace::root().join("bindings/c/include");
    let text = format!(
        "Name: vman\nDescription: client library of the vManager daemon\nVersion: {}\n\
         Cflags: -I{}\nLibs: {}/libvman.a -lgcc_s -lpthread -ldl -lm\n",
        env!("CARGO_PKG_VERSION"),
        include.display(),
        library.display()
    );
    fs::create_dir_all(dir)?;
    fs::write(dir.join("vman.pc"), text)?;
    Ok(dir.to_path_buf())
}
