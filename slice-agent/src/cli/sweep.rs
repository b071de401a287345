//! Trains over the values of one field of the configuration, whichever it is.

use std::path::PathBuf;

use anstream::println;
use clap::Args;
use serde::Serialize;

use super::Failure;
use super::summary::{self, Summary};
use super::train::{self, RunSettings};

/// What `sweep` takes.
#[derive(Debug, Args)]
pub(super) struct SweepArgs {
    /// Field of the configuration, as env.messages, exploration or env.slices.0.share.
    #[arg(long)]
    field: String,
    /// Its values.
    #[arg(long, value_delimiter = ',', required = true)]
    values: Vec<String>,
    #[command(flatten)]
    settings: RunSettings,
    /// Also writes sweep.csv and sweep.jsonl into this folder.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Prints JSON lines instead of a table.
    #[arg(long)]
    json: bool,
}

/// One method at one value.
#[derive(Serialize)]
struct Point<'a> {
    field: &'a str,
    value: &'a str,
    #[serde(flatten)]
    summary: Summary,
}

/// Does it.
///
/// # Errors
/// A value is refused, or a file cannot be written.
pub(super) fn run(args: &SweepArgs) -> Result<(), Failure> {
    let configs = args.values.iter().map(|value| {
        let mut draft = args.settings.draft()?;
        draft.set(&args.field, value)?;
        draft.finish().map_err(|error| format!("{}={value}: {error}", args.field).into())
    });
    // All values are checked before the first training begins.
    let configs: Vec<_> = configs.collect::<Result<_, Failure>>()?;
    let mut points = Vec::new();
    for (value, config) in args.values.iter().zip(&configs) {
        let curves = train::train_all(config, None, &args.settings)?;
        let of_value = train::summaries(&curves).into_iter();
        points.extend(of_value.map(|summary| Point { field: &args.field, value, summary }));
    }
    if let Some(dir) = &args.out {
        write(dir, &points)?;
    }
    if args.json {
        return train::print_json(&points);
    }
    let head = [&["value"], &summary::HEAD[..]].concat();
    let row = |point: &Point<'_>| {
        std::iter::once(point.value.to_owned()).chain(summary::cells(&point.summary)).collect()
    };
    println!("{}\n{}\n{}", args.field, summary::aligned(&head, points.iter().map(row), 2), summary::LEGEND);
    Ok(())
}

fn write(dir: &std::path::Path, points: &[Point<'_>]) -> Result<(), Failure> {
    std::fs::create_dir_all(dir).map_err(|error| format!("Cannot make {}: {error}", dir.display()))?;
    let mut lines = String::new();
    let mut table = csv::Writer::from_writer(Vec::new());
    table.write_record([&["value"], &summary::HEAD[..]].concat())?;
    for point in points {
        lines += &serde_json::to_string(point)?;
        lines.push('\n');
        table.write_record(std::iter::once(point.value.to_owned()).chain(summary::cells(&point.summary)))?;
    }
    slice_agent::checkpoint::write_whole(&dir.join("sweep.jsonl"), lines.as_bytes())?;
    slice_agent::checkpoint::write_whole(&dir.join("sweep.csv"), &table.into_inner()?)?;
    Ok(())
}
