//! The two queues of a slice: transmission (RLC, at the O-CU) and computation (at the edge), and the radio between.
//!
//! Amounts are bits, rates bit/s, times seconds. Bits that a full queue cannot hold are dropped and counted.

use crate::math;

/// A queue of bits with a limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Queue {
    bits: f64,
    limit: f64,
}

/// What one step did to a queue. Bits before + arrived = sent + dropped + bits after.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Passage {
    /// Bits that left it.
    pub sent: f64,
    /// Bits that found no room.
    pub dropped: f64,
    /// Bits that wait.
    pub waiting: f64,
}

/// The queue at the O-CU: what the radio could not send yet.
pub type TransmissionQueue = Queue;
/// The queue at the edge: what the CPU could not serve yet.
pub type ComputationQueue = Queue;

impl Queue {
    /// An empty queue that holds `limit` bits.
    pub const fn new(limit: f64) -> Queue {
        Queue { bits: 0.0, limit }
    }

    /// A queue with `bits` in it.
    #[inline(always)]
    pub(crate) const fn holding(bits: f64, limit: f64) -> Queue {
        Queue { bits, limit }
    }

    /// Bits that wait.
    pub const fn bits(&self) -> f64 {
        self.bits
    }

    /// Bits that it can hold.
    pub const fn limit(&self) -> f64 {
        self.limit
    }

    /// What a step with `arrived` bits does when `capacity` bits can leave, without doing it.
    #[inline(always)]
    pub fn passage(&self, arrived: f64, capacity: f64) -> Passage {
        let all = self.bits + arrived;
        let sent = all.min(capacity);
        let waiting = (all - sent).min(self.limit);
        Passage { sent, dropped: all - sent - waiting, waiting }
    }

    /// Does it.
    pub fn pass(&mut self, passage: &Passage) {
        self.bits = passage.waiting;
    }
}

/// Time until `bits` have left at `rate` per second, s. Nothing waits no time; without a rate it is infinite.
#[inline(always)]
pub fn delay_s(bits: f64, rate: f64) -> f64 {
    if bits > 0.0 { bits / rate } else { 0.0 }
}

/// The radio of a slice (PHY and MAC): SNR as a first-order autoregressive process, rate by Shannon with a ceiling.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct RadioChannel {
    z: f64,
}

impl RadioChannel {
    /// Mean SNR, dB.
    pub const MEAN_SNR_DB: f64 = 18.0;
    /// Standard deviation of the SNR, dB.
    pub const SNR_DEVIATION_DB: f64 = 4.0;
    /// Correlation of one step's SNR with the one before.
    pub const CORRELATION: f64 = 0.95;
    /// Spectral efficiency of the best modulation and coding, bit/s/Hz.
    pub const CEILING: f64 = 5.55;

    /// A channel in its stationary law, for these random bits.
    #[inline(always)]
    pub fn start(random: u32) -> RadioChannel {
        RadioChannel { z: math::normal(random) }
    }

    /// Goes one step further, for these random bits.
    #[inline(always)]
    pub fn step(&mut self, random: u32) {
        // sqrt(1 - CORRELATION^2)
        const INNOVATION: f64 = 0.312_249_899_919_919_9;
        self.z = RadioChannel::CORRELATION * self.z + INNOVATION * math::normal(random);
    }

    /// SNR, dB.
    #[inline(always)]
    pub fn snr_db(&self) -> f64 {
        RadioChannel::MEAN_SNR_DB + RadioChannel::SNR_DEVIATION_DB * self.z
    }

    /// Spectral efficiency, bit/s/Hz; above 0.
    #[inline(always)]
    pub fn efficiency(&self) -> f64 {
        const LN_10_OVER_10: f64 = std::f64::consts::LN_10 / 10.0;
        let snr = math::exp(self.snr_db() * LN_10_OVER_10);
        (math::ln(1.0 + snr) * std::f64::consts::LOG2_E).min(RadioChannel::CEILING)
    }

    /// Rate over `bandwidth_hz`, bit/s; above 0.
    #[inline(always)]
    pub fn rate_bps(&self, bandwidth_hz: f64) -> f64 {
        bandwidth_hz * self.efficiency()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::random::Stream;

    #[test]
    fn a_hand_computed_table_holds() {
        let mut queue = Queue::new(100.0);
        for (arrived, capacity, sent, dropped, waiting) in [
            (50.0, 30.0, 30.0, 0.0, 20.0),
            (0.0, 5.0, 5.0, 0.0, 15.0),
            (120.0, 10.0, 10.0, 25.0, 100.0),
            (0.0, 1_000.0, 100.0, 0.0, 0.0),
            (0.0, 0.0, 0.0, 0.0, 0.0),
        ] {
            let passage = queue.passage(arrived, capacity);
            assert_eq!(passage, Passage { sent, dropped, waiting });
            queue.pass(&passage);
            assert_eq!(queue.bits(), waiting);
        }
    }

    #[test]
    fn an_empty_queue_has_no_delay_and_a_stopped_one_never_ends() {
        assert_eq!(delay_s(0.0, 0.0), 0.0);
        assert_eq!(delay_s(1.0, 0.0), f64::INFINITY);
        assert_eq!(delay_s(6.0, 3.0), 2.0);
    }

    #[test]
    fn the_channel_keeps_its_mean_and_deviation() {
        let mut random = Stream::new(5, 0);
        let mut channel = RadioChannel::start(random.next());
        let (mut sum, mut squares, steps) = (0.0, 0.0, 400_000);
        for _ in 0..steps {
            channel.step(random.next());
            sum += channel.snr_db();
            squares += channel.snr_db().powi(2);
        }
        let mean = sum / f64::from(steps);
        assert!((mean - 18.0).abs() < 0.2, "{mean}");
        let deviation = (squares / f64::from(steps) - mean * mean).sqrt();
        assert!((deviation - 4.0).abs() < 0.12, "{deviation}");
    }

    #[test]
    fn the_rate_follows_shannon_up_to_the_ceiling() {
        let at_0_db = RadioChannel { z: -RadioChannel::MEAN_SNR_DB / RadioChannel::SNR_DEVIATION_DB };
        assert!((at_0_db.rate_bps(20e6) - 20e6).abs() < 1.0);
        assert_eq!(RadioChannel { z: 9.0 }.rate_bps(10e6), 10e6 * RadioChannel::CEILING);
    }

    proptest! {
        #[test]
        fn no_bit_is_lost_or_made(bits in 0.0..1e7f64, arrived in 0.0..1e7f64, capacity in 0.0..1e7f64) {
            let queue = Queue { bits, limit: 1e7 };
            let passage = queue.passage(arrived, capacity);
            let after = passage.sent + passage.dropped + passage.waiting;
            prop_assert!((bits + arrived - after).abs() < 1e-6);
            prop_assert!(passage.waiting <= queue.limit() && passage.sent <= capacity);
            prop_assert!(passage.dropped >= 0.0);
        }
    }
}
