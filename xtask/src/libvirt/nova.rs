//! A Python environment with Nova in it, made once in the cache, for the test that runs Nova's own classes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::PYTHON;
use super::tree::key;
use crate::assets::cache::Cache;
use crate::{process, workspace};

/// Exact versions of Nova and everything that it needs, from the root of the checkout.
const REQUIREMENTS: &str = "libvirt-driver/tests/nova/requirements.txt";
/// Where Debian keeps that binding.
const DIST_PACKAGES: &str = "/usr/lib/python3/dist-packages";

/// The environment's Python, which finds Nova, pytest and the distribution's own libvirt binding.
///
/// # Errors
/// Packages cannot be fetched, or the binding is not installed.
pub fn python() -> Result<PathBuf> {
    let file = workspace::root().join(REQUIREMENTS);
    let requirements = fs::read(&file).with_context(|| format!("Cannot read {}", file.display()))?;
    let version = process::read(Command::new(PYTHON).arg("--version"))?;
    let cache = Cache::open()?;
    let dir =
        cache.entry("nova", &key(&[&requirements, version.as_bytes()]), |content| fill(content, &file))?;
    Ok(dir.join("venv/bin/python"))
}

fn fill(content: &Path, requirements: &Path) -> Result<()> {
    eprintln!("  pip     Nova, for its test (about a minute)");
    let venv = content.join("venv");
    process::read(Command::new(PYTHON).args(["-m", "venv"]).arg(&venv))?;
    let mut pip = Command::new(venv.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--disable-pip-version-check", "-r"])
        .arg(requirements);
    process::read(&mut pip).context("Nova cannot be installed from the package index")?;
    link_binding(&venv)
}

/// The distribution's binding is what is tested: the environment gets links to its files and to nothing else.
fn link_binding(venv: &Path) -> Result<()> {
    let mut python = Command::new(venv.join("bin/python"));
    let place = process::read(python.args(["-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]))?;
    let place = Path::new(place.trim());
    let mut found = 0;
    for entry in fs::read_dir(DIST_PACKAGES)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with("libvirt") {
            std::os::unix::fs::symlink(&path, place.join(&name))?;
            found += 1;
        }
    }
    if found == 0 {
        bail!("{DIST_PACKAGES} holds no libvirt: install python3-libvirt");
    }
    Ok(())
}
