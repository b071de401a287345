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
    z: f32,
}

impl RadioChannel {
    /// Mean SNR, dB.
    pub const MEAN_SNR_DB: f32 = 18.0;
    /// Standard deviation of the SNR, dB.
    pub const SNR_DEVIATION_DB: f32 = 4.0;
    /// Correlation of one step's SNR with the one before.
    pub const CORRELATION: f32 = 0.95;
    /// Spectral efficiency of the best modulation and coding, bit/s/Hz.
    pub const CEILING: f32 = 5.55;

    /// A channel in its stationary law, for these random bits.
    #[inline(always)]
    pub fn start(random: u32) -> RadioChannel {
        RadioChannel { z: math::normalf(random) }
    }

    /// Goes one step further, for these random bits.
    #[inline(always)]
    pub fn step(&mut self, random: u32) {
        self.move_by(math::normalf(random));
    }

    /// Goes one step further by `noise`, a standard normal number.
    #[inline(always)]
    pub(crate) fn move_by(&mut self, noise: f32) {
        // sqrt(1 - CORRELATION^2)
        const INNOVATION: f32 = 0.312_249_9;
        self.z = RadioChannel::CORRELATION * self.z + INNOVATION * noise;
    }

    /// SNR, dB.
    #[inline(always)]
    pub fn snr_db(&self) -> f64 {
        f64::from(self.snr())
    }

    #[inline(always)]
    fn snr(&self) -> f32 {
        RadioChannel::MEAN_SNR_DB + RadioChannel::SNR_DEVIATION_DB * self.z
    }

    /// Spectral efficiency, bit/s/Hz; above 0. In single precision, as it is a rough quantity that takes much time.
    #[inline(always)]
    pub fn efficiency(&self) -> f32 {
        /// From here on the ceiling holds, with room for rounding.
        const CEILING_FROM_DB: f32 = 16.62;
        if self.snr() > CEILING_FROM_DB { RadioChannel::CEILING } else { self.efficiency_in_loop() }
    }

    /// The same to the last bit, without a branch: for loops.
    #[inline(always)]
    pub(crate) fn efficiency_in_loop(&self) -> f32 {
        const LN_10_OVER_10: f32 = std::f32::consts::LN_10 / 10.0;
        let ratio = math::expf(self.snr() * LN_10_OVER_10);
        (math::lnf(1.0 + ratio) * std::f32::consts::LOG2_E).min(RadioChannel::CEILING)
    }

    /// Rate over `bandwidth_hz`, bit/s; above 0.
    #[inline(always)]
    pub fn rate_bps(&self, bandwidth_hz: f64) -> f64 {
        bandwidth_hz * f64::from(self.efficiency())
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
    fn the_ceiling_begins_at_the_same_bit_with_and_without_a_branch() {
        for step in -4_000i16..4_000 {
            let channel = RadioChannel { z: f32::from(step) / 1e3 };
            assert_eq!(channel.efficiency().to_bits(), channel.efficiency_in_loop().to_bits());
        }
    }

    #[test]
    fn the_rate_follows_shannon_up_to_the_ceiling() {
        let at_0_db = RadioChannel { z: -4.5 };
        assert_eq!(at_0_db.snr_db(), 0.0);
        assert!((at_0_db.rate_bps(20e6) - 20e6).abs() < 5.0);
        assert_eq!(RadioChannel { z: 5.0 }.rate_bps(10e6), 10e6 * f64::from(RadioChannel::CEILING));
        let found = f64::from(RadioChannel { z: -1.0 }.efficiency());
        assert!((found - (1.0 + 10f64.powf(1.4)).log2()).abs() < 1e-6);
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
