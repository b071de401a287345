//! Rounds as lines of text, and as a recording.

use std::fs::File;
use std::io::{BufWriter, IsTerminal, Write};
use std::path::Path;

use anstream::{eprintln, println};
use deadline_monitor::monitor::TaskReport;
use deadline_monitor::recording::{Entry, Header, write_line};
use deadline_monitor::sched::Tid;

use super::Result;
use super::rounds::{Row, Sink};

/// Refusals only, on standard error.
#[derive(Debug)]
pub(crate) struct Refusals;

impl Sink for Refusals {
    fn round(&mut self, _rows: &[Row]) -> Result<()> {
        Ok(())
    }

    fn refused(&mut self, text: &str) {
        eprintln!("deadline-monitor: {text}");
    }
}

/// A line for each row.
#[derive(Debug)]
pub(crate) struct Lines {
    /// Whether they go to standard output; else to standard error.
    pub(crate) stdout: bool,
}

impl Sink for Lines {
    fn round(&mut self, rows: &[Row]) -> Result<()> {
        for row in rows {
            let line = line(row);
            if self.stdout { println!("{line}") } else { eprintln!("{line}") }
        }
        if self.stdout && !std::io::stdout().is_terminal() {
            // Whoever reads a pipe wants each round when it happens, and its end ends this program.
            std::io::stdout().flush()?;
        }
        Ok(())
    }
}

fn line(row: &Row) -> String {
    let saturated = if row.saturated { ", saturated" } else { "" };
    let who = row.tid.map_or_else(|| row.target.clone(), |tid| format!("thread {tid}"));
    let (used, budget) = (row.executed, row.budget);
    format!("{:>9.3?} {who}: used {used:.3?}, budget {budget:.3?}{saturated}", row.at)
}

/// A file of JSON lines.
#[derive(Debug)]
pub(crate) struct Recorder {
    out: BufWriter<File>,
}

impl Recorder {
    /// Makes the file, with its first line.
    pub(crate) fn create(path: &Path, header: &Header) -> Result<Recorder> {
        let file = File::create(path).map_err(|error| format!("Cannot make {}: {error}", path.display()))?;
        let mut out = BufWriter::new(file);
        write_line(&mut out, header)?;
        Ok(Recorder { out })
    }
}

impl Sink for Recorder {
    fn round(&mut self, rows: &[Row]) -> Result<()> {
        for row in rows {
            let tid = row.tid.unwrap_or(Tid(0));
            let Row { executed, budget, saturated, outcome, sample, .. } = *row;
            let task = TaskReport { tid, executed, wanted: budget, budget, saturated, outcome, sample };
            write_line(&mut self.out, &Entry::new(row.at, &task))?;
        }
        // A monitor that is killed leaves whole rounds.
        Ok(self.out.flush()?)
    }
}
