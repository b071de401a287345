//! Debian's unmodified arm64 kernel, its modules, and what building a module for it needs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow};
use serde::{Deserialize, Serialize};

use super::cache::Cache;
use super::fetching;
use crate::apt::{PrivateApt, Series};

/// The kernel that Debian's meta package names today.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Release {
    /// `uname -r`.
    release: String,
    /// Version of the package.
    version: String,
}

impl Release {
    fn key(&self) -> String {
        format!("{}_{}", self.release, self.version)
    }
}

/// An unpacked kernel package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kernel {
    /// The arm64 Image, as Debian ships it.
    pub image: PathBuf,
    /// `uname -r`.
    pub release: String,
    /// The folder that a running kernel would see as `/lib/modules/RELEASE`.
    pub modules: PathBuf,
}

/// Unpacked headers against which a module can be built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Headers {
    /// What `make -C` takes.
    pub build: PathBuf,
    /// `uname -r` of the kernel that loads the module.
    pub release: String,
}

impl Headers {
    /// `make modules` for the out-of-tree module in `source`.
    pub fn build_module(&self, source: &Path) -> Command {
        let mut command = Command::new("make");
        command.arg("-C").arg(&self.build).arg(format!("M={}", source.display())).args([
            "ARCH=arm64",
            "CROSS_COMPILE=aarch64-linux-gnu-",
            // Type information for BPF needs pahole and the kernel's own ELF file; a module loads without.
            "CONFIG_DEBUG_INFO_BTF_MODULES=",
            "modules",
        ]);
        command
    }
}

/// Fetches the kernel, or finds it in the cache.
///
/// # Errors
/// The archive cannot be reached, or the package has not the expected files.
pub fn kernel(series: Series) -> Result<Kernel> {
    with_release(series, kernel_of)
}

/// Fetches the headers that belong to [`kernel`], or finds them in the cache.
///
/// # Errors
/// As [`kernel`].
pub fn headers(series: Series) -> Result<Headers> {
    with_release(series, headers_of)
}

/// The newer kernel for virtual machines of this machine's architecture; its modules are not needed.
///
/// # Errors
/// As [`kernel`].
pub fn guest_kernel() -> Result<Kernel> {
    let cache = Cache::open()?;
    let open = || PrivateApt::open(&cache.apt(), Series::Backports);
    let release = cache.resolved("kernel-guest", || {
        let apt = open()?;
        let meta = apt.show(&format!("linux-image-cloud-{host}:{host}", host = apt.host()))?;
        let release = meta.depends.iter().find_map(|name| name.strip_prefix("linux-image-"));
        let release = release.ok_or_else(|| anyhow!("linux-image-cloud {} names no kernel", meta.version))?;
        Ok(Release { release: release.to_owned(), version: meta.version.clone() })
    })?;
    let root = cache.entry("kernel-guest", &release.key(), |content| {
        let package = format!("linux-image-{}", release.release);
        let _done = fetching(&package);
        let apt = open()?;
        apt.unpack(&[format!("{package}:{}", apt.host())], content)
    })?;
    Ok(Kernel {
        image: existing(root.join("boot").join(format!("vmlinuz-{}", release.release)))?,
        modules: root.join("lib/modules").join(&release.release),
        release: release.release,
    })
}

/// Runs `get` on the remembered release, and once more on a fresh one when that fails: a security update makes the
/// older packages vanish from the archive.
fn with_release<T>(series: Series, get: fn(&Cache, Series, &Release) -> Result<T>) -> Result<T> {
    let cache = Cache::open()?;
    let name = format!("kernel-{}", series.name());
    let release = cache.resolved(&name, || resolve(&cache, series))?;
    get(&cache, series, &release).or_else(|first| {
        cache.forget(&name);
        let fresh = cache.resolved(&name, || resolve(&cache, series))?;
        if fresh == release {
            return Err(first);
        }
        get(&cache, series, &fresh)
    })
}

fn resolve(cache: &Cache, series: Series) -> Result<Release> {
    let meta = PrivateApt::open(&cache.apt(), series)?.show("linux-image-arm64")?;
    let release = meta.depends.iter().find_map(|name| name.strip_prefix("linux-image-"));
    let release = release.ok_or_else(|| anyhow!("linux-image-arm64 {} names no kernel", meta.version))?;
    Ok(Release { release: release.to_owned(), version: meta.version.clone() })
}

fn kernel_of(cache: &Cache, series: Series, release: &Release) -> Result<Kernel> {
    let root = cache.entry("kernel", &release.key(), |content| {
        let package = format!("linux-image-{}", release.release);
        let _done = fetching(&package);
        PrivateApt::open(&cache.apt(), series)?.unpack(&[package], content)
    })?;
    let modules = ["lib/modules", "usr/lib/modules"].map(|dir| root.join(dir).join(&release.release));
    Ok(Kernel {
        image: existing(root.join("boot").join(format!("vmlinuz-{}", release.release)))?,
        release: release.release.clone(),
        modules: existing(modules.iter().find(|dir| dir.is_dir()).unwrap_or(&modules[0]).clone())?,
    })
}

fn headers_of(cache: &Cache, series: Series, release: &Release) -> Result<Headers> {
    let package = format!("linux-headers-{}", release.release);
    let root = cache.entry("headers", &release.key(), |content| {
        let _done = fetching(&package);
        unpack_headers(&PrivateApt::open(&cache.apt(), series)?, &package, content)
    })?;
    let build = existing(root.join("usr/src").join(&package))?;
    Ok(Headers { build, release: release.release.clone() })
}

fn unpack_headers(apt: &PrivateApt, package: &str, root: &Path) -> Result<()> {
    let headers = apt.show(package)?;
    let mut packages = vec![package.to_owned()];
    for name in &headers.depends {
        if name.starts_with("linux-headers-") {
            packages.push(name.clone());
        } else if name.starts_with("linux-kbuild-") {
            // kbuild's programs run on the machine that builds.
            packages.push(format!("{name}:{}", apt.host()));
        }
    }
    apt.unpack(&packages, root)?;
    relocate(&root.join("usr/src").join(package).join("Makefile"))
}

/// Makes the one absolute path in the headers relative to the file itself.
fn relocate(makefile: &Path) -> Result<()> {
    let text = fs::read_to_string(makefile).with_context(|| format!("Cannot read {}", makefile.display()))?;
    fs::write(makefile, relocated(&text)).with_context(|| format!("Cannot write {}", makefile.display()))
}

fn relocated(makefile: &str) -> String {
    let here = "include $(dir $(abspath $(lastword $(MAKEFILE_LIST))))../";
    makefile.replace("include /usr/src/", here)
}

fn existing(path: PathBuf) -> Result<PathBuf> {
    path.metadata().with_context(|| format!("The package should hold {}", path.display()))?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_headers_makefile_finds_its_neighbour_wherever_it_is_unpacked() {
        let text = relocated("include /usr/src/linux-headers-6.1.0-56-common/Makefile\n");
        assert!(text.ends_with("../linux-headers-6.1.0-56-common/Makefile\n"), "{text}");
        assert!(!text.contains("include /usr"));
    }

    #[test]
    fn the_key_tells_rebuilt_packages_of_one_release_apart() {
        let release = |version: &str| Release { release: "6.1.0-56-arm64".into(), version: version.into() };
        assert_ne!(release("6.1.192-1").key(), release("6.1.192-2").key());
    }
}
