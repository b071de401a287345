//! The source document's Figures 24 to 27 as SVG, with the default policy beside its own.

use std::time::Duration;

use deadline_monitor::trace::Trace;

use super::super::chart::{self, Series, chart};
use super::arms::{Kind, Ran};
use super::{INITIALS, WORKS};

/// The four files: budgets and response times for each first budget.
pub(super) fn figures(ran: &[Ran]) -> Vec<(String, String)> {
    let mut files = Vec::new();
    for (initial, number) in INITIALS.into_iter().zip([24, 26]) {
        let from = format!("first budget {} ms", initial.as_millis());
        let budgets = series(ran, initial, chart::budgets);
        files.push((
            format!("figure-{number}.svg"),
            chart(&format!("Budget, {from}"), "budget [ms]", &budgets),
        ));
        let number = number + 1;
        let responses = series(ran, initial, responses);
        let title = format!("Response time, {from}");
        files.push((format!("figure-{number}.svg"), chart(&title, "response [ms]", &responses)));
    }
    files
}

fn series(ran: &[Ran], initial: Duration, points: fn(&Trace) -> Vec<(f64, f64)>) -> Vec<Series> {
    let policies = [Kind::Seed, Kind::Default];
    let runs = policies
        .into_iter()
        .filter_map(|kind| ran.iter().find(|ran| ran.arm.kind == kind && ran.arm.initial == initial));
    let lines = runs.flat_map(|ran| {
        ran.traces.iter().zip(WORKS).map(|(trace, work)| Series {
            name: format!("{} ms task, {}", work.as_millis(), ran.arm.kind.name()),
            points: points(trace),
        })
    });
    lines.collect()
}

/// A point for each job, at its release.
fn responses(trace: &Trace) -> Vec<(f64, f64)> {
    trace.jobs.iter().map(|job| (job.release.as_secs_f64(), chart::ms(job.response))).collect()
}
