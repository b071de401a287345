//! The source document's figures (chapter 2.1.3) beside ours.

use std::fmt::Write as _;

use comfy_table::{CellAlignment, Table, presets};
use slice_agent::eval::Interval;

use super::line::{Line, cell};

/// A figure of the source document.
struct Claim {
    what: &'static str,
    source: f64,
    here: Interval,
    why: &'static str,
}

/// A figure matches if the source document's lies within our interval, or within a fifth of our mean.
fn matches(claim: &Claim) -> bool {
    let Interval { mean, low, high } = claim.here;
    (low..=high).contains(&claim.source) || (claim.source - mean).abs() <= 0.2 * mean.abs()
}

fn find<'a>(lines: &'a [Line], name: &str) -> Option<&'a Line> {
    lines.iter().find(|line| line.name == name)
}

/// An exact figure.
fn exact(value: f64) -> Interval {
    Interval { mean: value, low: value, high: value }
}

/// The ratio of two means, with an interval from those of both (errors add as squares).
fn ratio(above: &Interval, below: &Interval) -> Interval {
    let mean = above.mean / below.mean;
    let relative = ((above.half() / above.mean).powi(2) + (below.half() / below.mean).powi(2)).sqrt();
    let half = if relative.is_finite() { mean * relative } else { 0.0 };
    Interval { mean, low: mean - half, high: mean + half }
}

/// Conflicts of an episode instead of a hundred.
fn an_episode(interval: Interval) -> Interval {
    let Interval { mean, low, high } = interval;
    Interval { mean: mean / 100.0, low: low / 100.0, high: high / 100.0 }
}

fn claims(step: &Line, madrl: &Line, predefined: &Line) -> Vec<Claim> {
    let claim = |what, source, here, why| Claim { what, source, here, why };
    let fitted = "fitted: the schedule was chosen near this figure, so it is no evidence";
    let random = "more than uniformly random claims give on this grid (36): it tells of exploration, not of a protocol";
    let (median_step, range_step) = step.plain.median_and_range_ms();
    let (median_madrl, range_madrl) = madrl.plain.median_and_range_ms();
    vec![
        claim("step, conflicts an episode, first 100", 8.44, an_episode(step.first), fitted),
        claim("madrl, the same", 17.6, an_episode(madrl.first), fitted),
        claim("predefined, the same", 40.54, an_episode(predefined.first), random),
        claim(
            "step, conflicts an episode, last 100",
            0.0,
            an_episode(step.last),
            "not fitted; see the ablations for what does it",
        ),
        claim("madrl, the same", 0.81, an_episode(madrl.last), "differs widely from seed to seed"),
        claim(
            "predefined, the same",
            0.28,
            an_episode(predefined.last),
            "not its exploration: trained agents that explore no more conflict nearly as often, see the table",
        ),
        claim(
            "madrl / step, conflicts of all episodes",
            3.4,
            ratio(&madrl.all, &step.all),
            "mostly the schedules' work; at equal schedules see below",
        ),
        claim(
            "predefined / step, the same",
            6.06,
            ratio(&predefined.all, &step.all),
            "mostly the schedules' work",
        ),
        claim(
            "step, median latency, ms",
            0.0,
            exact(median_step),
            "the median is 0 for every method here, so it tells nothing",
        ),
        claim(
            "step, IQR, ms",
            1.25,
            exact(range_step),
            "agents without conflicts stay near their shares, whose queues are not empty",
        ),
        claim(
            "madrl, median latency, ms",
            4.0,
            exact(median_madrl),
            "more than half of all slice-steps end with empty queues, whoever claims",
        ),
        claim(
            "madrl, IQR, ms",
            11.0,
            exact(range_madrl),
            "depends on the load, which the source document does not give",
        ),
        claim(
            "madrl / step, mean latency",
            3.5,
            ratio(&madrl.plain.latency_ms, &step.plain.latency_ms),
            "step pays for its lack of conflicts with claims near the shares",
        ),
        claim(
            "step / madrl, network-wide use",
            1.4,
            ratio(&step.plain.network_utilisation, &madrl.plain.network_utilisation),
            "both serve nearly the same traffic",
        ),
        claim(
            "step / madrl, exploitation",
            1.4,
            ratio(&step.plain.exploitation, &madrl.plain.exploitation),
            "the source document does not say which of the two it means",
        ),
    ]
}

fn all(lines: &[Line]) -> Vec<Claim> {
    match ["step", "madrl", "predefined"].map(|name| find(lines, name)) {
        [Some(step), Some(madrl), Some(predefined)] => claims(step, madrl, predefined),
        _ => Vec::new(),
    }
}

fn verdict(claim: &Claim) -> &'static str {
    if matches(claim) { "yes" } else { "**no**" }
}

/// As Markdown.
pub(super) fn table(lines: &[Line]) -> String {
    let mut text = "\
| figure | source document | here | matches | why, or how to read it |
|---|---|---|---|---|
"
    .to_owned();
    for claim in all(lines) {
        let here = cell(&claim.here, 1.0, 2);
        let _ = writeln!(
            text,
            "| {} | {} | {here} | {} | {} |",
            claim.what,
            claim.source,
            verdict(&claim),
            claim.why
        );
    }
    text += "\nA figure matches if the source document's lies within the interval, or within a fifth of the mean.\n";
    text
}

/// For a terminal.
pub(super) fn terminal(lines: &[Line]) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_header([
        "rule A, trained",
        "source document",
        "here",
        "matches",
    ]);
    for claim in all(lines) {
        let verdict = verdict(&claim).replace('*', "");
        table.add_row([claim.what.to_owned(), claim.source.to_string(), cell(&claim.here, 1.0, 2), verdict]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_matches_within_its_interval_or_a_fifth_of_the_mean() {
        let claim = |source, mean, half| Claim {
            what: "",
            source,
            here: Interval { mean, low: mean - half, high: mean + half },
            why: "",
        };
        assert!(matches(&claim(8.44, 9.0, 0.1)));
        assert!(matches(&claim(3.0, 5.0, 2.5)));
        assert!(!matches(&claim(40.54, 25.0, 0.5)));
        assert!(matches(&claim(0.0, 0.0, 0.0)) && !matches(&claim(0.5, 0.0, 0.0)));
    }

    #[test]
    fn errors_of_a_ratio_add_as_squares() {
        let of = |mean: f64, half: f64| Interval { mean, low: mean - half, high: mean + half };
        let ratio = ratio(&of(10.0, 3.0), &of(5.0, 2.0));
        assert!((ratio.mean - 2.0).abs() < 1e-12 && (ratio.half() - 1.0).abs() < 1e-12);
    }
}
