//! The source document's Figures 24 to 27 as SVG, with the default policy beside its own.

use std::fmt::Write;
use std::time::Duration;

use deadline_monitor::trace::Trace;

use super::arms::{Kind, Ran};
use super::{INITIALS, WORKS};

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 64.0;
const TOP: f64 = 40.0;
const RIGHT: f64 = 20.0;
const BOTTOM: f64 = 100.0;
/// Lines on the paper, one for each task under each policy.
const COLOURS: [&str; 4] = ["#1b6ca8", "#d1495b", "#7fb2d9", "#e8a0a9"];
/// Steps of an axis.
const STEPS: u32 = 5;

/// A line.
struct Series {
    name: String,
    points: Vec<(f64, f64)>,
}

/// The four files: budgets and response times for each first budget.
pub(super) fn figures(ran: &[Ran]) -> Vec<(String, String)> {
    let mut files = Vec::new();
    for (initial, number) in INITIALS.into_iter().zip([24, 26]) {
        let from = format!("first budget {} ms", initial.as_millis());
        let budgets = series(ran, initial, budgets);
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

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Steps: each budget until the next.
fn budgets(trace: &Trace) -> Vec<(f64, f64)> {
    let ends = trace.settings.iter().skip(1).map(|setting| setting.at).chain([trace.length]);
    let step = |(setting, end): (&deadline_monitor::trace::Setting, Duration)| {
        [(setting.at.as_secs_f64(), ms(setting.runtime)), (end.as_secs_f64(), ms(setting.runtime))]
    };
    trace.settings.iter().zip(ends).flat_map(step).collect()
}

/// A point for each job, at its release.
fn responses(trace: &Trace) -> Vec<(f64, f64)> {
    trace.jobs.iter().map(|job| (job.release.as_secs_f64(), ms(job.response))).collect()
}

fn chart(title: &str, unit: &str, series: &[Series]) -> String {
    let largest = |of: fn(&(f64, f64)) -> f64| {
        series.iter().flat_map(|series| &series.points).map(of).fold(1.0, f64::max)
    };
    let (x_max, y_max) = (largest(|point| point.0), largest(|point| point.1) * 1.05);
    let x = |value: f64| LEFT + value / x_max * (WIDTH - LEFT - RIGHT);
    let y = |value: f64| HEIGHT - BOTTOM - value / y_max * (HEIGHT - TOP - BOTTOM);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    text(&mut svg, (WIDTH / 2.0, 22.0), "middle", title);
    text(&mut svg, (WIDTH / 2.0, HEIGHT - BOTTOM + 36.0), "middle", "time [s]");
    text(&mut svg, (8.0, TOP - 10.0), "start", unit);
    for step in 0..=STEPS {
        let part = f64::from(step) / f64::from(STEPS);
        line(&mut svg, &[(LEFT, y(y_max * part)), (WIDTH - RIGHT, y(y_max * part))], "#dddddd");
        text(&mut svg, (LEFT - 6.0, y(y_max * part) + 4.0), "end", &format!("{:.0}", y_max * part));
        text(&mut svg, (x(x_max * part), HEIGHT - BOTTOM + 18.0), "middle", &format!("{:.1}", x_max * part));
    }
    for (index, (series, colour)) in series.iter().zip(COLOURS).enumerate() {
        let points: Vec<_> = series.points.iter().map(|point| (x(point.0), y(point.1))).collect();
        line(&mut svg, &points, colour);
        let (column, row) = (if index % 2 == 0 { 0.0 } else { 1.0 }, if index < 2 { 0.0 } else { 1.0 });
        let at = (LEFT + 340.0 * column, HEIGHT - BOTTOM + 60.0 + 20.0 * row);
        line(&mut svg, &[(at.0, at.1 - 4.0), (at.0 + 24.0, at.1 - 4.0)], colour);
        text(&mut svg, (at.0 + 30.0, at.1), "start", &series.name);
    }
    svg.push_str("</svg>\n");
    svg
}

fn text(svg: &mut String, at: (f64, f64), anchor: &str, text: &str) {
    let (x, y) = at;
    // Writing into a String cannot fail.
    let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>");
}

fn line(svg: &mut String, points: &[(f64, f64)], colour: &str) {
    svg.push_str("<polyline fill=\"none\" stroke-width=\"1.5\" points=\"");
    for (x, y) in points {
        let _ = write!(svg, "{x:.1},{y:.1} ");
    }
    let _ = writeln!(svg, "\" stroke=\"{colour}\"/>");
}

#[cfg(test)]
mod tests {
    use super::*;
    use deadline_monitor::trace::Setting;

    #[test]
    fn a_budget_is_drawn_as_steps_to_the_end() {
        let setting = |s, ms| Setting { at: Duration::from_secs(s), runtime: Duration::from_millis(ms) };
        let settings = vec![setting(0, 2), setting(1, 10)];
        let trace = Trace { settings, length: Duration::from_secs(3), ..Trace::default() };
        assert_eq!(budgets(&trace), [(0.0, 2.0), (1.0, 2.0), (1.0, 10.0), (3.0, 10.0)]);
    }

    #[test]
    fn a_chart_names_its_lines() {
        let series = [Series { name: "one".to_owned(), points: vec![(0.0, 1.0), (2.0, 50.0)] }];
        let svg = chart("Budget", "ms", &series);
        assert!(
            svg.contains(">one</text>") && svg.contains("stroke=\"#1b6ca8\"") && svg.ends_with("</svg>\n")
        );
    }
}
