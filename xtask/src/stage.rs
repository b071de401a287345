//! A stage of the tests: a name, a ceiling, and steps whose results are collected.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::report::{Counts, Reader, Show, Skip, is_chatter};
use crate::{process, workspace};

/// A stage that runs this many times longer than its ceiling hangs: it is stopped.
const HANG_FACTOR: u32 = 2;

/// Collects what the steps of one stage did.
#[derive(Debug)]
pub struct Recorder {
    stage: &'static str,
    show: Show,
    /// When the stage is stopped; `None` lets it run.
    deadline: Option<Instant>,
    /// Sum over the steps.
    pub counts: Counts,
    /// Tests that did not run.
    pub skips: Vec<Skip>,
    /// Names of the steps that failed.
    pub failures: Vec<String>,
}

impl Recorder {
    /// Begins a stage that should end within `ceiling`.
    pub fn new(stage: &'static str, ceiling: Duration, show: Show) -> Recorder {
        let deadline = Some(Instant::now() + ceiling * HANG_FACTOR);
        Recorder { stage, show, deadline, counts: Counts::default(), skips: Vec::new(), failures: Vec::new() }
    }

    /// Lets the stage run however long it takes.
    pub fn without_limit(&mut self) {
        self.deadline = None;
    }

    /// A check that is a function of ours: `Ok` passes, an error fails and is shown.
    pub fn check(&mut self, name: &str, check: impl FnOnce() -> Result<()>) {
        self.heading(name);
        let result = check();
        self.finish(name, result);
    }

    /// A program that passes by ending with 0; its output is shown only when it fails.
    pub fn program(&mut self, name: &str, command: &mut Command) {
        self.heading(name);
        let mut text = Vec::new();
        let result = self.run(name, command, |line| text.push(line.to_owned()));
        if result.is_err() {
            text.iter().filter(|line| !is_chatter(line)).for_each(|line| self.show.line(line));
        }
        self.finish(name, result);
    }

    /// A program that passes by ending with 0 and whose output a person wants to see.
    pub fn shown_program(&mut self, name: &str, command: &mut Command) {
        self.heading(name);
        let show = self.show;
        let result = self.run(name, command, |line| {
            if !is_chatter(line) {
                show.line(line);
            }
        });
        self.finish(name, result);
    }

    /// A program that runs tests: its closing lines are shown and counted, its skips collected.
    pub fn tests(&mut self, name: &str, command: &mut Command) {
        self.heading(name);
        let mut reader = Reader::default();
        let result = self.run(name, command, |line| {
            if reader.line(line) {
                self.show.line(line);
            }
        });
        self.counts += reader.counts;
        self.skips.append(&mut reader.skips);
        match result {
            // The failed tests are counted already; a program that fails for another reason counts by itself.
            Err(_) if reader.counts.failed > 0 => self.failures.push(format!("{}: {name}", self.stage)),
            Err(error) => self.finish(name, Err(error)),
            Ok(()) => {}
        }
    }

    /// Something that cannot run here, said in one line.
    pub fn skip(&mut self, name: &str, reason: &str) {
        self.show.line(&format!("SKIPPED: {name}: {reason}"));
        self.counts.skipped += 1;
        self.skips.push(Skip { name: name.to_owned(), reason: reason.to_owned() });
    }

    fn run(&self, name: &str, command: &mut Command, mut show: impl FnMut(&str)) -> Result<()> {
        let path = log_file(self.stage, name)?;
        let mut log = File::create(&path).with_context(|| format!("Cannot create {}", path.display()))?;
        let mut written = Ok(());
        let left = self.deadline.map_or(Duration::MAX, |end| end.saturating_duration_since(Instant::now()));
        let result = process::each_line_within(command, left, |line| {
            if written.is_ok() {
                written = writeln!(log, "{line}");
            }
            show(line);
        });
        written.with_context(|| format!("Cannot write {}", path.display()))?;
        result.with_context(|| format!("Log: {}", path.display()))
    }

    fn heading(&self, name: &str) {
        self.show.line(&format!("-- {}: {name}", self.stage));
    }

    fn finish(&mut self, name: &str, result: Result<()>) {
        self.counts += Counts::one(result.is_ok());
        if let Err(error) = result {
            self.show.line(&format!("FAILED: {}: {name}: {error:#}", self.stage));
            self.failures.push(format!("{}: {name}", self.stage));
        }
    }
}

fn log_file(stage: &str, name: &str) -> Result<PathBuf> {
    let dir = workspace::target_dir().join("xtask/logs");
    fs::create_dir_all(&dir).with_context(|| format!("Cannot create {}", dir.display()))?;
    let name: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    Ok(dir.join(format!("{stage}-{name}.log")))
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    fn recorder() -> Recorder {
        Recorder::new("self-test", Duration::from_secs(60), Show::Nothing)
    }

    #[test]
    fn a_failing_step_is_named_and_counted() {
        let mut recorder = recorder();
        recorder.check("good", || Ok(()));
        recorder.check("bad", || bail!("why"));
        recorder.program("false", &mut shell("false"));
        assert_eq!(recorder.counts, Counts { passed: 1, failed: 2, skipped: 0 });
        assert_eq!(recorder.failures, ["self-test: bad", "self-test: false"]);
    }

    #[test]
    fn tests_are_counted_from_closing_lines_and_a_crash_counts_too() {
        let mut recorder = recorder();
        let line =
            "test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.1s";
        recorder.tests("good", &mut shell(&format!("echo '{line}'")));
        recorder.tests("crash", &mut shell(&format!("echo '{line}'; kill -SEGV $$")));
        assert_eq!(recorder.counts, Counts { passed: 6, failed: 1, skipped: 0 });
        assert_eq!(recorder.failures, ["self-test: crash"]);
    }

    #[test]
    fn a_stage_that_hangs_is_stopped_with_everything_it_started() {
        let mut recorder = Recorder::new("self-test", Duration::from_millis(100), Show::Nothing);
        let begin = Instant::now();
        recorder.program("hang", &mut shell("sh -c 'sleep 60; true' & wait"));
        assert!(begin.elapsed() < Duration::from_secs(30));
        assert_eq!(recorder.counts.failed, 1);
    }
}
