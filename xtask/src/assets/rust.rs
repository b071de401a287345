//! A Rust toolchain for aarch64: bare metal without floating point for the firmware, Linux for user space.
//!
//! Three sources, in this order: the targets of the rustup toolchain in use; Debian's `rustc-web` as installed;
//! Debian's `rustc-web` unpacked into the cache. Debian's compiler has no ready `core` for bare metal, so cargo
//! builds it from the source package (`-Zbuild-std`).

use std::env;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow};
use serde::{Deserialize, Serialize};

use super::cache::Cache;
use super::fetching;
use crate::apt::{PrivateApt, Series};
use crate::{process, workspace};

/// Target of the firmware: no vector registers, so that EL3 has none to save.
pub const FIRMWARE_TARGET: &str = "aarch64-unknown-none-softfloat";

/// Target of programs of the management partition, linked statically.
pub const LINUX_TARGET: &str = "aarch64-unknown-linux-gnu";

/// Where the toolchain comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Targets added by rustup.
    Rustup,
    /// Debian's packages, installed.
    Installed,
    /// Debian's packages, unpacked in the cache.
    Unpacked,
}

/// A toolchain that builds for both targets.
#[derive(Debug, Clone)]
pub struct RustAarch64 {
    /// The compiler.
    pub rustc: PathBuf,
    /// Where it comes from.
    pub origin: Origin,
    /// Folder of the linker that bare-metal targets use, when it is not in `PATH` yet.
    pub linker_dir: Option<PathBuf>,
}

impl RustAarch64 {
    /// Arguments after `cargo build` for the firmware.
    pub fn firmware_args(&self) -> Vec<&'static str> {
        let mut args = vec!["--target", FIRMWARE_TARGET];
        if self.origin != Origin::Rustup {
            args.insert(0, "-Zbuild-std=core");
        }
        args
    }

    /// Arguments after `cargo build` for programs of the management partition.
    pub fn linux_args(&self) -> Vec<&'static str> {
        vec!["--target", LINUX_TARGET]
    }

    /// Environment of cargo for both targets.
    pub fn env(&self) -> Vec<(&'static str, OsString)> {
        let mut env = vec![
            ("RUSTC", self.rustc.clone().into_os_string()),
            ("CARGO_TARGET_DIR", target_dir().into_os_string()),
            ("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", "aarch64-linux-gnu-gcc".into()),
            ("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUSTFLAGS", "-Ctarget-feature=+crt-static".into()),
        ];
        if self.origin != Origin::Rustup {
            env.push(("RUSTC_BOOTSTRAP", "1".into()));
        }
        if let Some(dir) = &self.linker_dir {
            env.push(("PATH", prepend_path(dir)));
        }
        env
    }

    /// `cargo build` for the firmware; the caller adds the manifest and the profile.
    pub fn build_firmware(&self) -> Command {
        self.build(&self.firmware_args())
    }

    /// `cargo build` for programs of the management partition; the caller adds packages and the profile.
    pub fn build_linux(&self) -> Command {
        self.build(&self.linux_args())
    }

    /// `cargo clippy`, or `cargo check` through Debian's linter, for the firmware; the caller adds the manifest. Every
    /// warning is an error.
    ///
    /// # Errors
    /// The linter that belongs to the compiler cannot be fetched.
    pub fn lint_firmware(&self) -> Result<Command> {
        let mut command = Command::new(workspace::cargo());
        let subcommand = if self.origin == Origin::Rustup { "clippy" } else { "check" };
        command.arg(subcommand).args(self.firmware_args()).envs(self.env()).env_remove("RUSTC_WRAPPER");
        command.env("CARGO_TARGET_DIR", target_dir().join("lint"));
        // What `cargo clippy -- -Dwarnings` hands to the linter.
        command.env("CLIPPY_ARGS", "-Dwarnings__CLIPPY_HACKERY__");
        command.env("CLIPPY_CONF_DIR", workspace::root());
        if self.origin != Origin::Rustup {
            command.env("RUSTC_WORKSPACE_WRAPPER", self.linter()?);
        }
        if self.origin == Origin::Unpacked {
            let root = self.rustc.parent().context("The compiler lies in no folder")?;
            command.env("LD_LIBRARY_PATH", root.join("usr/lib").join(library_folder(root)?));
        }
        Ok(command)
    }

    /// Debian's `clippy-driver` of the compiler's version.
    fn linter(&self) -> Result<PathBuf> {
        let installed = Path::new("/usr/bin/clippy-driver");
        if self.origin == Origin::Installed && installed.is_file() {
            return Ok(installed.to_owned());
        }
        let cache = Cache::open()?;
        let open = || PrivateApt::open(&cache.apt(), Series::Stable);
        let packages = cache.resolved("rust-clippy", || {
            let apt = open()?;
            let linter = apt.show(&format!("rust-web-clippy:{}", apt.host()))?;
            Ok(Packages {
                version: linter.version,
                names: vec![format!("{}:{}", linter.package, apt.host())],
            })
        })?;
        let root = cache.entry("rust-clippy", &packages.version, |content| {
            let _done = fetching(&format!("rust-web-clippy {}", packages.version));
            open()?.unpack(&packages.names, content)
        })?;
        Ok(root.join("usr/bin/clippy-driver"))
    }

    fn build(&self, args: &[&str]) -> Command {
        let mut command = Command::new(workspace::cargo());
        command.arg("build").args(args).envs(self.env()).env_remove("RUSTC_WRAPPER");
        command
    }
}

/// Where both targets are built: apart from the host's directory, because another compiler fills it.
pub fn target_dir() -> PathBuf {
    workspace::target_dir().join("aarch64")
}

/// Finds or fetches the toolchain.
///
/// # Errors
/// None of the three sources is there; the error names the remedy.
pub fn rust_aarch64() -> Result<RustAarch64> {
    if let Some(rust) = rustup()? {
        return Ok(rust);
    }
    let (rustc, origin) = match installed() {
        Some(rustc) => (rustc, Origin::Installed),
        None => {
            let hint = format!(
                "No Rust toolchain for aarch64: run `rustup target add {FIRMWARE_TARGET} {LINUX_TARGET}`"
            );
            (unpacked().context(hint)?, Origin::Unpacked)
        }
    };
    Ok(RustAarch64 { rustc, origin, linker_dir: linker_dir()? })
}

fn rustup() -> Result<Option<RustAarch64>> {
    let rustc = PathBuf::from(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    for (target, library) in [(FIRMWARE_TARGET, "libcore-"), (LINUX_TARGET, "libstd-")] {
        let dir = process::read(Command::new(&rustc).args(["--print", "target-libdir", "--target", target]))?;
        if !has_library(Path::new(dir.trim()), library) {
            return Ok(None);
        }
    }
    Ok(Some(RustAarch64 { rustc, origin: Origin::Rustup, linker_dir: None }))
}

fn installed() -> Option<PathBuf> {
    let usr = Path::new("/usr");
    let rustc = usr.join("bin/rustc");
    let complete = rustc.is_file() && has_sources(usr) && has_library(&linux_libdir(usr), "libstd-");
    complete.then_some(rustc)
}

fn has_sources(usr: &Path) -> bool {
    usr.join("lib/rustlib/src/rust/library/core/src/lib.rs").exists()
        || usr.join("src/rustc-web/library/core/src/lib.rs").exists()
}

fn linux_libdir(usr: &Path) -> PathBuf {
    usr.join("lib/rustlib").join(LINUX_TARGET).join("lib")
}

fn has_library(dir: &Path, prefix: &str) -> bool {
    let names = fs::read_dir(dir)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.into_iter().any(|name| name.starts_with(prefix))
}

/// The packages that were unpacked together.
#[derive(Debug, Serialize, Deserialize)]
struct Packages {
    version: String,
    names: Vec<String>,
}

fn unpacked() -> Result<PathBuf> {
    let cache = Cache::open()?;
    let open = || PrivateApt::open(&cache.apt(), Series::Stable);
    let packages = cache.resolved("rust-aarch64", || resolve(&open()?))?;
    let root = cache.entry("rust-aarch64", &packages.version, |content| {
        let _done = fetching(&format!("rustc-web {} for aarch64", packages.version));
        open()?.unpack(&packages.names, content)?;
        write_wrapper(content)
    })?;
    Ok(root.join("rustc"))
}

/// `rustc-web` with the libraries that it needs and this machine lacks, the arm64 library, and the sources.
fn resolve(apt: &PrivateApt) -> Result<Packages> {
    let host = apt.host();
    let compiler = apt.show(&format!("rustc-web:{host}"))?;
    let mut names = vec![compiler.package.clone()];
    let mut next = 0;
    while let Some(name) = names.get(next).cloned() {
        next += 1;
        for depend in apt.show(&format!("{name}:{host}"))?.depends {
            // The C compiler, its headers and the C library belong to the machine: Rust needs them anyhow.
            let library = depend.starts_with("lib") && depend != "libc-dev" && depend != "libc6";
            if library && !names.contains(&depend) && !is_installed(&depend) {
                names.push(depend);
            }
        }
    }
    let mut names: Vec<_> = names.iter().map(|name| format!("{name}:{host}")).collect();
    names.extend(["libstd-rust-web-dev:arm64".to_owned(), "rust-web-src".to_owned()]);
    Ok(Packages { version: compiler.version, names })
}

fn is_installed(package: &str) -> bool {
    let mut query = Command::new("dpkg-query");
    let status = process::read(query.args(["--show", "--showformat=${db:Status-Status}", package]));
    status.is_ok_and(|text| text.starts_with("installed"))
}

/// Name of the folder of the unpacked compiler's libraries.
fn library_folder(root: &Path) -> Result<String> {
    fs::read_dir(root.join("usr/lib"))?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .find(|name| name.ends_with("-linux-gnu"))
        .ok_or_else(|| anyhow!("The unpacked compiler has no libraries"))
}

/// A script that starts the unpacked compiler with its own libraries, wherever the folder is moved to.
fn write_wrapper(root: &Path) -> Result<()> {
    let libraries = library_folder(root)?;
    let script = format!(
        "#!/bin/sh\nroot=$(dirname \"$(readlink -f \"$0\")\")\n\
         export LD_LIBRARY_PATH=\"$root/usr/lib/{libraries}${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}\"\n\
         exec \"$root/usr/bin/rustc\" \"$@\"\n"
    );
    let wrapper = root.join("rustc");
    fs::write(&wrapper, script)?;
    fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

/// `rust-lld` of the toolchain that builds the host's programs.
fn linker_dir() -> Result<Option<PathBuf>> {
    if process::exists("rust-lld") {
        return Ok(None);
    }
    let sysroot = process::read(Command::new("rustc").args(["--print", "sysroot"]))?;
    let host = process::read(Command::new("rustc").args(["--print", "host-tuple"]))?;
    let dir = Path::new(sysroot.trim()).join("lib/rustlib").join(host.trim()).join("bin");
    if dir.join("rust-lld").is_file() {
        return Ok(Some(dir));
    }
    Err(anyhow!("No rust-lld in {}: install the package lld, or Rust by rustup", dir.display()))
}

fn prepend_path(dir: &Path) -> OsString {
    let mut path = dir.as_os_str().to_owned();
    if let Some(rest) = env::var_os("PATH") {
        path.push(":");
        path.push(rest);
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn toolchain(origin: Origin) -> RustAarch64 {
        RustAarch64 { rustc: "rustc".into(), origin, linker_dir: None }
    }

    #[test]
    fn only_a_compiler_without_ready_core_builds_it_and_unlocks_the_flag() {
        let bootstrap = |rust: &RustAarch64| rust.env().iter().any(|(name, _)| *name == "RUSTC_BOOTSTRAP");
        let rustup = toolchain(Origin::Rustup);
        assert_eq!(rustup.firmware_args(), ["--target", FIRMWARE_TARGET]);
        assert!(!bootstrap(&rustup));
        let debian = toolchain(Origin::Unpacked);
        assert_eq!(debian.firmware_args(), ["-Zbuild-std=core", "--target", FIRMWARE_TARGET]);
        assert!(bootstrap(&debian));
    }

    #[test]
    fn the_wrapper_finds_the_libraries_beside_it() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("usr/lib/x86_64-linux-gnu")).unwrap();
        fs::create_dir_all(root.path().join("usr/bin")).unwrap();
        let fake = root.path().join("usr/bin/rustc");
        fs::write(&fake, "#!/bin/sh\necho \"$LD_LIBRARY_PATH $1\"\n").unwrap();
        fs::set_permissions(&fake, fs::Permissions::from_mode(0o755)).unwrap();
        write_wrapper(root.path()).unwrap();
        let text = process::read(Command::new(root.path().join("rustc")).arg("-V")).unwrap();
        assert!(text.contains("/usr/lib/x86_64-linux-gnu"), "{text}");
        assert!(text.trim_end().ends_with("-V"), "{text}");
    }
}
