//! Lines over time as SVG, and any SVG as PNG.

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use deadline_monitor::trace::{Setting, Trace};

use super::Result;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 64.0;
const TOP: f64 = 40.0;
const RIGHT: f64 = 20.0;
const BOTTOM: f64 = 100.0;
/// Lines on the paper; more of them begin again.
const COLOURS: [&str; 4] = ["#1b6ca8", "#d1495b", "#7fb2d9", "#e8a0a9"];
/// Steps of an axis.
const STEPS: u32 = 5;

/// A line.
#[derive(Debug)]
pub(crate) struct Series {
    pub(crate) name: String,
    /// Seconds, and the unit of the other axis.
    pub(crate) points: Vec<(f64, f64)>,
}

/// Pixels of a PNG for each unit of the SVG.
const SCALE: f32 = 2.0;

pub(crate) fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Steps: each budget until the next.
pub(crate) fn budgets(trace: &Trace) -> Vec<(f64, f64)> {
    let ends = trace.settings.iter().skip(1).map(|setting| setting.at).chain([trace.length]);
    let step = |(setting, end): (&Setting, Duration)| {
        [(setting.at.as_secs_f64(), ms(setting.runtime)), (end.as_secs_f64(), ms(setting.runtime))]
    };
    trace.settings.iter().zip(ends).flat_map(step).collect()
}

/// Lines over time, with a title, both axes and the names of the lines below.
pub(crate) fn chart(title: &str, unit: &str, series: &[Series]) -> String {
    let largest = |of: fn(&(f64, f64)) -> f64| {
        series.iter().flat_map(|series| &series.points).map(of).fold(1.0, f64::max)
    };
    let (x_step, y_step) =
        (round_step(largest(|point| point.0)), round_step(largest(|point| point.1) * 1.05));
    let (x_max, y_max) = (x_step * f64::from(STEPS), y_step * f64::from(STEPS));
    let x = |value: f64| LEFT + value / x_max * (WIDTH - LEFT - RIGHT);
    let y = |value: f64| HEIGHT - BOTTOM - value / y_max * (HEIGHT - TOP - BOTTOM);
    // Two names in each line below the chart.
    let height = HEIGHT + 20.0 * (row(series.len().saturating_sub(1)) - 1.0).max(0.0);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    text(&mut svg, (WIDTH / 2.0, 22.0), "middle", title);
    text(&mut svg, (WIDTH / 2.0, HEIGHT - BOTTOM + 36.0), "middle", "time [s]");
    text(&mut svg, (8.0, TOP - 10.0), "start", unit);
    for step in (0..=STEPS).map(f64::from) {
        let (along, up) = (x_step * step, y_step * step);
        line(&mut svg, &[(LEFT, y(up)), (WIDTH - RIGHT, y(up))], "#dddddd");
        text(&mut svg, (LEFT - 6.0, y(up) + 4.0), "end", &format!("{}", rounded(up)));
        text(&mut svg, (x(along), HEIGHT - BOTTOM + 18.0), "middle", &format!("{}", rounded(along)));
    }
    for (index, (series, colour)) in series.iter().zip(COLOURS.iter().cycle()).enumerate() {
        let points: Vec<_> = series.points.iter().map(|point| (x(point.0), y(point.1))).collect();
        line(&mut svg, &points, colour);
        let (column, row) = (if index % 2 == 0 { 0.0 } else { 1.0 }, row(index));
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

/// A step of 1, 2, 2.5 or 5 times a power of ten, so that all steps together reach `largest`.
fn round_step(largest: f64) -> f64 {
    let least = largest / f64::from(STEPS);
    let power = 10_f64.powf(least.log10().floor());
    [1.0, 2.0, 2.5, 5.0, 10.0]
        .map(|factor| factor * power)
        .into_iter()
        .find(|step| *step >= least)
        .unwrap_or(least)
}

/// Without the noise of its last bits.
fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

/// The line of names below the chart that the `index`th one is in.
fn row(index: usize) -> f64 {
    f64::from(u32::try_from(index / 2).unwrap_or(u32::MAX))
}

/// Writes a chart: PNG if the name ends so, else SVG.
pub(crate) fn write(path: &Path, svg: &str) -> Result<()> {
    let is_png = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("png"));
    let content = if is_png { png(svg)? } else { svg.as_bytes().to_vec() };
    std::fs::write(path, content).map_err(|error| format!("Cannot write {}: {error}", path.display()).into())
}

fn png(svg: &str) -> Result<Vec<u8>> {
    let mut options = resvg::usvg::Options::default();
    let fonts = Arc::make_mut(&mut options.fontdb);
    fonts.load_system_fonts();
    let Some(family) = fonts.faces().find_map(|face| Some(face.families.first()?.0.clone())) else {
        return Err(
            "A PNG needs a font, and this machine has none (fonts-dejavu-core); an SVG does not".into()
        );
    };
    fonts.set_sans_serif_family(sans_serif(fonts).unwrap_or(family));
    let tree = resvg::usvg::Tree::from_str(svg, &options)?;
    let size = tree.size().to_int_size().scale_by(SCALE).ok_or("The chart has no size")?;
    let mut pixmap =
        resvg::tiny_skia::Pixmap::new(size.width(), size.height()).ok_or("The chart is too large")?;
    resvg::render(&tree, resvg::tiny_skia::Transform::from_scale(SCALE, SCALE), &mut pixmap.as_mut());
    Ok(pixmap.encode_png()?)
}

/// A font without serifs that this machine has.
fn sans_serif(fonts: &resvg::usvg::fontdb::Database) -> Option<String> {
    let names = || fonts.faces().filter_map(|face| Some(face.families.first()?.0.clone()));
    names().find(|name| name == "DejaVu Sans").or_else(|| names().find(|name| name.contains("Sans")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_drawn_as_steps_to_the_end() {
        let setting = |s, ms| Setting { at: Duration::from_secs(s), runtime: Duration::from_millis(ms) };
        let settings = vec![setting(0, 2), setting(1, 10)];
        let trace = Trace { settings, length: Duration::from_secs(3), ..Trace::default() };
        assert_eq!(budgets(&trace), [(0.0, 2.0), (1.0, 2.0), (1.0, 10.0), (3.0, 10.0)]);
    }

    fn series() -> [Series; 1] {
        [Series { name: "one".to_owned(), points: vec![(0.0, 1.0), (2.0, 50.0)] }]
    }

    #[test]
    fn a_chart_names_its_lines() {
        let svg = chart("Budget", "ms", &series());
        assert!(
            svg.contains(">one</text>") && svg.contains("stroke=\"#1b6ca8\"") && svg.ends_with("</svg>\n")
        );
    }

    #[test]
    fn axes_have_round_steps() {
        assert_eq!(
            [11.9, 84.0, 2_525.0, 0.3, 5.0].map(|most| rounded(round_step(most))),
            [2.5, 20.0, 1_000.0, 0.1, 1.0]
        );
    }

    #[test]
    fn a_chart_becomes_a_picture_with_its_line_in_it() {
        let with_line = match png(&chart("Budget", "ms", &series())) {
            Ok(png) => png,
            Err(error) => {
                println!("SKIPPED: a_chart_becomes_a_picture_with_its_line_in_it: {error}");
                return;
            }
        };
        let pixmap = resvg::tiny_skia::Pixmap::decode_png(&with_line).unwrap();
        let is_blue = |pixel: &resvg::tiny_skia::PremultipliedColorU8| pixel.blue() > 150 && pixel.red() < 60;
        assert!(pixmap.pixels().iter().filter(|pixel| is_blue(pixel)).count() > 500);
        let is_dark = |pixel: &resvg::tiny_skia::PremultipliedColorU8| pixel.blue() < 60 && pixel.red() < 60;
        assert!(pixmap.pixels().iter().filter(|pixel| is_dark(pixel)).count() > 200, "letters");
    }
}
