//! The kernel driver, built for Debian's unmodified arm64 kernel.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::apt::Series;
use crate::{assets, process, workspace};

/// Builds `vmanager.ko` for the kernel of `series`; warnings are errors.
///
/// The sources are copied into the build directory, because kbuild writes beside them.
///
/// # Errors
/// The headers cannot be fetched, or the module does not build.
pub fn vmanager_ko(series: Series) -> Result<PathBuf> {
    let headers = assets::headers(series)?;
    let dir = workspace::target_dir().join("board/kernel-driver").join(&headers.release);
    copy_sources(&workspace::root().join("kernel-driver"), &dir)?;
    let mut build = headers.build_module(&dir);
    let output = process::read(build.arg("W=1").arg("KCFLAGS=-Werror"))?;
    if output.contains("WARNING:") {
        bail!("vmanager.ko does not build cleanly:\n{output}");
    }
    Ok(dir.join("vmanager.ko"))
}

/// Copies what a package of the driver holds: sources, makefiles and DKMS's description.
///
/// # Errors
/// A file cannot be read or written.
pub fn copy_package(from: &Path, to: &Path) -> Result<()> {
    copy_sources(from, to)?;
    for file in ["Makefile", "dkms.conf"] {
        copy_changed(&from.join(file), &to.join(file))?;
    }
    Ok(())
}

fn copy_sources(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("Cannot create {}", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("Cannot read {}", from.display()))? {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name()))?;
        if path.is_dir() {
            copy_sources(&path, &to.join(name))?;
        } else if is_source(&path) {
            copy_changed(&path, &to.join(name))?;
        }
    }
    Ok(())
}

fn is_source(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    matches!(extension, Some("c" | "h")) || path.ends_with("Kbuild")
}

/// Keeps the time of a file that did not change, so that make does not build it again.
fn copy_changed(from: &Path, to: &Path) -> Result<()> {
    let content = fs::read(from).with_context(|| format!("Cannot read {}", from.display()))?;
    if fs::read(to).ok().as_ref() == Some(&content) {
        return Ok(());
    }
    fs::write(to, content).with_context(|| format!("Cannot write {}", to.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dkms_packages_this_version_and_kbuild_names_every_source() {
        let driver = workspace::root().join("kernel-driver");
        let text = |file: &str| fs::read_to_string(driver.join(file)).unwrap();
        assert!(text("dkms.conf").contains(&format!("PACKAGE_VERSION=\"{}\"", env!("CARGO_PKG_VERSION"))));
        let objects = text("Kbuild");
        for entry in fs::read_dir(&driver).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if let Some(source) = name.strip_suffix(".c") {
                assert!(objects.contains(&format!("{source}.o")), "{source} is not built");
            }
        }
    }

    #[test]
    fn only_sources_are_copied_and_only_when_they_change() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::create_dir(from.path().join("include")).unwrap();
        for file in ["a.c", "a.o", "Kbuild", "include/a.h"] {
            fs::write(from.path().join(file), file).unwrap();
        }
        copy_sources(from.path(), to.path()).unwrap();
        assert!(to.path().join("include/a.h").is_file() && to.path().join("Kbuild").is_file());
        assert!(!to.path().join("a.o").exists());
        let time = || to.path().join("a.c").metadata().unwrap().modified().unwrap();
        let before = time();
        copy_sources(from.path(), to.path()).unwrap();
        assert_eq!(time(), before);
    }
}
