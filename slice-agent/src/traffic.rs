//! What the users of a slice send: a two-state modulated Poisson process per class, or a trace of packets.
//!
//! The process is chosen so that its throughput has the mean and the standard deviation that the source document gives
//! for each class (chapter 2.1.2), in closed form: see [`ModulatedPoisson::new`].

mod poisson;
mod trace;

pub(crate) use poisson::PoissonTable;

pub use trace::{MAX_TRACE_STEPS, TraceColumns, TraceError, TrafficTrace};

/// Bits of one packet: 1,500 byte.
pub const PACKET_BITS: f64 = 12_000.0;

/// The classes of service of the source document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SliceClass {
    /// Enhanced mobile broadband.
    Embb,
    /// Ultra-reliable low-latency communications.
    Urllc,
    /// Massive machine-type communications.
    Mmtc,
}

impl SliceClass {
    /// All of them, in the order of the source document's figures.
    pub const ALL: [SliceClass; 3] = [SliceClass::Embb, SliceClass::Urllc, SliceClass::Mmtc];

    /// Its usual name.
    pub const fn name(self) -> &'static str {
        match self {
            SliceClass::Embb => "eMBB",
            SliceClass::Urllc => "URLLC",
            SliceClass::Mmtc => "mMTC",
        }
    }

    /// Traffic with the source document's mean and deviation; how long the states last is ours.
    pub const fn traffic(self) -> TrafficSpec {
        let (mean, deviation, on_probability, on_steps) = match self {
            SliceClass::Embb => (23.33e6, 22.38e6, 0.50, 15.0),
            SliceClass::Urllc => (7.80e6, 9.25e6, 0.40, 10.0),
            SliceClass::Mmtc => (14.80e6, 20.86e6, 0.34, 12.0),
        };
        TrafficSpec { mean_bps: mean, deviation_bps: deviation, on_probability, on_steps }
    }
}

/// Statistics that a process must have.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrafficSpec {
    /// Mean throughput, bit/s.
    pub mean_bps: f64,
    /// Standard deviation of the throughput of single steps, bit/s.
    pub deviation_bps: f64,
    /// Part of the time in the state with more traffic, between 0 and 1.
    pub on_probability: f64,
    /// Mean length of a stay in that state, steps; at least 1.
    pub on_steps: f64,
}

/// Why there is no process with the wanted statistics.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TrafficError {
    /// A value is not finite or outside its range.
    #[error("{name} is {value}, it must be {rule}")]
    OutOfRange {
        /// Which value.
        name: &'static str,
        /// Its value.
        value: f64,
        /// What it must be.
        rule: &'static str,
    },
    /// Packets alone vary more than wanted.
    #[error("A deviation of {deviation_bps} bit/s is below the {least_bps} bit/s of unmodulated packets")]
    TooSteady {
        /// Wanted.
        deviation_bps: f64,
        /// Least possible at this mean.
        least_bps: f64,
    },
    /// The state with less traffic would need a negative rate.
    #[error("on_probability is {on_probability}, a deviation this large allows at most {largest}")]
    Infeasible {
        /// Wanted.
        on_probability: f64,
        /// Largest one that works.
        largest: f64,
    },
}

/// A Poisson process of packets whose rate switches between two values.
#[derive(Debug, Clone, PartialEq)]
pub struct ModulatedPoisson {
    /// Packets of a step: in the state with less traffic, and in the one with more.
    pub(crate) packets: [PoissonTable; 2],
    /// Draws below it switch: out of the state with less traffic, and out of the one with more.
    pub(crate) switch_below: [u32; 2],
    start_on_below: u32,
}

impl ModulatedPoisson {
    /// The process with the statistics of `spec` over steps of `step_s` seconds.
    ///
    /// The variance of the throughput is m L/dt (packets of L bits) + p (1 - p) D^2 (rates that differ by D): D
    /// follows from the wanted deviation, and the rates are m - p D and m + (1 - p) D.
    ///
    /// # Errors
    /// No such process exists; the error names the limit.
    pub fn new(spec: &TrafficSpec, step_s: f64) -> Result<ModulatedPoisson, TrafficError> {
        let (off_bps, on_bps) = rates(spec, step_s)?;
        let p = spec.on_probability;
        let turn_off = 1.0 / spec.on_steps;
        let turn_on = turn_off * p / (1.0 - p);
        Ok(ModulatedPoisson {
            packets: [packets(off_bps, step_s)?, packets(on_bps, step_s)?],
            switch_below: [
                chance("on_steps (the other state would last less than a step)", turn_on)?,
                chance("on_steps", turn_off)?,
            ],
            start_on_below: chance("on_probability", p)?,
        })
    }

    /// Whether the process begins in the state with more traffic, by its stationary law, for these random bits.
    #[inline(always)]
    pub(crate) fn start(&self, random: u32) -> bool {
        random < self.start_on_below
    }

    /// The bits of one step in state `on`, which then may switch; `random` are two draws.
    #[inline(always)]
    pub(crate) fn step(&self, on: &mut bool, random: [u32; 2]) -> f64 {
        let state = usize::from(*on);
        *on ^= random[1] < self.switch_below[state];
        f64::from(self.packets[state].sample(random[0])) * PACKET_BITS
    }
}

/// The rates of both states, bit/s.
fn rates(spec: &TrafficSpec, step_s: f64) -> Result<(f64, f64), TrafficError> {
    in_range("step_s", step_s, step_s > 0.0, "above 0")?;
    in_range("mean_bps", spec.mean_bps, spec.mean_bps > 0.0, "above 0")?;
    in_range("deviation_bps", spec.deviation_bps, spec.deviation_bps >= 0.0, "at least 0")?;
    in_range("on_steps", spec.on_steps, spec.on_steps >= 1.0, "at least 1")?;
    let (m, p) = (spec.mean_bps, spec.on_probability);
    in_range("on_probability", p, p > 0.0 && p < 1.0, "between 0 and 1")?;
    let of_packets = m * PACKET_BITS / step_s;
    let of_states = spec.deviation_bps.powi(2) - of_packets;
    if of_states < 0.0 {
        let least_bps = of_packets.sqrt();
        return Err(TrafficError::TooSteady { deviation_bps: spec.deviation_bps, least_bps });
    }
    let difference = (of_states / (p * (1.0 - p))).sqrt();
    if p * difference > m {
        let largest = m * m / (m * m + of_states);
        return Err(TrafficError::Infeasible { on_probability: p, largest });
    }
    Ok((m - p * difference, m + (1.0 - p) * difference))
}

fn in_range(name: &'static str, value: f64, holds: bool, rule: &'static str) -> Result<(), TrafficError> {
    if holds && value.is_finite() { Ok(()) } else { Err(TrafficError::OutOfRange { name, value, rule }) }
}

/// The law of the packets of a step.
fn packets(rate_bps: f64, step_s: f64) -> Result<PoissonTable, TrafficError> {
    let mean = rate_bps * step_s / PACKET_BITS;
    in_range("Packets of a step", mean, mean <= poisson::LARGEST_MEAN, "at most a million")?;
    Ok(PoissonTable::new(mean))
}

/// The limit below which a draw of 32 bits lies with this chance.
fn chance(name: &'static str, value: f64) -> Result<u32, TrafficError> {
    in_range(name, value, (0.0..=1.0).contains(&value), "a chance between 0 and 1 a step")?;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 2^32, saturates")]
    Ok((value * 4_294_967_296.0) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;

    const STEP_S: f64 = 0.010;

    fn mean_and_deviation(class: SliceClass, seed: u64, steps: u32) -> (f64, f64) {
        let process = ModulatedPoisson::new(&class.traffic(), STEP_S).unwrap();
        let mut random = Stream::new(seed, 0);
        let mut on = process.start(random.next());
        let (mut sum, mut squares) = (0.0, 0.0);
        for _ in 0..steps {
            let rate = process.step(&mut on, [random.next(), random.next()]) / STEP_S;
            sum += rate;
            squares += rate * rate;
        }
        let mean = sum / f64::from(steps);
        (mean, (squares / f64::from(steps) - mean * mean).sqrt())
    }

    #[test]
    fn each_class_has_the_mean_and_deviation_of_the_source_document() {
        let wanted = [(23.33e6, 22.38e6), (7.80e6, 9.25e6), (14.80e6, 20.86e6)];
        for (class, (mean, deviation)) in SliceClass::ALL.into_iter().zip(wanted) {
            let (measured_mean, measured_deviation) = mean_and_deviation(class, 1, 1_000_000);
            assert!((measured_mean / mean - 1.0).abs() < 0.03, "{}: mean {measured_mean}", class.name());
            let ratio = measured_deviation / deviation;
            assert!((ratio - 1.0).abs() < 0.03, "{}: deviation {measured_deviation}", class.name());
        }
    }

    #[test]
    fn equal_seeds_give_equal_traffic_and_others_do_not() {
        let run = |seed| mean_and_deviation(SliceClass::Embb, seed, 1_000);
        assert_eq!(run(3), run(3));
        assert_ne!(run(3), run(4));
    }

    #[test]
    fn a_process_that_cannot_exist_is_refused_with_its_limit() {
        let spec = TrafficSpec { on_probability: 0.5, ..SliceClass::Mmtc.traffic() };
        let Err(TrafficError::Infeasible { largest, .. }) = ModulatedPoisson::new(&spec, STEP_S) else {
            panic!("a negative rate was accepted");
        };
        assert!((largest - 0.344).abs() < 0.001, "{largest}");
        assert!(
            ModulatedPoisson::new(&TrafficSpec { on_probability: largest - 1e-9, ..spec }, STEP_S).is_ok()
        );
        let steady = TrafficSpec { deviation_bps: 1.0, ..spec };
        assert!(matches!(ModulatedPoisson::new(&steady, STEP_S), Err(TrafficError::TooSteady { .. })));
    }

    #[test]
    fn values_outside_their_range_are_named() {
        let good = SliceClass::Urllc.traffic();
        for (spec, name) in [
            (TrafficSpec { mean_bps: f64::NAN, ..good }, "mean_bps"),
            (TrafficSpec { mean_bps: 0.0, ..good }, "mean_bps"),
            (TrafficSpec { deviation_bps: f64::INFINITY, ..good }, "deviation_bps"),
            (TrafficSpec { on_probability: 1.0, ..good }, "on_probability"),
            (TrafficSpec { on_steps: 0.5, ..good }, "on_steps"),
            (
                TrafficSpec { on_probability: 0.6, on_steps: 1.0, deviation_bps: 4e6, ..good },
                "on_steps (the other",
            ),
            (TrafficSpec { mean_bps: 1e15, deviation_bps: 1e15, ..good }, "Packets of a step"),
        ] {
            let error = ModulatedPoisson::new(&spec, STEP_S).unwrap_err().to_string();
            assert!(error.starts_with(name), "{error}");
        }
        assert!(ModulatedPoisson::new(&good, 0.0).is_err());
    }
}
