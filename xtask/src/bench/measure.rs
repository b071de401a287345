//! Measured values as benchmarks print them: criterion's lines, and `BENCH name value unit [vs other]`.

use serde::Serialize;

/// One measured value.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measure {
    /// What was measured.
    pub name: String,
    /// The value, in `unit`.
    pub value: f64,
    /// `ns`, `requests/s`, `MiB`.
    pub unit: String,
    /// The measure of the same run that this one is compared with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub versus: Option<String>,
    /// This value divided by the one of `versus`, both in the same unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ratio: Option<f64>,
}

/// Reads the output of one benchmark program.
#[derive(Debug, Default)]
pub struct Reader {
    /// What was measured so far.
    pub measures: Vec<Measure>,
    /// criterion writes a long name on a line of its own.
    last_line: String,
}

impl Reader {
    /// Takes one line.
    pub fn line(&mut self, line: &str) {
        let found = own_line(line).or_else(|| criterion_line(line, &self.last_line));
        self.measures.extend(found);
        line.trim().clone_into(&mut self.last_line);
    }
}

/// Fills in the ratios of all measures that name another one.
pub fn compare(measures: &mut [Measure]) {
    for index in 0..measures.len() {
        let other =
            measures[index].versus.as_deref().and_then(|name| measures.iter().find(|m| m.name == name));
        let ratio = other.filter(|other| other.value != 0.0 && is_same_unit(other, &measures[index]));
        measures[index].ratio = ratio.map(|other| in_base(&measures[index]) / in_base(other));
    }
}

fn is_same_unit(a: &Measure, b: &Measure) -> bool {
    a.unit == b.unit || time_in_ns(&a.unit).is_some() && time_in_ns(&b.unit).is_some()
}

fn in_base(measure: &Measure) -> f64 {
    measure.value * time_in_ns(&measure.unit).unwrap_or(1.0)
}

fn time_in_ns(unit: &str) -> Option<f64> {
    Some(match unit {
        "ps" => 1e-3,
        "ns" => 1.0,
        "us" | "µs" => 1e3,
        "ms" => 1e6,
        "s" => 1e9,
        _ => return None,
    })
}

/// `BENCH name value unit` or `BENCH name value unit vs other`.
fn own_line(line: &str) -> Option<Measure> {
    let words: Vec<_> = line.trim().strip_prefix("BENCH ")?.split_whitespace().collect();
    let (name, value, unit, versus) = match words[..] {
        [name, value, unit] => (name, value, unit, None),
        [name, value, unit, "vs", other] => (name, value, unit, Some(other.to_owned())),
        _ => return None,
    };
    let value: f64 = value.parse().ok().filter(|value: &f64| value.is_finite())?;
    Some(Measure { name: name.to_owned(), value, unit: unit.to_owned(), versus, ratio: None })
}

/// `name  time:   [low low-unit estimate unit high high-unit]`; the name may stand on the line before.
fn criterion_line(line: &str, line_before: &str) -> Option<Measure> {
    let (name, rest) = line.split_once("time:")?;
    let words: Vec<_> = rest.trim().strip_prefix('[')?.split(']').next()?.split_whitespace().collect();
    let [_, _, value, unit, _, _] = words[..] else { return None };
    time_in_ns(unit)?;
    let name = if name.trim().is_empty() { line_before } else { name.trim() };
    Some(Measure {
        name: name.to_owned(),
        value: value.parse().ok()?,
        unit: unit.to_owned(),
        versus: None,
        ratio: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<Measure> {
        let mut reader = Reader::default();
        text.lines().for_each(|line| reader.line(line));
        reader.measures
    }

    #[test]
    fn criterion_results_are_read_and_its_changes_are_not() {
        let measures = read(
            "Benchmarking plan/create: Analyzing
plan/create             time:   [12.1 µs 12.2 µs 12.3 µs]
                        change: [-1.0% +0.1% +0.9%] (p = 0.9 > 0.05)
a name that is longer than criterion's column
                        time:   [1.00 ms 1.50 ms 2.00 ms]
                        change:
                        time:   [-1.0% +0.1% +0.9%] (p = 0.9 > 0.05)
",
        );
        let found: Vec<_> = measures.iter().map(|m| (m.name.as_str(), m.value, m.unit.as_str())).collect();
        assert_eq!(
            found,
            [("plan/create", 12.2, "µs"), ("a name that is longer than criterion's column", 1.5, "ms")]
        );
    }

    #[test]
    fn own_lines_are_compared_across_units_of_time() {
        let mut measures =
            read("BENCH echo_p50 500 ns\nBENCH query_p50 1.5 us vs echo_p50\nBENCH rss 3 MiB vs echo_p50\n");
        compare(&mut measures);
        assert_eq!(measures[1].ratio, Some(3.0));
        assert_eq!(measures[2].ratio, None);
    }

    #[test]
    fn a_malformed_line_is_no_measure() {
        assert_eq!(read("BENCH a b ns\nBENCH a 1\nBENCH a NaN ns\nBENCH a 1 ns than b\n"), []);
    }
}
