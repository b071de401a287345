//! Plays captured traffic: what it is like, and what policies and trained agents make of it.

use std::fs::File;
use std::path::{Path, PathBuf};

use anstream::println;
use clap::Args;
use serde::Serialize;
use slice_agent::traffic::{SliceClass, TraceColumns, TrafficTrace};

use super::args::EvalArgs;
use super::{Failure, chain, evaluate, summary};

/// What `replay` takes.
#[derive(Debug, Args)]
pub(super) struct ReplayArgs {
    /// A folder with captures whose names begin with embb, urll or mmtc; the first of each class in the order of names is
    /// played.
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    #[command(flatten)]
    eval: EvalArgs,
}

/// What a capture is like.
#[derive(Debug, Serialize)]
struct Capture {
    class: &'static str,
    file: String,
    seconds: f64,
    mean_kbps: f64,
    /// Standard deviation of the throughput of steps by its mean.
    variation: f64,
    silent_percent: f64,
}

/// Does it.
///
/// # Errors
/// There is no capture, or one cannot be used.
pub(super) fn run(args: &mut ReplayArgs) -> Result<(), Failure> {
    if let Some(folder) = &args.folder {
        for class in SliceClass::ALL {
            if let Some(file) = capture_of(folder, class)? {
                args.eval.add_trace(class, file);
            }
        }
    }
    let traces = args.eval.traces();
    if traces.is_empty() {
        return Err("There is nothing to play: give --trace CLASS=FILE or --folder DIR".into());
    }
    let columns = args.eval.columns();
    let captures = traces.iter().map(|(class, file)| look(*class, file, &columns));
    let captures: Vec<_> = captures.collect::<Result<_, _>>()?;
    if !args.eval.json {
        println!("{}", table(&captures));
    }
    evaluate(&args.eval)
}

fn capture_of(folder: &Path, class: SliceClass) -> Result<Option<PathBuf>, Failure> {
    let named = |error| format!("Cannot read {}: {error}", folder.display());
    let entries = std::fs::read_dir(folder).map_err(named)?;
    let mut files: Vec<_> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
    files.sort();
    let prefix = &class.name().to_lowercase()[..4];
    let fits = |file: &PathBuf| {
        let name = file.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
        name.starts_with(prefix) && name.ends_with(".csv")
    };
    Ok(files.into_iter().find(fits))
}

fn look(class: SliceClass, file: &Path, columns: &TraceColumns) -> Result<Capture, Failure> {
    const STEP_S: f64 = 0.010;
    let read = || -> Result<TrafficTrace, Failure> {
        Ok(TrafficTrace::from_csv_columns(File::open(file)?, columns, STEP_S)?)
    };
    let trace = read()
        .map_err(|error| format!("Cannot use the trace {}: {}", file.display(), chain(error.as_ref())))?;
    let (steps, mean) = (trace.steps() as f64, trace.mean_bits());
    let squares: f64 = trace.bits().iter().map(|bits| (bits - mean).powi(2)).sum();
    let silent = trace.bits().iter().filter(|bits| **bits == 0.0).count();
    Ok(Capture {
        class: class.name(),
        file: file.display().to_string(),
        seconds: steps * STEP_S,
        mean_kbps: mean / STEP_S / 1e3,
        variation: (squares / steps).sqrt() / mean,
        silent_percent: 100.0 * silent as f64 / steps,
    })
}

fn table(captures: &[Capture]) -> comfy_table::Table {
    let head = ["class", "file", "seconds", "mean kbit/s", "variation", "silent %"];
    let row = |capture: &Capture| {
        let numbers = [capture.seconds, capture.mean_kbps, capture.variation, capture.silent_percent];
        let names = [capture.class.to_owned(), capture.file.clone()];
        names.into_iter().chain(numbers.map(|number| format!("{number:.1}"))).collect()
    };
    summary::aligned(&head, captures.iter().map(row), 2)
}
