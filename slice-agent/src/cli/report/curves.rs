//! The plots, as SVG.

use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use slice_agent::eval::Interval;
use slice_agent::study::LATENCY_BIN_MS;

use super::super::Failure;
use super::line::Line;

const SIZE: (u32, u32) = (760, 420);
const TITLE: (&str, u32) = ("sans-serif", 17);

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;
type Chart<'a> = ChartContext<'a, SVGBackend<'a>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// Colours that are told apart with any kind of colour vision (Okabe and Ito).
const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(70, 70, 70),
];

fn colour(index: usize) -> RGBColor {
    COLOURS[index % COLOURS.len()]
}

/// Draws on a white page and gives it as text.
fn page(draw: impl FnOnce(&Area<'_>) -> Result<(), Failure>) -> Result<String, Failure> {
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        draw(&area)?;
        area.present()?;
    }
    Ok(text)
}

/// Axes from 0 to `ends`, with a title and names.
fn axes<'a>(area: &Area<'a>, title: &str, names: [&str; 2], ends: [f64; 2]) -> Result<Chart<'a>, Failure> {
    ranges(area, title, names, [0.0, ends[0]], [0.0, ends[1]])
}

fn ranges<'a>(
    area: &Area<'a>,
    title: &str,
    names: [&str; 2],
    x: [f64; 2],
    y: [f64; 2],
) -> Result<Chart<'a>, Failure> {
    let mut builder = ChartBuilder::on(area);
    builder.caption(title, TITLE).margin(12).x_label_area_size(38).y_label_area_size(58);
    let mut chart = builder.build_cartesian_2d(x[0]..x[1], y[0]..y[1])?;
    chart.configure_mesh().max_light_lines(0).x_desc(names[0]).y_desc(names[1]).draw()?;
    Ok(chart)
}

fn legend<'a>(chart: &mut Chart<'a>, position: SeriesLabelPosition) -> Result<(), Failure> {
    let mut labels = chart.configure_series_labels();
    labels.position(position).background_style(WHITE.mix(0.85)).border_style(BLACK.mix(0.2)).draw()?;
    Ok(())
}

fn above(values: impl Iterator<Item = f64>) -> f64 {
    values.filter(|value| value.is_finite()).fold(0.0, f64::max).max(1e-3) * 1.05
}

/// Conflicts over the episodes of a training, with bands of 95 %.
pub(super) fn training(title: &str, lines: &[Line]) -> Result<String, Failure> {
    let points = |line: &Line, of: fn(&Interval) -> f64| -> Vec<(f64, f64)> {
        let at =
            |(ten, interval): (usize, &Interval)| (10.0 * ten as f64 + 5.0, of(interval).clamp(0.0, 6_000.0));
        line.curve.iter().enumerate().map(at).collect()
    };
    let end = lines.iter().map(|line| line.curve.len()).max().unwrap_or(1) as f64 * 10.0;
    let top = above(lines.iter().flat_map(|line| &line.curve).map(|interval| interval.mean));
    page(|area| {
        let names = ["episode of the training", "conflicts in 100 episodes"];
        let mut chart = axes(area, title, names, [end, top])?;
        for (index, line) in lines.iter().enumerate() {
            let colour = colour(index);
            if line.seeds > 1 {
                let mut band = points(line, |interval| interval.high);
                band.iter_mut().for_each(|(_, y)| *y = y.min(top));
                band.extend(points(line, |interval| interval.low).into_iter().rev());
                chart.draw_series([Polygon::new(band, colour.mix(0.15))])?;
            }
            let series = chart.draw_series(LineSeries::new(
                points(line, |interval| interval.mean),
                colour.stroke_width(2),
            ))?;
            series
                .label(&line.name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
        }
        legend(&mut chart, SeriesLabelPosition::UpperRight)
    })
}

/// The distribution of latency over all seeds; thin behind the arbiter.
pub(super) fn latency(title: &str, lines: &[Line]) -> Result<String, Failure> {
    let cumulated = |bins: &[u32]| -> Vec<(f64, f64)> {
        let total = f64::from(bins.iter().sum::<u32>()).max(1.0);
        let mut sum = 0.0;
        let mut at = |(bin, count): (usize, &u32)| {
            sum += f64::from(*count);
            (bin as f64 * LATENCY_BIN_MS, sum / total)
        };
        bins.iter().enumerate().map(&mut at).collect()
    };
    page(|area| {
        let names = ["latency, ms", "part of slice-steps at or below"];
        let mut chart = axes(area, title, names, [30.0, 1.0])?;
        for (index, line) in lines.iter().enumerate() {
            for (arbiter, means) in [(false, &line.plain), (true, &line.arbiter)] {
                let style = colour(index).stroke_width(if arbiter { 1 } else { 3 });
                let name = if arbiter { format!("{} + arbiter", line.name) } else { line.name.clone() };
                let series =
                    chart.draw_series(LineSeries::new(cumulated(&means.pooled.latency_bins), style))?;
                series.label(name).legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
            }
        }
        legend(&mut chart, SeriesLabelPosition::LowerRight)
    })
}

/// One bar for each method with its interval; `marks` are lines across.
pub(super) fn bars(
    title: &str,
    name: &str,
    lines: &[Line],
    of: impl Fn(&Line) -> Interval,
    marks: Option<[f64; 2]>,
) -> Result<String, Failure> {
    let intervals: Vec<_> = lines.iter().map(|line| (line.name.as_str(), of(line))).collect();
    let top = above(
        intervals
            .iter()
            .flat_map(|(_, interval)| [interval.mean, interval.high])
            .chain(marks.into_iter().flatten()),
    );
    page(|area| {
        let mut builder = ChartBuilder::on(area);
        builder.caption(title, TITLE).margin(12).x_label_area_size(38).y_label_area_size(58);
        let mut chart = builder.build_cartesian_2d(0.0..intervals.len() as f64, 0.0..top)?;
        let label = |x: &f64| named(&intervals, *x);
        let mut mesh = chart.configure_mesh();
        mesh.disable_x_mesh().max_light_lines(0).y_desc(name).x_labels(2 * intervals.len() + 1);
        mesh.x_label_formatter(&label).draw()?;
        for (index, (_, interval)) in intervals.iter().enumerate() {
            let middle = index as f64 + 0.5;
            let bar = [(middle - 0.3, 0.0), (middle + 0.3, interval.mean)];
            chart.draw_series([Rectangle::new(bar, colour(index).mix(0.7).filled())])?;
            whisker(&mut chart, middle, interval)?;
        }
        for mark in marks.into_iter().flatten() {
            let across = [(0.0, mark), (intervals.len() as f64, mark)];
            chart.draw_series([PathElement::new(across, BLACK.mix(0.5).stroke_width(1))])?;
        }
        Ok(())
    })
}

/// The name of the bar whose middle is at `x`.
fn named(intervals: &[(&str, Interval)], x: f64) -> String {
    let index = (0..intervals.len()).find(|index| (x - *index as f64 - 0.5).abs() < 0.01);
    index.map_or_else(String::new, |index| intervals[index].0.to_owned())
}

fn whisker(chart: &mut Chart<'_>, x: f64, interval: &Interval) -> Result<(), Failure> {
    if interval.half().is_finite() {
        let ends = [(x, interval.low.max(0.0)), (x, interval.high)];
        chart.draw_series([PathElement::new(ends, BLACK.stroke_width(2))])?;
    }
    Ok(())
}

/// Conflicts of the first and the last hundred episodes over the size of the message space.
pub(super) fn sweep(lines: &[Line]) -> Result<String, Failure> {
    type Series = (&'static str, fn(&Line) -> Interval);
    let series: [Series; 2] =
        [("first 100 episodes", |line| line.first), ("last 100 episodes", |line| line.last)];
    let top = above(lines.iter().flat_map(|line| [line.first.high, line.last.high]));
    page(|area| {
        let names = ["messages (logarithm to base 2)", "conflicts in 100 episodes"];
        let mut chart =
            ranges(area, "Conflicts over the size of the message space", names, [0.5, 4.5], [0.0, top])?;
        for (index, (name, of)) in series.into_iter().enumerate() {
            let at = |line: &Line| (line.name.parse::<f64>().unwrap_or(1.0).log2(), of(line));
            let points: Vec<_> = lines.iter().map(at).collect();
            let colour = colour(index);
            let means = points.iter().map(|(x, interval)| (*x, interval.mean));
            let line = chart.draw_series(LineSeries::new(means, colour.stroke_width(2)).point_size(4))?;
            line.label(name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
            for (x, interval) in &points {
                whisker(&mut chart, *x, interval)?;
            }
        }
        legend(&mut chart, SeriesLabelPosition::MiddleRight)
    })
}

/// Differences with their intervals, one below another, around 0.
pub(super) fn differences(title: &str, name: &str, lines: &[(String, Interval)]) -> Result<String, Failure> {
    let ends =
        lines.iter().flat_map(|(_, interval)| [interval.low, interval.high]).filter(|end| end.is_finite());
    let (low, high) = ends.fold((0.0f64, 0.0f64), |(low, high), end| (low.min(end), high.max(end)));
    let margin = 0.08 * (high - low).max(1e-3);
    let count = lines.len() as f64;
    page(|area| {
        let mut builder = ChartBuilder::on(area);
        builder.caption(title, TITLE).margin(12).x_label_area_size(38).y_label_area_size(96);
        let mut chart = builder.build_cartesian_2d(low - margin..high + margin, 0.0..count)?;
        let label = |y: &f64| {
            let index = (0..lines.len()).find(|index| (count - 0.5 - *index as f64 - y).abs() < 0.01);
            index.map_or_else(String::new, |index| lines[index].0.clone())
        };
        let mut mesh = chart.configure_mesh();
        mesh.disable_y_mesh().max_light_lines(0).x_desc(name).y_labels(2 * lines.len() + 1);
        mesh.y_label_formatter(&label).draw()?;
        chart.draw_series([PathElement::new([(0.0, 0.0), (0.0, count)], BLACK.stroke_width(1))])?;
        for (index, (_, interval)) in lines.iter().enumerate() {
            let y = count - 0.5 - index as f64;
            let style =
                colour(usize::from(interval.is_below_zero()) + 2 * usize::from(interval.is_above_zero()));
            chart.draw_series([PathElement::new(
                [(interval.low, y), (interval.high, y)],
                style.stroke_width(3),
            )])?;
            chart.draw_series([Circle::new((interval.mean, y), 4, style.filled())])?;
        }
        Ok(())
    })
}
