//! `plot`: a recording as a picture, in the manner of the source document's Figures 24 to 27.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anstream::println;
use clap::Args;
use deadline_monitor::budget::{PolicyConfig, PolicyKind};
use deadline_monitor::recording::{Entry, Recording};
use deadline_monitor::sched::Tid;

use super::chart::{self, Series, budgets, chart, ms};
use super::{Result, replay};

/// What `plot` takes.
#[derive(Debug, Args)]
pub(crate) struct PlotArgs {
    /// A file that `record`, or `attach --record`, wrote.
    file: PathBuf,
    /// The picture: SVG, or PNG if the name ends so.
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,
    /// Only these threads.
    #[arg(long)]
    tid: Vec<u32>,
    /// Draw also the budgets that this policy would have set.
    #[arg(long)]
    policy: Option<PolicyKind>,
}

/// Threads in one picture; more make it unreadable.
const THREADS_MOST: usize = 8;

/// Draws use and budget of each thread.
pub(crate) fn run(args: &PlotArgs) -> Result<ExitCode> {
    let recording = replay::read(&args.file)?;
    let chosen = chosen(&recording, &args.tid)?;
    let replayed = args.policy.map(|kind| recording.replay(&PolicyConfig::new(kind))).transpose()?;
    let (traces, mut series) = (recording.traces(), Vec::new());
    for tid in &chosen {
        let (who, threads) = (who(*tid), recording.threads());
        let entries = threads.get(tid).map(Vec::as_slice).unwrap_or_default();
        series.push(Series { name: format!("use of {who}"), points: uses(&recording, entries) });
        if let Some(trace) = traces.get(tid) {
            let name = format!("budget of {who}, {}", recording.header.policy);
            series.push(Series { name, points: budgets(trace) });
        }
        if let (Some(kind), Some(trace)) = (args.policy, replayed.as_ref().and_then(|traces| traces.get(tid)))
        {
            series
                .push(Series { name: format!("budget of {who}, {kind} (replayed)"), points: budgets(trace) });
        }
    }
    let title = format!("Use and budget of {}", recording.header.target);
    let unit = format!("ms in each {} ms", recording.header.period().as_millis());
    chart::write(&args.out, &chart(&title, &unit, &series))?;
    println!("{}", args.out.display());
    Ok(ExitCode::SUCCESS)
}

fn who(tid: Tid) -> String {
    if tid == Tid(0) { "the group".to_owned() } else { format!("thread {tid}") }
}

/// The threads that were asked for, or those that used the most.
fn chosen(recording: &Recording, asked: &[u32]) -> Result<Vec<Tid>> {
    let threads = recording.threads();
    if let Some(missing) = asked.iter().find(|tid| !threads.contains_key(&Tid(**tid))) {
        return Err(format!("Thread {missing} is not in the recording").into());
    }
    if !asked.is_empty() {
        return Ok(asked.iter().copied().map(Tid).collect());
    }
    let used = |tid: &Tid| {
        threads.get(tid).map_or(0, |entries| entries.iter().map(|entry| entry.executed_ns).sum::<u64>())
    };
    let mut tids: Vec<_> = threads.keys().copied().collect();
    tids.sort_by_key(|tid| std::cmp::Reverse(used(tid)));
    if tids.is_empty() {
        return Err("The recording has no samples".into());
    }
    if tids.len() > THREADS_MOST {
        anstream::eprintln!(
            "deadline-monitor: the {THREADS_MOST} busiest of {} threads are drawn; --tid chooses",
            tids.len()
        );
        tids.truncate(THREADS_MOST);
    }
    Ok(tids)
}

/// Each sample at its end.
fn uses(recording: &Recording, entries: &[&Entry]) -> Vec<(f64, f64)> {
    let begin = entries.first().map_or(0, |entry| entry.at_ns.saturating_sub(entry.interval_ns));
    let point = |entry: &&Entry| {
        let at = Duration::from_nanos(entry.at_ns.saturating_sub(begin));
        (at.as_secs_f64(), ms(entry.sample().per_period(recording.header.period()).executed))
    };
    entries.iter().map(point).collect()
}
