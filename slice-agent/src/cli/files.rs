//! Figures as files: CSV, JSON lines, a plot.

use std::fs;
use std::path::Path;

use serde::Serialize;
use slice_agent::eval::Figures;

use super::scenario::Scenario;
use super::{Failure, plot};

#[derive(Serialize)]
struct Line<'a> {
    scenario: &'a str,
    #[serde(flatten)]
    figures: &'a Figures,
}

/// One JSON object on a line for each policy.
pub(super) fn json_lines(scenario: &Scenario, figures: &[Figures]) -> Result<String, Failure> {
    let mut text = String::new();
    for figures in figures {
        text += &serde_json::to_string(&Line { scenario: &scenario.name, figures })?;
        text.push('\n');
    }
    Ok(text)
}

/// Writes `NAME.csv`, `NAME.jsonl` and `NAME.svg` into `dir`, which is made if it is missing.
pub(super) fn write(dir: &Path, scenario: &Scenario, figures: &[Figures]) -> Result<(), Failure> {
    fs::create_dir_all(dir).map_err(|error| format!("Cannot make {}: {error}", dir.display()))?;
    let put = |ending: &str, text: &str| {
        let file = dir.join(format!("{}.{ending}", scenario.name));
        fs::write(&file, text).map_err(|error| format!("Cannot write {}: {error}", file.display()))
    };
    put("csv", &comma_separated(figures)?)?;
    put("jsonl", &json_lines(scenario, figures)?)?;
    put("svg", &plot::latency(&scenario.title, figures)?)?;
    Ok(())
}

const COLUMNS: [&str; 20] = [
    "policy",
    "arbiter",
    "seeds",
    "episodes",
    "conflicts_per_100_mean",
    "conflicts_per_100_deviation",
    "trimmed_per_100_mean",
    "trimmed_per_100_deviation",
    "network_utilisation_mean",
    "network_utilisation_deviation",
    "exploitation_mean",
    "exploitation_deviation",
    "latency_mean_ms",
    "latency_deviation_ms",
    "latency_median_ms",
    "latency_iqr_ms",
    "latency_p99_ms",
    "dropped_mean",
    "reward_mean",
    "reward_deviation",
];

fn comma_separated(figures: &[Figures]) -> Result<String, Failure> {
    let mut table = csv::Writer::from_writer(Vec::new());
    table.write_record(COLUMNS)?;
    for line in figures {
        let names = [line.policy.clone(), line.arbiter.to_string(), line.seeds.len().to_string()];
        let numbers = numbers(line).map(|number| number.to_string());
        table.write_record(names.into_iter().chain([line.episodes.to_string()]).chain(numbers))?;
    }
    Ok(String::from_utf8(table.into_inner()?)?)
}

fn numbers(line: &Figures) -> [f64; 16] {
    let quantiles = &line.latency_ms;
    [
        line.conflicts_per_100.mean,
        line.conflicts_per_100.deviation,
        line.trimmed_per_100.mean,
        line.trimmed_per_100.deviation,
        line.network_utilisation.mean,
        line.network_utilisation.deviation,
        line.exploitation.mean,
        line.exploitation.deviation,
        line.latency_mean_ms.mean,
        line.latency_mean_ms.deviation,
        quantiles.median,
        quantiles.interquartile_range(),
        quantiles.p99,
        line.dropped.mean,
        line.reward.mean,
        line.reward.deviation,
    ]
}
