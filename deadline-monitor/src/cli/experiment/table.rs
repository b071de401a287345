//! The figures as a table.

use std::cmp::Ordering;
use std::time::Duration;

use comfy_table::{CellAlignment, Table, presets};
use deadline_monitor::trace::Summary;

use super::arms::{Kind, Ran};
use super::{PERIOD, WORKS};

/// What each row ends with.
pub(crate) const FIGURES: [&str; 8] =
    ["settled", "jobs", "late", "p50", "p99", "max", "over-allocated", "changes"];

/// These figures of one task.
pub(crate) fn figures(summary: &Summary) -> [String; 8] {
    [
        summary.settled.map_or_else(|| "not yet".to_owned(), |time| format!("{:.1} s", time.as_secs_f64())),
        summary.jobs.to_string(),
        summary.late.to_string(),
        ms(summary.p50),
        ms(summary.p99),
        ms(summary.max),
        summary.over_allocation.map_or_else(|| "-".to_owned(), |percent| format!("{percent} %")),
        summary.changes.to_string(),
    ]
}

/// How one policy does against another: late jobs and over-allocation.
pub(crate) fn against(ours: &Summary, theirs: &Summary) -> String {
    let word = |ours: i64, theirs: i64| match ours.cmp(&theirs) {
        Ordering::Less => "better",
        Ordering::Equal => "the same",
        Ordering::Greater => "WORSE",
    };
    let late = |summary: &Summary| i64::try_from(summary.late).unwrap_or(i64::MAX);
    let over = |summary: &Summary| summary.over_allocation.unwrap_or_default();
    format!(
        "late jobs {} and {} ({}), over-allocated {} and {} % ({})",
        ours.late,
        theirs.late,
        word(late(ours), late(theirs)),
        over(ours),
        over(theirs),
        word(over(ours), over(theirs))
    )
}

fn ms(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}

/// One row for each task of each run.
pub(super) fn of(ran: &[Ran]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header(["first budget", "policy", "task"].into_iter().chain(FIGURES).chain(["monitor CPU"]));
    for one in ran {
        for (trace, work) in one.traces.iter().zip(WORKS) {
            let summary = trace.summary();
            let mut figures = figures(&summary);
            if trace.settings.is_empty() {
                // Without a reservation there is nothing to settle or to change.
                (figures[0], figures[7]) = ("-".to_owned(), "-".to_owned());
            }
            let first = trace.settings.first().map_or("-".to_owned(), |_| ms(one.arm.initial));
            let task = format!("{} of {} ms", work.as_millis(), PERIOD.as_millis());
            let head = [first, one.arm.kind.name().to_owned(), task];
            table.add_row(head.into_iter().chain(figures).chain([share(one, trace.length)]));
        }
    }
    for column in table.column_iter_mut().skip(3) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// The default policy against the source document's, for each first budget and task.
pub(super) fn verdicts(ran: &[Ran]) -> Vec<String> {
    let of = |kind| ran.iter().filter(move |one| one.arm.kind == kind);
    let mut verdicts = Vec::new();
    for (ours, seed) in of(Kind::Default).zip(of(Kind::Seed)) {
        for ((ours_trace, seed_trace), work) in ours.traces.iter().zip(&seed.traces).zip(WORKS) {
            let figures = against(&ours_trace.summary(), &seed_trace.summary());
            let (initial, work) = (ours.arm.initial.as_millis(), work.as_millis());
            verdicts
                .push(format!("first budget {initial} ms, {work} ms task: default against seed: {figures}"));
        }
    }
    verdicts
}

/// The monitor's part of one CPU, for both tasks together.
fn share(ran: &Ran, length: Duration) -> String {
    let percent = |time: Duration| format!("{:.2} %", time.as_secs_f64() / length.as_secs_f64() * 100.0);
    ran.monitor.map_or_else(|| "-".to_owned(), percent)
}
