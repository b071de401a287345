//! Statistics per reporting interval, as an O-DU gives them over E2 (names of 3GPP TS 28.552 where it has one).

/// One report of one slice.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct E2Report {
    /// Steps of the interval.
    pub steps: u32,
    /// Mean throughput over the radio, kbit/s (DRB.UEThpDl).
    pub throughput_kbps: f64,
    /// Bits that arrived for the radio (DRB.PdcpSduVolumeDL).
    pub arrived_bits: f64,
    /// Bits that the transmission queue dropped.
    pub dropped_bits: f64,
    /// Mean part of the radio in use, percent (RRU.PrbTotDl).
    pub radio_used_percent: f64,
    /// Mean delay in the transmission queue, ms (DRB.RlcSduDelayDl).
    pub delay_ms: f64,
    /// Mean SNR, dB.
    pub snr_db: f64,
}

/// What one step adds to a report.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct E2Sample {
    /// Bits that arrived.
    pub arrived_bits: f64,
    /// Bits sent over the radio.
    pub sent_bits: f64,
    /// Bits that the radio could have sent.
    pub capacity_bits: f64,
    /// Bits dropped.
    pub dropped_bits: f64,
    /// Delay in the transmission queue, ms.
    pub delay_ms: f64,
    /// SNR, dB.
    pub snr_db: f64,
}

/// Collects samples into reports of a fixed number of steps.
#[derive(Debug, Clone, PartialEq)]
pub struct E2Meter {
    interval_steps: u32,
    sums: E2Report,
    last: Option<E2Report>,
}

impl E2Meter {
    /// A meter that reports every `interval_steps` steps; 0 counts as 1.
    pub fn new(interval_steps: u32) -> E2Meter {
        E2Meter { interval_steps: interval_steps.max(1), sums: E2Report::default(), last: None }
    }

    /// The last complete report.
    pub fn report(&self) -> Option<&E2Report> {
        self.last.as_ref()
    }

    /// Adds a step of `step_s` seconds. Until the interval is full, sums stand where the report has means.
    pub fn add(&mut self, sample: &E2Sample, step_s: f64) {
        let sums = &mut self.sums;
        sums.steps += 1;
        sums.throughput_kbps += sample.sent_bits;
        sums.arrived_bits += sample.arrived_bits;
        sums.dropped_bits += sample.dropped_bits;
        sums.radio_used_percent += 100.0 * sample.sent_bits / sample.capacity_bits;
        sums.delay_ms += sample.delay_ms;
        sums.snr_db += sample.snr_db;
        if sums.steps == self.interval_steps {
            self.last = Some(means(sums, step_s));
            self.sums = E2Report::default();
        }
    }
}

fn means(sums: &E2Report, step_s: f64) -> E2Report {
    let steps = f64::from(sums.steps);
    E2Report {
        throughput_kbps: sums.throughput_kbps / (steps * step_s) / 1e3,
        radio_used_percent: sums.radio_used_percent / steps,
        delay_ms: sums.delay_ms / steps,
        snr_db: sums.snr_db / steps,
        ..*sums
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_sums_volumes_and_averages_the_rest() {
        let mut meter = E2Meter::new(2);
        let first = E2Sample {
            arrived_bits: 10_000.0,
            sent_bits: 10_000.0,
            capacity_bits: 20_000.0,
            dropped_bits: 0.0,
            delay_ms: 0.0,
            snr_db: 18.0,
        };
        meter.add(&first, 0.010);
        assert_eq!(meter.report(), None);
        let second =
            E2Sample { sent_bits: 20_000.0, dropped_bits: 7.0, delay_ms: 3.0, snr_db: 20.0, ..first };
        meter.add(&second, 0.010);
        let expected = E2Report {
            steps: 2,
            throughput_kbps: 1_500.0,
            arrived_bits: 20_000.0,
            dropped_bits: 7.0,
            radio_used_percent: 75.0,
            delay_ms: 1.5,
            snr_db: 19.0,
        };
        assert_eq!(meter.report(), Some(&expected));
    }
}
