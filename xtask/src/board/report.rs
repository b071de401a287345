//! The line protocol of jobs on the board: `T NAME ok`, `T NAME fail WHY` or `T NAME skipped: WHY`, and `T-END N` behind
//! N results of one program.

use std::fs;
use std::path::Path;

const TRACE: &str = "TRACE ";
const RESULT: &str = "T ";
/// A figure, as `cargo xtask bench` collects it; what a test remarks.
const FIGURE: &str = "BENCH ";
const REMARK: &str = "  ";
const END: &str = "T-END ";

/// What a job on the board has told so far.
#[derive(Debug, Default)]
pub struct Report {
    log: Vec<String>,
    passed: usize,
    failed: Vec<String>,
    skipped: usize,
    announced: Option<usize>,
    trace: String,
}

impl Report {
    /// Takes a line of the console; answers what is worth showing.
    pub fn line(&mut self, line: &str) -> Option<String> {
        if let Some(call) = line.strip_prefix(TRACE) {
            self.trace.push_str(call);
            self.trace.push('\n');
            return None;
        }
        self.log.push(line.to_owned());
        if let Some(count) = line.strip_prefix(END) {
            let count: Option<usize> = count.trim().parse().ok();
            self.announced = count.map(|count| count + self.announced.unwrap_or(0));
            return None;
        }
        if line.starts_with(FIGURE) || line.starts_with(REMARK) {
            return Some(line.to_owned());
        }
        let (name, result) = line.strip_prefix(RESULT)?.split_once(' ')?;
        match result.split_once(' ').unwrap_or((result, "")) {
            ("ok", detail) => {
                self.passed += 1;
                Some(format!("ok      {name} {detail}").trim_end().to_owned())
            }
            ("skip" | "skipped:", why) => {
                self.skipped += 1;
                Some(format!("SKIPPED: board {name}: {why}"))
            }
            (_, why) => {
                self.failed.push(name.to_owned());
                Some(format!("FAILED  {name} {why}"))
            }
        }
    }

    /// The record of the firmware's calls that the board printed, as JSON lines; empty if it printed none.
    pub fn trace(&self) -> &str {
        &self.trace
    }

    /// Takes the result of a check that runs on this side.
    pub fn own_check(&mut self, name: &str, result: anyhow::Result<()>) -> String {
        self.announced = self.announced.map(|count| count + 1);
        let line = match result {
            Ok(()) => format!("{RESULT}{name} ok"),
            Err(error) => format!("{RESULT}{name} fail {error:#}"),
        };
        self.line(&line).unwrap_or_default()
    }

    /// Why the run is no success; a run that ends early or tells of fewer results than it counted is none.
    pub fn failure(&self, run: Option<anyhow::Error>) -> Option<String> {
        if let Some(error) = run {
            return Some(format!("{error:#}"));
        }
        if !self.failed.is_empty() {
            return Some(self.failed.join(", "));
        }
        let seen = self.passed + self.skipped;
        match self.announced {
            Some(0) => Some("no test ran".to_owned()),
            Some(count) if count == seen => None,
            Some(count) => Some(format!("{count} results were announced, {seen} arrived")),
            None => Some("the board turned off before the last test".to_owned()),
        }
    }

    /// Prints everything that the board printed.
    pub fn print_log(&self, firmware: &Path) {
        println!("---- console of the management partition");
        self.log.iter().for_each(|line| println!("{line}"));
        println!("---- firmware");
        println!("{}", fs::read_to_string(firmware).unwrap_or_else(|error| format!("(no log: {error})")));
        println!("----");
    }

    /// Counts in one line, in the form of Rust's test harness.
    pub fn closing_line(&self) -> String {
        let verdict = if self.failed.is_empty() { "ok" } else { "FAILED" };
        let (passed, failed, ignored) = (self.passed, self.failed.len(), self.skipped);
        format!(
            "test result: {verdict}. {passed} passed; {failed} failed; {ignored} ignored; 0 measured; 0 filtered out"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(lines: &[&str]) -> Report {
        let mut report = Report::default();
        lines.iter().for_each(|line| drop(report.line(line)));
        report
    }

    #[test]
    fn a_complete_run_passes() {
        let report = report(&["noise", "T boot ok", "T suspend ok 48 us", "T-END 2"]);
        assert_eq!(report.failure(None), None);
        assert!(report.closing_line().contains("2 passed; 0 failed"));
    }

    #[test]
    fn a_run_that_ends_early_or_loses_results_fails() {
        assert!(report(&["T boot ok"]).failure(None).is_some());
        assert!(report(&["T boot ok", "T-END 2"]).failure(None).is_some());
        assert!(report(&["T-END 0"]).failure(None).is_some());
        assert!(report(&["T boot ok", "T-END 1"]).failure(Some(anyhow::anyhow!("late"))).is_some());
    }

    #[test]
    fn a_failed_test_is_named_with_its_reason() {
        let mut report = Report::default();
        assert_eq!(report.line("T boot fail no console"), Some("FAILED  boot no console".to_owned()));
        report.line("T-END 1");
        assert_eq!(report.failure(None), Some("boot".to_owned()));
    }
}
