//! libvirt's own checks of a driver's sources.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process;

/// What of libvirt's tree the rules need.
const NEEDED: [&str; 4] = ["build-aux", "scripts", "include", "src/vman"];
/// Rules that look at other drivers' files or at built ones.
const NOT_OURS: [&str; 2] = ["sc_group-qemu-caps", "sc_po_check"];

/// The rules of style, on the files of the driver alone: they look at what git knows, so a repository that holds
/// nothing else is made for them.
///
/// # Errors
/// A rule is broken; the error holds file, line and rule.
pub fn syntax_check(source: &Path) -> Result<()> {
    let work = tempfile::tempdir()?;
    let dir = work.path();
    for name in NEEDED {
        let to = dir.join(name);
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent)?;
        }
        process::read(Command::new("cp").arg("-a").arg(source.join(name)).arg(&to))?;
    }
    git(dir, &["init", "--quiet"])?;
    git(dir, &["add", "src/vman"])?;
    git(dir, &["commit", "--quiet", "--no-verify", "--message", "driver"])?;
    let makefile = fs::read_to_string(dir.join("build-aux/Makefile.in"))?;
    fs::write(dir.join("build-aux/Makefile"), filled_in(&makefile, dir))?;
    let text = fs::read_to_string(dir.join("build-aux/syntax-check.mk"))?;
    let rules = rules(&text);
    if rules.is_empty() {
        bail!("libvirt's syntax-check.mk has no rules");
    }
    let mut make = Command::new("make");
    make.args(["--keep-going", "--silent", "-C"]).arg(dir.join("build-aux")).args(rules);
    process::read(&mut make).map(drop).context("The driver breaks a rule of libvirt's")
}

/// Each function of the driver's table is named after its slot.
///
/// # Errors
/// One is not.
pub fn driver_names(source: &Path) -> Result<()> {
    let mut check = Command::new("python3");
    check.arg(source.join("scripts/check-driverimpls.py")).args(sources(source)?);
    process::read(&mut check).map(drop)
}

/// Each function asks whether its caller may do this, before it does anything.
///
/// # Errors
/// One does not.
pub fn access_rules(source: &Path) -> Result<()> {
    let mut check = Command::new("python3");
    check.arg(source.join("scripts/check-aclrules.py")).arg(source.join("src/remote/remote_protocol.x"));
    process::read(check.args(sources(source)?)).map(drop)
}

/// The driver's C files, the one with the table last: the checks want to have seen the functions that it names.
fn sources(source: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(source.join("src/vman"))?;
    let mut files: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|file| file.extension().is_some_and(|end| end == "c"));
    files.sort_by_key(|file| (file.ends_with("vman_driver.c"), file.clone()));
    Ok(files)
}

/// git with an author of its own, whatever the machine's configuration says.
pub(super) fn git(dir: &Path, args: &[&str]) -> Result<String> {
    let mut git = Command::new("git");
    git.current_dir(dir).env("GIT_CONFIG_GLOBAL", "/dev/null");
    git.args(["-c", "user.name=aivirt maintainers", "-c", "user.email=maintainers@aivirt.invalid"]);
    process::read(git.args(args))
}

fn filled_in(makefile: &str, dir: &Path) -> String {
    let dir = dir.display().to_string();
    let values = [
        ("@top_srcdir@", dir.as_str()),
        ("@top_builddir@", dir.as_str()),
        ("@flake8_path@", ""),
        ("@runutf8@", "LC_ALL=C.UTF-8"),
        ("@PYTHON3@", "python3"),
        ("@GREP@", "grep"),
        ("@SED@", "sed"),
        ("@AWK@", "awk"),
    ];
    values.iter().fold(makefile.to_owned(), |text, (name, value)| text.replace(name, value))
}

fn rules(text: &str) -> Vec<&str> {
    let names = text.lines().filter_map(|line| line.split_once(':').map(|(name, _)| name));
    names.filter(|name| is_rule(name) && !NOT_OURS.contains(name)).collect()
}

fn is_rule(name: &str) -> bool {
    name.starts_with("sc_") && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_the_targets_that_concern_a_driver() {
        let text = "sc_a:\n\t@true\nsc_po_check:\nx: y\nexclude_file_name_regexp--sc_b = ^x:\nsc_c-d: sc_a\n";
        assert_eq!(rules(text), ["sc_a", "sc_c-d"]);
    }
}
