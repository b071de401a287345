//! The guest's system: busybox, the programs with their libraries, and a start that runs the tests.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::board::initramfs::Tree;
use crate::{assets, process};

/// What the guest prints last when every test has passed.
pub(super) const PASSED: &str = "GUEST-TESTS-PASSED";
const INIT: &str = include_str!("init.sh");
/// The list of test programs, one in each line, and the tests that are left out.
const TESTS: &str = "etc/tests";
const LEFT_OUT: &str = "etc/left-out";
/// Where deadline-monitor is; it tells what the guest allows.
const PROGRAM: &str = "etc/program";

/// Packs the guest's system. Test programs are those with `true`; they find `files` where they find them outside.
pub(super) fn pack(
    programs: &[(PathBuf, bool)],
    files: &[PathBuf],
    left_out: &[&str],
    output: &Path,
) -> Result<()> {
    let tree = Tree::with_busybox(INIT, &assets::host_busybox()?)?;
    let mut libraries = BTreeSet::new();
    let stripped = tempfile::tempdir()?;
    for (index, (program, _)) in programs.iter().enumerate() {
        // Line tables would make the archive ten times larger.
        let small = stripped.path().join(index.to_string());
        process::read(Command::new("strip").arg("-o").arg(&small).arg(program))?;
        tree.program(relative(program)?, &small)?;
        libraries.extend(needed(program)?);
    }
    for library in &libraries {
        tree.program(relative(library)?, library)?;
    }
    for file in files {
        tree.file(relative(file)?, file)?;
    }
    let tests: Vec<_> =
        programs.iter().filter(|program| program.1).map(|(path, _)| path.display().to_string()).collect();
    let program = programs.iter().find(|program| !program.1).context("There is no deadline-monitor")?;
    tree.text(PROGRAM, &format!("{}\n", program.0.display()))?;
    tree.text(TESTS, &(tests.join("\n") + "\n"))?;
    let skip: Vec<_> = left_out.iter().map(|name| format!("--skip {name}")).collect();
    tree.text(LEFT_OUT, &(skip.join(" ") + "\n"))?;
    tree.pack(output)
}

fn relative(path: &Path) -> Result<&str> {
    path.strip_prefix("/")?.to_str().with_context(|| format!("{} is not UTF-8", path.display()))
}

/// The libraries that a program is linked to, as the machine's own loader finds them.
fn needed(program: &Path) -> Result<Vec<PathBuf>> {
    let text = process::read(Command::new("ldd").arg(program))?;
    let path = |line: &str| line.split_whitespace().find(|word| word.starts_with('/')).map(PathBuf::from);
    Ok(text.lines().filter_map(path).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_says_what_the_runner_waits_for() {
        assert!(
            INIT.contains(PASSED)
                && INIT.contains(PROGRAM)
                && INIT.contains(TESTS)
                && INIT.contains(LEFT_OUT)
        );
    }

    #[test]
    fn a_programs_libraries_are_found() {
        let libraries = needed(&std::env::current_exe().unwrap()).unwrap();
        assert!(libraries.iter().any(|path| path.to_string_lossy().contains("libc.so")), "{libraries:?}");
    }
}
