//! One method's line: means over its seeds, with intervals.

use std::fmt::Write as _;

use slice_agent::eval::{Figures, Interval, Spread};
use slice_agent::study::{Judged, Outcome};

use super::super::Failure;

/// Means of trained agents over seeds.
#[derive(Debug, Clone)]
pub(super) struct Means {
    pub(super) conflicts: Interval,
    pub(super) trimmed: Interval,
    pub(super) reward: Interval,
    pub(super) latency_ms: Interval,
    pub(super) network_utilisation: Interval,
    pub(super) exploitation: Interval,
    pub(super) dropped: Interval,
    /// All seeds as one distribution of latency.
    pub(super) pooled: Judged,
}

/// A method.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) name: String,
    pub(super) seeds: usize,
    /// Conflicts in 100 episodes of the training: the first hundred, the last, all.
    pub(super) first: Interval,
    pub(super) last: Interval,
    pub(super) all: Interval,
    /// Conflicts of each ten episodes of the training, as conflicts in 100 episodes.
    pub(super) curve: Vec<Interval>,
    pub(super) plain: Means,
    pub(super) arbiter: Means,
}

/// Judgements of this name, seed by seed.
pub(super) fn judged<'a>(outcomes: &'a [Outcome], name: &'a str) -> impl Iterator<Item = &'a Judged> + Clone {
    outcomes.iter().filter_map(move |outcome| outcome.judged(name))
}

impl Means {
    pub(super) fn of(outcomes: &[Outcome], name: &str) -> Means {
        let interval =
            |of: fn(&Judged) -> f64| Interval::of(&judged(outcomes, name).map(of).collect::<Vec<_>>());
        Means {
            conflicts: interval(|judged| 100.0 * judged.conflicts),
            trimmed: interval(|judged| 100.0 * judged.trimmed),
            reward: interval(|judged| judged.reward),
            latency_ms: interval(|judged| judged.latency_ms),
            network_utilisation: interval(|judged| judged.network_utilisation),
            exploitation: interval(|judged| judged.exploitation),
            dropped: interval(|judged| judged.dropped),
            pooled: Judged::pool(judged(outcomes, name)),
        }
    }

    /// Median and width of the middle half of latency, ms.
    pub(super) fn median_and_range_ms(&self) -> (f64, f64) {
        let at = |part| self.pooled.latency_quantile_ms(part);
        (at(0.5), at(0.75) - at(0.25))
    }
}

/// The methods of a group, in their order.
pub(super) fn lines(outcomes: &[Outcome]) -> Vec<Line> {
    outcomes.chunk_by(|a, b| a.job.name == b.job.name).map(line).collect()
}

fn line(outcomes: &[Outcome]) -> Line {
    let name = outcomes[0].job.name.split_once('/').map_or("", |(_, name)| name);
    let part = |index: usize| {
        let of = |outcome: &Outcome| 100.0 * outcome.conflicts()[index];
        Interval::of(&outcomes.iter().map(of).collect::<Vec<_>>())
    };
    let tens = outcomes.iter().map(|outcome| outcome.training.conflicts_of_ten.len()).min().unwrap_or(0);
    let ten = |ten: usize| {
        let of = |outcome: &Outcome| 10.0 * f64::from(outcome.training.conflicts_of_ten[ten]);
        Interval::of(&outcomes.iter().map(of).collect::<Vec<_>>())
    };
    Line {
        name: name.to_owned(),
        seeds: outcomes.len(),
        first: part(0),
        last: part(1),
        all: part(2),
        curve: (0..tens).map(ten).collect(),
        plain: Means::of(outcomes, "plain"),
        arbiter: Means::of(outcomes, "arbiter"),
    }
}

/// A mean with half of its interval.
pub(super) fn cell(interval: &Interval, factor: f64, digits: usize) -> String {
    if interval.half().is_finite() {
        format!("{:.digits$} ± {:.digits$}", interval.mean * factor, interval.half() * factor)
    } else {
        format!("{:.digits$}", interval.mean * factor)
    }
}

const HEAD: [&str; 12] = [
    "method",
    "arbiter",
    "first",
    "last",
    "all",
    "conflicts",
    "trimmed",
    "network use %",
    "exploitation %",
    "latency ms",
    "median / IQR ms",
    "dropped %",
];

/// Methods as a Markdown table; `arbiter` adds a line for the same agents behind the arbiter.
pub(super) fn table(lines: &[Line], arbiter: bool) -> String {
    let mut text = format!("| {} |\n|{}\n", HEAD.join(" | "), "---|".repeat(HEAD.len()));
    for line in lines {
        let training = [line.first, line.last, line.all].map(|conflicts| cell(&conflicts, 1.0, 0));
        row(&mut text, &line.name, false, training, &line.plain);
        if arbiter {
            row(&mut text, &line.name, true, ["", "", ""].map(str::to_owned), &line.arbiter);
        }
    }
    text
}

fn row(text: &mut String, name: &str, arbiter: bool, [first, last, all]: [String; 3], means: &Means) {
    let (median, range) = means.median_and_range_ms();
    let cells = [
        name.to_owned(),
        if arbiter { "yes" } else { "no" }.to_owned(),
        first,
        last,
        all,
        if arbiter { "0".to_owned() } else { cell(&means.conflicts, 1.0, 1) },
        if arbiter { cell(&means.trimmed, 1.0, 0) } else { "-".to_owned() },
        cell(&means.network_utilisation, 100.0, 1),
        cell(&means.exploitation, 100.0, 1),
        cell(&means.latency_ms, 1.0, 2),
        format!("{median} / {range}"),
        cell(&means.dropped, 100.0, 1),
    ];
    let _ = writeln!(text, "| {} |", cells.join(" | "));
}

/// A policy that does not learn, as a row of the same table.
pub(super) fn reference(figures: &Figures) -> String {
    let count = figures.seeds.len();
    let with = |spread: &Spread| Interval::from_deviation(spread.mean, spread.deviation, count);
    let quantiles = &figures.latency_ms;
    let cells = [
        format!("*{}*", figures.policy),
        if figures.arbiter { "yes" } else { "no" }.to_owned(),
        String::new(),
        String::new(),
        String::new(),
        if figures.arbiter { "0".to_owned() } else { cell(&with(&figures.conflicts_per_100), 1.0, 1) },
        if figures.arbiter { cell(&with(&figures.trimmed_per_100), 1.0, 0) } else { "-".to_owned() },
        cell(&with(&figures.network_utilisation), 100.0, 1),
        cell(&with(&figures.exploitation), 100.0, 1),
        cell(&with(&figures.latency_mean_ms), 1.0, 2),
        format!("{:.2} / {:.2}", quantiles.median, quantiles.interquartile_range()),
        cell(&with(&figures.dropped), 100.0, 1),
    ];
    format!("| {} |\n", cells.join(" | "))
}

/// All lines as CSV: every figure of the tables, with the ends of its interval.
pub(super) fn csv(lines: &[(&str, Line)]) -> Result<String, Failure> {
    let mut table = csv::Writer::from_writer(Vec::new());
    table.write_record(["group", "method", "seeds", "arbiter", "figure", "mean", "low", "high"])?;
    for (group, line) in lines {
        let training =
            [("training_first", line.first), ("training_last", line.last), ("training_all", line.all)];
        record(&mut table, group, line, "", &training)?;
        for (arbiter, means) in [("no", &line.plain), ("yes", &line.arbiter)] {
            record(&mut table, group, line, arbiter, &figures(means))?;
        }
    }
    Ok(String::from_utf8(table.into_inner()?)?)
}

fn figures(means: &Means) -> [(&'static str, Interval); 7] {
    [
        ("conflicts_per_100", means.conflicts),
        ("trimmed_per_100", means.trimmed),
        ("reward", means.reward),
        ("latency_ms", means.latency_ms),
        ("network_utilisation", means.network_utilisation),
        ("exploitation", means.exploitation),
        ("dropped", means.dropped),
    ]
}

fn record(
    table: &mut csv::Writer<Vec<u8>>,
    group: &str,
    line: &Line,
    arbiter: &str,
    figures: &[(&str, Interval)],
) -> Result<(), Failure> {
    for (figure, Interval { mean, low, high }) in figures {
        let (seeds, numbers) = (line.seeds.to_string(), [mean, low, high].map(f64::to_string));
        let fields = [group, &line.name, &seeds, arbiter, figure];
        table.write_record(fields.into_iter().chain(numbers.iter().map(String::as_str)))?;
    }
    Ok(())
}
