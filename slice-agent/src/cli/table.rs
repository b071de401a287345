//! Figures as a table for a terminal, and its cells for other tables.

use comfy_table::{CellAlignment, Table, presets};
use slice_agent::eval::{Figures, Spread};

/// The head of the table.
pub(super) const HEAD: [&str; 10] = [
    "policy",
    "arbiter",
    "conflicts /100",
    "trimmed /100",
    "network use %",
    "exploit. %",
    "latency ms",
    "median/IQR/p99",
    "dropped %",
    "reward",
];

/// What the columns are.
pub(super) const LEGEND: &str = "\
Mean ± sample deviation over seeds; latency quantiles over all steps and slices.
conflicts /100: steps with a conflict in 100 episodes; 0 by definition with the arbiter, whose trimmed claims count.
network use: used part of all CPU. exploit.: used part of the grants. The two must not be compared.";

/// A table of figures.
pub(super) fn of(figures: &[Figures]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_header(HEAD);
    table.add_rows(figures.iter().map(cells));
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// The cells of one line.
pub(super) fn cells(figures: &Figures) -> [String; 10] {
    let quantiles = &figures.latency_ms;
    let (median, range) = (quantiles.median, quantiles.interquartile_range());
    [
        figures.policy.clone(),
        if figures.arbiter { "yes" } else { "no" }.to_owned(),
        if figures.arbiter { "0".to_owned() } else { spread(&figures.conflicts_per_100, 1.0, 0) },
        if figures.arbiter { spread(&figures.trimmed_per_100, 1.0, 0) } else { "-".to_owned() },
        spread(&figures.network_utilisation, 100.0, 1),
        spread(&figures.exploitation, 100.0, 1),
        spread(&figures.latency_mean_ms, 1.0, 2),
        format!("{median:.1} / {range:.1} / {:.1}", quantiles.p99),
        spread(&figures.dropped, 100.0, 1),
        spread(&figures.reward, 1.0, 1),
    ]
}

fn spread(spread: &Spread, factor: f64, digits: usize) -> String {
    format!("{:.digits$} ± {:.digits$}", spread.mean * factor, spread.deviation * factor)
}
