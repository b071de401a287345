//! `replay`: a recording under every policy.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anstream::{eprintln, println};
use clap::Args;
use comfy_table::{CellAlignment, Table, presets};
use deadline_monitor::budget::{PolicyConfig, PolicyKind};
use deadline_monitor::recording::Recording;
use deadline_monitor::sched::Tid;
use deadline_monitor::trace::Trace;

use super::Result;

/// What `replay` takes.
#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// A file that `record`, or `attach --record`, wrote.
    file: PathBuf,
    /// Only this policy: saturation, seed, percentile, pi, static.
    #[arg(long)]
    policy: Option<PolicyKind>,
}

/// Reads a recording, and says what is missing of it.
pub(crate) fn read(path: &Path) -> Result<Recording> {
    let file = File::open(path).map_err(|error| format!("Cannot read {}: {error}", path.display()))?;
    let recording = Recording::read(BufReader::new(file))?;
    if recording.broke_off {
        eprintln!("deadline-monitor: {} broke off; its last line is left out", path.display());
    }
    Ok(recording)
}

/// Prints one row for each thread and policy.
pub(crate) fn run(args: &ReplayArgs) -> Result<ExitCode> {
    let recording = read(&args.file)?;
    if !recording.header.dry_run {
        println!(
            "Budgets were in force when this was recorded: where they limited a thread, it wanted more than it used"
        );
    }
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header(["thread", "policy", "mean use", "mean budget", "over-allocated", "short", "changes"]);
    let recorded = format!("{} (recorded)", recording.header.policy);
    recording.traces().iter().for_each(|(tid, trace)| add(&mut table, &recording, *tid, &recorded, trace));
    for kind in args.policy.map_or_else(|| PolicyKind::ALL.to_vec(), |kind| vec![kind]) {
        for (tid, trace) in &recording.replay(&PolicyConfig::new(kind))? {
            add(&mut table, &recording, *tid, kind.name(), trace);
        }
    }
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    println!("{table}");
    println!("short: samples that used more than the budget that was in force by then");
    Ok(ExitCode::SUCCESS)
}

fn add(table: &mut Table, recording: &Recording, tid: Tid, policy: &str, trace: &Trace) {
    let summary = trace.summary();
    let thread = if tid == Tid(0) { "group".to_owned() } else { tid.to_string() };
    let over = summary.over_allocation.map_or_else(|| "-".to_owned(), |percent| format!("{percent} %"));
    let (used, allocated) = (per_period(trace, trace.executed), per_period(trace, trace.allocated()));
    let short = short(recording, tid, trace).to_string();
    table.add_row([
        thread,
        policy.to_owned(),
        ms(used),
        ms(allocated),
        over,
        short,
        summary.changes.to_string(),
    ]);
}

/// How many samples of a thread used more than the budget of their time.
fn short(recording: &Recording, tid: Tid, trace: &Trace) -> usize {
    let threads = recording.threads();
    let entries = threads.get(&tid).map(Vec::as_slice).unwrap_or_default();
    let begin = entries.first().map_or(0, |entry| entry.at_ns.saturating_sub(entry.interval_ns));
    let budget = |at: Duration| {
        trace.settings.iter().rev().find(|setting| setting.at < at).map(|setting| setting.runtime)
    };
    let is_short = |entry: &&&deadline_monitor::recording::Entry| {
        let at = Duration::from_nanos(entry.at_ns.saturating_sub(begin));
        let used = entry.sample().per_period(recording.header.period()).executed;
        budget(at).is_some_and(|budget| used > budget)
    };
    entries.iter().filter(is_short).count()
}

fn per_period(trace: &Trace, time: Duration) -> Duration {
    let periods = trace.length.as_secs_f64() / trace.period.as_secs_f64();
    if periods > 0.0 { Duration::from_secs_f64(time.as_secs_f64() / periods) } else { Duration::ZERO }
}

fn ms(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1e3)
}
