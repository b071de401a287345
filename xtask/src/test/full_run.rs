//! The last run of everything, kept in the repository with its date.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::process;
use crate::report::Counts;

/// Where the record is, from the root of the checkout.
const FILE: &str = "tests/full-run.toml";

/// One run of `cargo xtask test --full`.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct FullRun {
    /// When it ended, in UTC.
    date: String,
    /// The commit that it ran on; `+` when the checkout was changed.
    commit: String,
    /// `all`, or the stages that were asked for.
    stages: String,
    /// How many cores the machine had.
    cores: usize,
    minutes: u64,
    passed: u64,
    failed: u64,
    skipped: u64,
}

/// Writes the record of a run that has just ended.
///
/// # Errors
/// The file cannot be written.
pub(super) fn record(root: &Path, counts: &Counts, time: Duration, stages: &[String]) -> Result<()> {
    let run = FullRun {
        date: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        commit: commit(root),
        stages: if stages.is_empty() { "all".to_owned() } else { stages.join(", ") },
        cores: thread::available_parallelism().map_or(1, Into::into),
        minutes: time.as_secs().div_ceil(60),
        passed: counts.passed,
        failed: counts.failed,
        skipped: counts.skipped,
    };
    let text = format!("# Written by `cargo xtask test --full`.\n{}", toml::to_string(&run)?);
    fs::write(root.join(FILE), text).with_context(|| format!("Cannot write {FILE}"))
}

/// The last record in one line.
pub(super) fn last(root: &Path) -> String {
    match fs::read_to_string(root.join(FILE)) {
        Ok(text) => describe(&text),
        Err(_) => "last full run: none is recorded (`cargo xtask test --full`)".to_owned(),
    }
}

fn describe(text: &str) -> String {
    match toml::from_str::<FullRun>(text) {
        Ok(run) => format!(
            "last full run: {} ({} min on {} cores, stages: {}, commit {}): {} passed, {} failed, {} skipped",
            run.date, run.minutes, run.cores, run.stages, run.commit, run.passed, run.failed, run.skipped
        ),
        Err(error) => format!("last full run: {FILE} cannot be read: {}", error.message()),
    }
}

fn commit(root: &Path) -> String {
    let git = |args: &[&str]| process::read(Command::new("git").current_dir(root).args(args));
    let commit = git(&["rev-parse", "--short", "HEAD"]).unwrap_or_else(|_| "unknown".to_owned());
    let changed = git(&["status", "--porcelain", "--untracked-files=no"]).is_ok_and(|text| !text.is_empty());
    commit.trim().to_owned() + if changed { "+" } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_run_is_told_with_its_date() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("tests")).unwrap();
        assert!(last(dir.path()).contains("none is recorded"));
        let counts = Counts { passed: 3, failed: 0, skipped: 1 };
        record(dir.path(), &counts, Duration::from_secs(61), &[]).unwrap();
        let line = last(dir.path());
        assert!(line.contains("20") && line.contains("3 passed, 0 failed, 1 skipped"), "{line}");
        assert!(line.contains("2 min"), "{line}");
    }

    #[test]
    fn a_broken_record_is_told() {
        assert!(describe("date = 1").contains("cannot be read"));
    }
}
