//! What a monitor measured and did, as lines of JSON: kept, read again, replayed under another policy, drawn.
//!
//! The first line says what was recorded, in which version; each line after it is one thread in one tick. Times are in
//! nanoseconds. A recording that broke off (the machine went down) is read up to its last whole line.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Write};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::budget::{ConfigError, PolicyConfig, ReservationParams, Sample};
use crate::monitor::TaskReport;
use crate::sched::Tid;
use crate::trace::{Setting, Trace};

/// Version that is written, and the only one that is read.
pub const VERSION: u32 = 1;
/// What the first line begins with.
const FORMAT: &str = "deadline-monitor recording";

/// The first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// Always the same.
    format: String,
    /// [`VERSION`].
    version: u32,
    /// What was monitored.
    pub target: String,
    /// The policy's name.
    pub policy: String,
    /// Whether budgets were only found, not set.
    pub dry_run: bool,
    /// P.
    pub period_ns: u64,
    /// The first budget.
    pub initial_ns: u64,
}

/// One thread in one tick.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Since the recording began.
    pub at_ns: u64,
    /// The thread; 0 for a control group as a whole.
    pub tid: u32,
    /// CPU time used since the entry before.
    pub executed_ns: u64,
    /// Time spent runnable without running; absent where the source does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waited_ns: Option<u64>,
    /// Time since the entry before.
    pub interval_ns: u64,
    /// Q from now on.
    pub budget_ns: u64,
    /// Whether the thread wanted more.
    pub saturated: bool,
    /// What became of the budget: kept, changed, compressed, halved, refused.
    pub outcome: String,
}

/// A recording that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    /// The first line.
    pub header: Header,
    /// The others.
    pub entries: Vec<Entry>,
    /// Whether the last line was not whole.
    pub broke_off: bool,
}

/// Why a recording cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file.
    #[error("Cannot read the recording")]
    Read(#[from] io::Error),
    /// Not a recording at all.
    #[error("This is no recording: the first line does not say \"{FORMAT}\"")]
    Format,
    /// A recording of another version of this program.
    #[error("Recording of version {0}; this program reads version {VERSION}")]
    Version(u32),
    /// A line in the middle is broken.
    #[error("Line {line} of the recording is broken")]
    Line {
        /// Counted from 1.
        line: usize,
        /// How.
        #[source]
        source: serde_json::Error,
    },
    /// Reservation or policy cannot be made from it.
    #[error("The policy cannot follow this recording")]
    Config(#[from] ConfigError),
}

impl Header {
    /// A recording of `target` under a policy.
    pub fn new(target: String, config: &PolicyConfig, initial: &ReservationParams, dry_run: bool) -> Header {
        Header {
            format: FORMAT.to_owned(),
            version: VERSION,
            target,
            policy: config.kind.name().to_owned(),
            dry_run,
            period_ns: nanos(initial.period()),
            initial_ns: nanos(initial.runtime()),
        }
    }

    /// P.
    pub fn period(&self) -> Duration {
        Duration::from_nanos(self.period_ns)
    }
}

impl Entry {
    /// What a monitor reports of one thread at a moment.
    pub fn new(at: Duration, task: &TaskReport) -> Entry {
        Entry {
            at_ns: nanos(at),
            tid: task.tid.0,
            executed_ns: nanos(task.sample.executed),
            waited_ns: task.sample.throttled.map(nanos),
            interval_ns: nanos(task.sample.interval),
            budget_ns: nanos(task.budget),
            saturated: task.saturated,
            outcome: task.outcome.name().to_owned(),
        }
    }

    /// The sample that the policy saw.
    pub fn sample(&self) -> Sample {
        let ns = Duration::from_nanos;
        Sample {
            executed: ns(self.executed_ns),
            throttled: self.waited_ns.map(ns),
            interval: ns(self.interval_ns),
        }
    }
}

/// Writes one line.
///
/// # Errors
/// The file cannot be written.
pub fn write_line(out: &mut impl Write, line: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.write_all(b"\n")
}

impl Recording {
    /// Reads one.
    ///
    /// # Errors
    /// It is none, of another version, or broken before its last line.
    pub fn read(input: impl BufRead) -> Result<Recording, Error> {
        let lines: Vec<String> = input.lines().collect::<io::Result<_>>()?;
        let (first, rest) = lines.split_first().ok_or(Error::Format)?;
        let header = Self::header(first)?;
        let mut entries = Vec::new();
        for (index, line) in rest.iter().enumerate() {
            match serde_json::from_str(line) {
                Ok(entry) => entries.push(entry),
                Err(_) if index + 1 == rest.len() => {
                    return Ok(Recording { header, entries, broke_off: true });
                }
                Err(source) => return Err(Error::Line { line: index + 2, source }),
            }
        }
        Ok(Recording { header, entries, broke_off: false })
    }

    fn header(line: &str) -> Result<Header, Error> {
        let value: serde_json::Value = serde_json::from_str(line).map_err(|_| Error::Format)?;
        if value.get("format").and_then(|format| format.as_str()) != Some(FORMAT) {
            return Err(Error::Format);
        }
        let version = value.get("version").and_then(serde_json::Value::as_u64).unwrap_or(0);
        if version != u64::from(VERSION) {
            return Err(Error::Version(u32::try_from(version).unwrap_or(u32::MAX)));
        }
        serde_json::from_value(value).map_err(|source| Error::Line { line: 1, source })
    }

    /// The threads, each with its entries in order.
    pub fn threads(&self) -> BTreeMap<Tid, Vec<&Entry>> {
        let mut threads: BTreeMap<Tid, Vec<&Entry>> = BTreeMap::new();
        self.entries.iter().for_each(|entry| threads.entry(Tid(entry.tid)).or_default().push(entry));
        threads
    }

    /// Each thread as it was recorded, without jobs, which nobody saw.
    pub fn traces(&self) -> BTreeMap<Tid, Trace> {
        let traced = |(tid, entries): (Tid, Vec<&Entry>)| {
            let budgets = entries.iter().map(|entry| Duration::from_nanos(entry.budget_ns));
            (tid, self.trace(&entries, budgets))
        };
        self.threads().into_iter().map(traced).collect()
    }

    /// The same threads under another policy: what it would have set, given what was measured.
    ///
    /// The samples stay those of the recording. Where the recorded budget limited a thread, they show less than the
    /// thread wanted; a dry run is the better material.
    ///
    /// # Errors
    /// The policy's parameters are wrong.
    pub fn replay(&self, config: &PolicyConfig) -> Result<BTreeMap<Tid, Trace>, Error> {
        let period = self.header.period();
        let initial = ReservationParams::new(Duration::from_nanos(self.header.initial_ns), period);
        let initial = initial.map_err(ConfigError::from)?;
        let mut traces = BTreeMap::new();
        for (tid, entries) in self.threads() {
            let mut policy = config.build(initial)?;
            let unlimited = |sample: Sample| Sample { throttled: Some(Duration::ZERO), ..sample };
            let sample = |entry: &&&Entry| {
                if self.header.dry_run { unlimited(entry.sample()) } else { entry.sample() }
            };
            let budgets: Vec<_> = entries.iter().map(|entry| policy.step(&sample(&entry)).runtime).collect();
            traces.insert(tid, self.trace(&entries, budgets.into_iter()));
        }
        Ok(traces)
    }

    fn trace(&self, entries: &[&Entry], budgets: impl Iterator<Item = Duration>) -> Trace {
        let begin = entries.first().map_or(0, |entry| entry.at_ns.saturating_sub(entry.interval_ns));
        let since = |entry: &Entry| Duration::from_nanos(entry.at_ns.saturating_sub(begin));
        let initial = Duration::from_nanos(self.header.initial_ns);
        let mut settings = vec![Setting { at: Duration::ZERO, runtime: initial }];
        for (entry, runtime) in entries.iter().zip(budgets) {
            if settings.last().is_some_and(|last| last.runtime != runtime) {
                settings.push(Setting { at: since(entry), runtime });
            }
        }
        Trace {
            period: self.header.period(),
            length: entries.last().map(|entry| since(entry)).unwrap_or_default(),
            executed: entries.iter().map(|entry| Duration::from_nanos(entry.executed_ns)).sum(),
            settings,
            ..Trace::default()
        }
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::PolicyKind;

    const PERIOD: Duration = Duration::from_millis(100);

    fn entry(tick: u64, tid: u32, executed_ms: u64, budget_ms: u64) -> Entry {
        Entry {
            at_ns: tick * 100_000_000,
            tid,
            executed_ns: executed_ms * 1_000_000,
            waited_ns: Some(0),
            interval_ns: 100_000_000,
            budget_ns: budget_ms * 1_000_000,
            saturated: false,
            outcome: "kept".to_owned(),
        }
    }

    fn text() -> String {
        let initial = ReservationParams::new(Duration::from_millis(10), PERIOD).unwrap();
        let header =
            Header::new("process 7".to_owned(), &PolicyConfig::new(PolicyKind::Static), &initial, true);
        let mut out = Vec::new();
        write_line(&mut out, &header).unwrap();
        for tick in 1..=20 {
            write_line(&mut out, &entry(tick, 7, 20, 10)).unwrap();
            write_line(&mut out, &entry(tick, 8, 5, if tick < 10 { 10 } else { 6 })).unwrap();
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_is_written_is_read_again() {
        let recording = Recording::read(text().as_bytes()).unwrap();
        assert_eq!((recording.header.target.as_str(), recording.entries.len()), ("process 7", 40));
        assert_eq!(recording.entries[1], entry(1, 8, 5, 10));
        let traces = recording.traces();
        assert_eq!(traces[&Tid(8)].settings.len(), 2);
        assert_eq!(traces[&Tid(7)].executed, Duration::from_millis(400));
        assert_eq!(traces[&Tid(7)].length, 20 * PERIOD);
    }

    #[test]
    fn a_replay_shows_what_another_policy_would_have_set() {
        let recording = Recording::read(text().as_bytes()).unwrap();
        let traces = recording.replay(&PolicyConfig::new(PolicyKind::Saturation)).unwrap();
        let last = |tid| traces[&Tid(tid)].settings.last().unwrap().runtime;
        assert_eq!((last(7), last(8)), (Duration::from_millis(22), Duration::from_micros(5_500)));
    }

    #[test]
    fn what_broke_off_is_read_and_what_is_broken_or_foreign_is_refused() {
        let text = text();
        let cut = Recording::read(&text.as_bytes()[..text.len() - 20]).unwrap();
        assert_eq!((cut.entries.len(), cut.broke_off), (39, true));
        let broken = text.replacen("\"tid\":8", "\"tid\":\"x\"", 1);
        let error = Recording::read(broken.as_bytes()).unwrap_err().to_string();
        assert_eq!(error, "Line 3 of the recording is broken");
        assert!(matches!(Recording::read(&b"{}"[..]), Err(Error::Format)));
        assert!(matches!(Recording::read(&b""[..]), Err(Error::Format)));
        let newer = text.replacen("\"version\":1", "\"version\":9", 1);
        let error = Recording::read(newer.as_bytes()).unwrap_err().to_string();
        assert_eq!(error, "Recording of version 9; this program reads version 1");
    }
}
