//! What trainings came to, method by method.

use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;
use slice_agent::eval::Spread;

use super::folder::Line;
use super::train::Curve;

/// Episodes at the begin and at the end that are looked at, as in the source document.
const WINDOW: usize = 100;

/// What the columns are.
pub(super) const LEGEND: &str = "\
Means of an episode ± sample deviation over seeds. The first 100 episodes depend most of all on how fast exploration
ends, which differs by method unless --exploration is given.";

/// One method's figures, of an episode in the mean.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Summary {
    pub(super) method: &'static str,
    pub(super) seeds: usize,
    pub(super) episodes: usize,
    pub(super) conflicts_first_100: Spread,
    pub(super) conflicts_last_100: Spread,
    pub(super) conflicts: Spread,
    pub(super) trimmed_last_100: Spread,
    pub(super) latency_ms_last_100: Spread,
    pub(super) network_utilisation_last_100: Spread,
    pub(super) exploitation_last_100: Spread,
    pub(super) reward_last_100: Spread,
}

/// The figures of curves that lie method by method.
pub(super) fn of(curves: &[Curve]) -> Vec<Summary> {
    curves.chunk_by(|a, b| a.method == b.method).map(one).collect()
}

fn one(curves: &[Curve]) -> Summary {
    let first: fn(&[Line]) -> &[Line] = |all| &all[..all.len().min(WINDOW)];
    let last: fn(&[Line]) -> &[Line] = |all| &all[all.len().saturating_sub(WINDOW)..];
    let all: fn(&[Line]) -> &[Line] = |all| all;
    let spread = |part: fn(&[Line]) -> &[Line], of: fn(&Line) -> f64| {
        let mean = |curve: &Curve| {
            let part = part(&curve.lines);
            part.iter().map(of).sum::<f64>() / part.len() as f64
        };
        Spread::of(&curves.iter().map(mean).collect::<Vec<_>>())
    };
    let conflicts: fn(&Line) -> f64 = |line| f64::from(line.conflicts);
    Summary {
        method: curves.first().map_or("", |curve| curve.method),
        seeds: curves.len(),
        episodes: curves.first().map_or(0, |curve| curve.lines.len()),
        conflicts_first_100: spread(first, conflicts),
        conflicts_last_100: spread(last, conflicts),
        conflicts: spread(all, conflicts),
        trimmed_last_100: spread(last, |line| line.trimmed as f64),
        latency_ms_last_100: spread(last, |line| line.latency_ms),
        network_utilisation_last_100: spread(last, |line| line.network_utilisation),
        exploitation_last_100: spread(last, |line| line.exploitation),
        reward_last_100: spread(last, |line| line.reward),
    }
}

/// The head of the table.
pub(super) const HEAD: [&str; 8] = [
    "method",
    "conflicts first 100",
    "conflicts last 100",
    "conflicts all",
    "trimmed last 100",
    "latency ms last 100",
    "network use % last 100",
    "reward last 100",
];

/// The cells of one line.
pub(super) fn cells(summary: &Summary) -> [String; 8] {
    let cell = |spread: &Spread, factor: f64| {
        format!("{:.2} ± {:.2}", factor * spread.mean, factor * spread.deviation)
    };
    [
        summary.method.to_owned(),
        cell(&summary.conflicts_first_100, 1.0),
        cell(&summary.conflicts_last_100, 1.0),
        cell(&summary.conflicts, 1.0),
        cell(&summary.trimmed_last_100, 1.0),
        cell(&summary.latency_ms_last_100, 1.0),
        cell(&summary.network_utilisation_last_100, 100.0),
        cell(&summary.reward_last_100, 1.0),
    ]
}

/// A table for a terminal.
pub(super) fn table(summaries: &[Summary]) -> Table {
    aligned(&HEAD, summaries.iter().map(|summary| cells(summary).to_vec()), 1)
}

/// A table whose columns from number `numbers` on are numbers.
pub(super) fn aligned(head: &[&str], rows: impl Iterator<Item = Vec<String>>, numbers: usize) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_header(head);
    table.add_rows(rows);
    for column in table.column_iter_mut().skip(numbers) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}
