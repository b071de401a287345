//! Python: an environment with what the package's jobs need, and the package itself, built as users get it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use sha2::{Digest as _, Sha256};

use crate::assets::cache::Cache;
use crate::{assets, process, workspace};

/// Where the package is, from the root of the checkout.
pub const PACKAGE: &str = "bindings/python";
/// The packages of the environment with their versions, from there.
const CONSTRAINTS: &str = "tests/constraints.txt";

/// An interpreter that imports `aivirt`, as a wheel of this checkout has it.
#[derive(Debug)]
pub struct Python {
    interpreter: PathBuf,
    site: PathBuf,
}

impl Python {
    /// The environment of the cache, made if it is not there, and the package of this checkout in it.
    ///
    /// # Errors
    /// Packages cannot be installed, or the extension does not build.
    pub fn prepare() -> Result<Python> {
        let interpreter = environment()?.join("bin/python");
        let directory = workspace::target_dir().join("python");
        let wheel = build(&interpreter, &directory.join("wheels"), &[])?;
        let site = directory.join("site");
        let _ = fs::remove_dir_all(&site);
        let mut pip = Command::new(&interpreter);
        pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target"]);
        process::read(pip.arg(&site).arg(&wheel))?;
        Ok(Python { interpreter, site })
    }

    /// The interpreter, in the package's directory.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.interpreter);
        command.current_dir(directory()).env("PYTHONPATH", &self.site).env("PYTHONDONTWRITEBYTECODE", "1");
        command.env("PYTHONNOUSERSITE", "1");
        command
    }

    /// `python -m NAME`: scripts of an environment that was moved have the wrong first line, modules have none.
    pub fn module(&self, name: &str) -> Command {
        let mut command = self.command();
        command.args(["-m", name]);
        command
    }
}

/// Builds wheels for this machine and, where the toolchain is, for aarch64; returns where they are.
///
/// # Errors
/// A wheel does not build. That there is no toolchain for aarch64 is said, and no error.
pub fn wheels() -> Result<Vec<PathBuf>> {
    let interpreter = environment()?.join("bin/python");
    let out = workspace::target_dir().join("wheels");
    let mut wheels = vec![build(&interpreter, &out, &[])?];
    match assets::rust_aarch64() {
        Ok(rust) => {
            // A shared library is linked dynamically, other than the programs of the board.
            let env = rust.env().into_iter().filter(|(name, _)| !name.ends_with("RUSTFLAGS"));
            let env: Vec<_> = env.map(|(name, value)| (name.to_owned(), value)).collect();
            wheels.push(build_for(&interpreter, &out, Some(assets::LINUX_TARGET), &env)?);
        }
        Err(error) => println!("no wheel for aarch64: {error:#}"),
    }
    Ok(wheels)
}

fn directory() -> PathBuf {
    workspace::root().join(PACKAGE)
}

/// The environment for these constraints and this interpreter.
fn environment() -> Result<PathBuf> {
    let constraints = directory().join(CONSTRAINTS);
    let text = fs::read(&constraints).with_context(|| format!("Cannot read {}", constraints.display()))?;
    let version = process::read(Command::new("python3").args(["-VV"]))?;
    let mut digest = Sha256::new();
    digest.update(version.as_bytes());
    digest.update(&text);
    let key: String = digest.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    Cache::open()?.entry("python", &key, |content| fill(content, &constraints))
}

fn fill(content: &Path, constraints: &Path) -> Result<()> {
    println!("   installing the Python packages of {CONSTRAINTS}");
    process::read(Command::new("python3").args(["-m", "venv"]).arg(content))?;
    let mut pip = Command::new(content.join("bin/python"));
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-input",
        "--requirement",
    ]);
    process::read(pip.arg(constraints)).map(drop)
}

fn build(interpreter: &Path, out: &Path, env: &[(String, std::ffi::OsString)]) -> Result<PathBuf> {
    build_for(interpreter, out, None, env)
}

/// A wheel as users get it: optimised, stripped.
fn build_for(
    interpreter: &Path,
    out: &Path,
    target: Option<&str>,
    env: &[(String, std::ffi::OsString)],
) -> Result<PathBuf> {
    let beside = out.join(target.unwrap_or("host"));
    let _ = fs::remove_dir_all(&beside);
    let mut maturin = Command::new(interpreter);
    maturin.current_dir(directory()).args(["-m", "maturin", "build", "--release", "--quiet", "--out"]);
    maturin.arg(&beside).env("CARGO_TARGET_DIR", workspace::target_dir()).envs(env.iter().cloned());
    if let Some(target) = target {
        maturin.args(["--target", target]);
    }
    process::read(&mut maturin)?;
    let mut files = fs::read_dir(&beside)?.filter_map(|entry| Some(entry.ok()?.path()));
    match files.find(|path| path.extension().is_some_and(|extension| extension == "whl")) {
        Some(wheel) => Ok(wheel),
        None => bail!("maturin made no wheel in {}", beside.display()),
    }
}
