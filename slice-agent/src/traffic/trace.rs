//! Captured packets: CSV with the columns Time (seconds) and Length (byte), others are ignored.

use std::io::Read;

/// Steps that a trace may have: a day and more of 10 ms steps.
pub const MAX_TRACE_STEPS: usize = 10_000_000;

/// Why a trace cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TraceError {
    /// The file is no table.
    #[error("The trace cannot be read as CSV")]
    Csv(#[from] csv::Error),
    /// A column is missing.
    #[error("The trace has no column {0}")]
    MissingColumn(String),
    /// A field is no number, negative or not finite.
    #[error("Line {line}: {column} is {value:?}, it must be a number that is at least 0")]
    BadField {
        /// Line in the file, from 1.
        line: u64,
        /// Its column.
        column: String,
        /// What is there.
        value: String,
    },
    /// Time runs backwards.
    #[error("Line {line}: time {time_s} s lies before the packet above")]
    Unsorted {
        /// Line in the file, from 1.
        line: u64,
        /// Time of the packet, s.
        time_s: f64,
    },
    /// It is longer than [`MAX_TRACE_STEPS`].
    #[error("Line {line}: time {time_s} s lies beyond {MAX_TRACE_STEPS} steps")]
    TooLong {
        /// Line in the file, from 1.
        line: u64,
        /// Time of the packet, s.
        time_s: f64,
    },
    /// There are no packets, or packets without a byte.
    #[error("The trace has no traffic")]
    Empty,
    /// A parameter is not a positive number.
    #[error("{name} is {value}, it must be a finite number above 0")]
    Parameter {
        /// Which one.
        name: &'static str,
        /// Its value.
        value: f64,
    },
}

/// Names of the columns that matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceColumns {
    /// Time of a packet, s.
    pub time: String,
    /// Length of a packet, byte.
    pub length: String,
}

impl Default for TraceColumns {
    fn default() -> TraceColumns {
        TraceColumns { time: "Time".to_owned(), length: "Length".to_owned() }
    }
}

/// Bits per step, replayed in a circle. A gap in the capture is a time without traffic.
#[derive(Debug, Clone, PartialEq)]
pub struct TrafficTrace {
    bits: Vec<f64>,
}

impl TrafficTrace {
    /// Reads packets with the columns Time and Length and sums them up over steps of `step_s` seconds.
    ///
    /// # Errors
    /// The table is broken; the error names line and rule.
    pub fn from_csv(reader: impl Read, step_s: f64) -> Result<TrafficTrace, TraceError> {
        TrafficTrace::from_csv_columns(reader, &TraceColumns::default(), step_s)
    }

    /// Reads packets and sums them up over steps of `step_s` seconds; columns that are not named are ignored.
    ///
    /// # Errors
    /// The table is broken; the error names line and rule.
    pub fn from_csv_columns(
        reader: impl Read,
        columns: &TraceColumns,
        step_s: f64,
    ) -> Result<TrafficTrace, TraceError> {
        positive("step_s", step_s)?;
        let mut table = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(reader);
        let time = column(&mut table, &columns.time)?;
        let length = column(&mut table, &columns.length)?;
        let (mut bits, mut before) = (Vec::new(), 0.0);
        for record in table.records() {
            let record = record?;
            let line = record.position().map_or(0, csv::Position::line);
            let time_s = number(&record, time, &columns.time, line)?;
            let step = step_of(time_s, before, step_s, line)?;
            before = time_s;
            if bits.len() <= step {
                bits.resize(step + 1, 0.0);
            }
            bits[step] += 8.0 * number(&record, length, &columns.length, line)?;
        }
        TrafficTrace::from_bits(bits)
    }

    /// A trace of bits per step.
    ///
    /// # Errors
    /// There is no traffic, or a value is negative or not finite.
    pub fn from_bits(bits: Vec<f64>) -> Result<TrafficTrace, TraceError> {
        if let Some(value) = bits.iter().find(|value| !(value.is_finite() && **value >= 0.0)) {
            return Err(TraceError::Parameter { name: "Bits of a step", value: *value });
        }
        if bits.iter().sum::<f64>() > 0.0 { Ok(TrafficTrace { bits }) } else { Err(TraceError::Empty) }
    }

    /// The sum of copies of this trace, each shifted in the circle by one of `offsets` steps: one user becomes many.
    ///
    /// # Errors
    /// There are no offsets.
    pub fn superpose(&self, offsets: &[usize]) -> Result<TrafficTrace, TraceError> {
        let sum = |step| offsets.iter().map(|offset| self.at(step, *offset)).sum();
        TrafficTrace::from_bits((0..self.bits.len()).map(sum).collect())
    }

    /// The trace scaled to a mean of `mean_bps`, at steps of `step_s` seconds.
    ///
    /// # Errors
    /// A parameter is not a positive number.
    pub fn rescale(&self, mean_bps: f64, step_s: f64) -> Result<TrafficTrace, TraceError> {
        positive("mean_bps", mean_bps)?;
        positive("step_s", step_s)?;
        let factor = mean_bps * step_s / self.mean_bits();
        TrafficTrace::from_bits(self.bits.iter().map(|bits| bits * factor).collect())
    }

    /// Mean bits of a step.
    pub fn mean_bits(&self) -> f64 {
        self.bits.iter().sum::<f64>() / self.bits.len() as f64
    }

    /// Bits of each step.
    pub fn bits(&self) -> &[f64] {
        &self.bits
    }

    /// Number of steps; never 0.
    pub fn steps(&self) -> usize {
        self.bits.len()
    }

    /// Bits of `step` when the replay began at `offset`.
    pub fn at(&self, step: usize, offset: usize) -> f64 {
        self.bits[(step % self.bits.len() + offset % self.bits.len()) % self.bits.len()]
    }
}

fn positive(name: &'static str, value: f64) -> Result<(), TraceError> {
    let holds = value.is_finite() && value > 0.0;
    if holds { Ok(()) } else { Err(TraceError::Parameter { name, value }) }
}

fn column<R: Read>(table: &mut csv::Reader<R>, name: &str) -> Result<usize, TraceError> {
    let position = table.headers()?.iter().position(|header| header == name);
    position.ok_or_else(|| TraceError::MissingColumn(name.to_owned()))
}

fn number(record: &csv::StringRecord, index: usize, column: &str, line: u64) -> Result<f64, TraceError> {
    let text = record.get(index).unwrap_or_default();
    let value = text.parse().ok().filter(|value: &f64| value.is_finite() && *value >= 0.0);
    value.ok_or_else(|| TraceError::BadField { line, column: column.to_owned(), value: text.to_owned() })
}

fn step_of(time_s: f64, before_s: f64, step_s: f64, line: u64) -> Result<usize, TraceError> {
    if time_s < before_s {
        return Err(TraceError::Unsorted { line, time_s });
    }
    let step = (time_s / step_s).floor();
    if step >= MAX_TRACE_STEPS as f64 {
        return Err(TraceError::TooLong { line, time_s });
    }
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked: 0 to MAX_TRACE_STEPS"
    )]
    Ok(step as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<TrafficTrace, TraceError> {
        TrafficTrace::from_csv(text.as_bytes(), 0.010)
    }

    #[test]
    fn packets_are_summed_up_by_step_and_gaps_are_silent() {
        let trace = read("App,No.,Time,Length\na,1,0,100\nb,2,0.0099,50\nc,3,0.0300001,10\n").unwrap();
        assert_eq!(trace, TrafficTrace { bits: vec![1_200.0, 0.0, 0.0, 80.0] });
        assert_eq!([3, 4, 5].map(|step| trace.at(step, 1)), [1_200.0, 0.0, 0.0]);
    }

    #[test]
    fn broken_tables_are_refused_with_line_and_rule() {
        for (text, message) in [
            ("", "The trace has no column Time"),
            ("Time,Size\n0,1\n", "The trace has no column Length"),
            ("Time,Length\n", "The trace has no traffic"),
            ("Time,Length\n0,0\n", "The trace has no traffic"),
            ("Time,Length\n0,1\n-1,1\n", "Line 3: Time is \"-1\", it must be a number that is at least 0"),
            ("Time,Length\n0,x\n", "Line 2: Length is \"x\", it must be a number that is at least 0"),
            ("Time,Length\n0,NaN\n", "Line 2: Length is \"NaN\", it must be a number that is at least 0"),
            ("Time,Length\n2,1\n1,1\n", "Line 3: time 1 s lies before the packet above"),
            ("Time,Length\n1e18,1\n", "Line 2: time 1000000000000000000 s lies beyond 10000000 steps"),
            ("Time,Length\n0,1,2\n", "The trace cannot be read as CSV"),
        ] {
            assert_eq!(read(text).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn other_columns_are_read_by_their_names() {
        let columns = TraceColumns { time: "when".to_owned(), length: "bytes".to_owned() };
        let read = |text: &str| TrafficTrace::from_csv_columns(text.as_bytes(), &columns, 0.010);
        assert_eq!(read("bytes,x,when\n10,?,0.02\n").unwrap().bits(), [0.0, 0.0, 80.0]);
        assert_eq!(read("Time,Length\n0,1\n").unwrap_err().to_string(), "The trace has no column when");
    }

    #[test]
    fn superposed_and_rescaled_traces_keep_their_length_and_hit_the_mean() {
        let one = TrafficTrace::from_bits(vec![0.0, 4.0, 0.0, 8.0]).unwrap();
        let many = one.superpose(&[0, 1]).unwrap();
        assert_eq!(many.bits, [4.0, 4.0, 8.0, 8.0]);
        let scaled = many.rescale(1_200.0, 0.010).unwrap();
        assert!((scaled.mean_bits() - 12.0).abs() < 1e-12);
        assert!(one.superpose(&[]).is_err());
        assert!(one.rescale(f64::NAN, 0.010).is_err());
    }
}
