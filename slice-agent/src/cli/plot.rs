//! The distribution of latency, as SVG.

use plotters::prelude::*;
use slice_agent::eval::Figures;
use slice_agent::policy::PolicyName;

use super::Failure;

const SIZE: (u32, u32) = (900, 520);

/// The part of all latencies at or below each time, one line for each policy.
pub(super) fn latency(title: &str, figures: &[Figures]) -> Result<String, Failure> {
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        let points = figures.iter().flat_map(|line| &line.latency_cdf);
        let end = points.map(|point| point.0).fold(1.0, f64::max);
        let mut chart = ChartBuilder::on(&area);
        chart.caption(title, ("sans-serif", 18)).margin(12).x_label_area_size(36).y_label_area_size(48);
        let mut chart = chart.build_cartesian_2d(0.0..end, 0.0..1.0)?;
        chart
            .configure_mesh()
            .max_light_lines(0)
            .x_desc("latency, ms")
            .y_desc("part of slice-steps at or below")
            .draw()?;
        for line in figures {
            let style = style(line);
            let series = chart.draw_series(LineSeries::new(line.latency_cdf.iter().copied(), style))?;
            series.label(label(line)).legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
        }
        let mut labels = chart.configure_series_labels();
        labels.position(SeriesLabelPosition::LowerRight).background_style(WHITE.mix(0.8)).draw()?;
        area.present()?;
    }
    Ok(text)
}

/// One colour for each policy; wide with the arbiter.
fn style(line: &Figures) -> ShapeStyle {
    let index = PolicyName::ALL.iter().position(|policy| policy.name() == line.policy);
    let width = if line.arbiter { 3 } else { 1 };
    Palette99::pick(index.unwrap_or(PolicyName::ALL.len())).stroke_width(width)
}

fn label(line: &Figures) -> String {
    let arbiter = if line.arbiter { " + arbiter" } else { "" };
    format!("{}{arbiter}", line.policy)
}
