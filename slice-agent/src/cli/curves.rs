//! Conflicts over episodes, as SVG: like the source document's Figure 3.

use std::path::Path;

use plotters::prelude::*;
use slice_agent::checkpoint::write_whole;

use super::Failure;
use super::train::Curve;

const SIZE: (u32, u32) = (900, 480);
/// Episodes that a point is the mean of.
const SMOOTH: usize = 10;

/// Writes the plot to `path`.
pub(super) fn write(path: &Path, curves: &[Curve]) -> Result<(), Failure> {
    Ok(write_whole(path, svg(curves)?.as_bytes())?)
}

fn svg(curves: &[Curve]) -> Result<String, Failure> {
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        let methods: Vec<_> = curves.chunk_by(|a, b| a.method == b.method).collect();
        let lines: Vec<_> = methods.iter().map(|of_method| means(of_method)).collect();
        let end = lines.iter().flatten().map(|point| point.0).fold(1.0, f64::max);
        let top = lines.iter().flatten().map(|point| point.1).fold(1.0, f64::max);
        let mut chart = ChartBuilder::on(&area);
        chart.margin(12).x_label_area_size(36).y_label_area_size(48);
        let mut chart = chart.build_cartesian_2d(0.0..end, 0.0..1.05 * top)?;
        let mut mesh = chart.configure_mesh();
        mesh.max_light_lines(0).x_desc("episode").y_desc("steps with a conflict, mean of seeds").draw()?;
        for (index, (of_method, line)) in methods.iter().zip(lines).enumerate() {
            let style = Palette99::pick(index).stroke_width(2);
            let name = of_method.first().map_or("", |curve| curve.method);
            let series = chart.draw_series(LineSeries::new(line, style))?;
            series.label(name).legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
        }
        let mut labels = chart.configure_series_labels();
        labels.position(SeriesLabelPosition::UpperRight).background_style(WHITE.mix(0.8)).draw()?;
        area.present()?;
    }
    Ok(text)
}

/// Means over seeds and over [`SMOOTH`] episodes.
fn means(curves: &[Curve]) -> Vec<(f64, f64)> {
    let episodes = curves.iter().map(|curve| curve.lines.len()).min().unwrap_or(0);
    let at = |episode: usize| {
        let sum: u32 = curves.iter().map(|curve| curve.lines[episode].conflicts).sum();
        f64::from(sum) / curves.len() as f64
    };
    let point = |first: usize| {
        let last = (first + SMOOTH).min(episodes);
        (first as f64, (first..last).map(at).sum::<f64>() / (last - first) as f64)
    };
    (0..episodes).step_by(SMOOTH).map(point).collect()
}
