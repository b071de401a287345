//! The kernel driver built by DKMS, as a package of it would be on the board, against Debian's arm64 headers.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::module;
use crate::apt::Series;
use crate::{assets, process, workspace};

/// Builds it for the kernels of both series and prints the results in the form of Rust's test harness; tells whether
/// all are good.
///
/// # Errors
/// The headers cannot be fetched.
pub(super) fn test() -> Result<bool> {
    let mut failed = 0;
    let series = [Series::Stable, Series::Backports];
    for series in series {
        match build(series) {
            Ok(module) => println!("test dkms_builds_the_driver_for_{} ... ok ({module})", series.name()),
            Err(error) => {
                failed += 1;
                println!("test dkms_builds_the_driver_for_{} ... FAILED: {error:#}", series.name());
            }
        }
    }
    let (passed, verdict) = (series.len() - failed, if failed == 0 { "ok" } else { "FAILED" });
    println!(
        "test result: {verdict}. {passed} passed; {failed} failed; 0 ignored; 0 measured; 0 filtered out"
    );
    Ok(failed == 0)
}

/// `dkms build` in folders of its own; what the kernel will say of the module.
fn build(series: Series) -> Result<String> {
    let headers = assets::headers(series)?;
    let folder = tempfile::tempdir()?;
    let (tree, sources) = (folder.path().join("tree"), folder.path().join("sources"));
    let version = env!("CARGO_PKG_VERSION");
    let source = sources.join(format!("vmanager-{version}"));
    fs::create_dir(&tree)?;
    module::copy_package(&workspace::root().join("kernel-driver"), &source)?;
    let mut dkms = Command::new("/usr/sbin/dkms");
    dkms.args(["build", "-m", "vmanager", "-v", version, "-a", "aarch64", "-k", &headers.release]);
    dkms.arg("--dkmstree").arg(&tree).arg("--sourcetree").arg(&sources);
    dkms.arg("--kernelsourcedir").arg(&headers.build);
    // What a machine of another architecture needs, and nothing else.
    dkms.envs([("ARCH", "arm64"), ("CROSS_COMPILE", "aarch64-linux-gnu-")]);
    process::read(&mut dkms)?;
    check(&find_module(&tree.join("vmanager").join(version))?, &headers.release)
}

fn find_module(below: &Path) -> Result<PathBuf> {
    for entry in fs::read_dir(below).with_context(|| format!("Cannot read {}", below.display()))? {
        let path = entry?.path();
        if path.is_dir() && !path.is_symlink() {
            if let Ok(found) = find_module(&path) {
                return Ok(found);
            }
        } else if path.ends_with("vmanager.ko") {
            return Ok(path);
        }
    }
    bail!("DKMS left no module in {}", below.display())
}

/// The kernel's release stands in the module, behind `vermagic=`.
fn check(module: &Path, release: &str) -> Result<String> {
    let content = fs::read(module)?;
    let magic = content.split(|byte| *byte == 0).find_map(|text| text.strip_prefix(b"vermagic="));
    let magic = String::from_utf8_lossy(magic.context("The module has no vermagic")?).into_owned();
    if !magic.starts_with(&format!("{release} ")) || !magic.ends_with("aarch64") {
        bail!("The module is for {magic}, not for {release}");
    }
    Ok(magic)
}
