//! What one agent sees: its own slice, and the messages of the others.

/// Features of [`Observation::write`] before the messages.
pub const OWN_FEATURES: usize = 8;

/// What the agent of one slice sees before a step. Nothing of it tells what other slices have or claim.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observation<'a> {
    /// Index of the slice.
    pub slice: usize,
    /// Bits that arrive for the radio in this step (buffer status), or in an earlier one if observations are delayed.
    pub arrivals_bits: f64,
    /// Bits in the computation queue.
    pub computation_bits: f64,
    /// Its limit.
    pub computation_limit_bits: f64,
    /// Bits in the transmission queue.
    pub transmission_bits: f64,
    /// Rate of the radio in this step, bit/s.
    pub radio_bps: f64,
    /// CPU granted in the last step, Hz.
    pub granted_hz: u64,
    /// CPU claimed in the last step, Hz.
    pub claimed_hz: u64,
    /// Used part of the last grant.
    pub exploitation: f64,
    /// The last step had a conflict.
    pub conflict: bool,
    /// The last message of every slice, the own one included.
    pub messages: &'a [usize],
}

impl Observation<'_> {
    const ARRIVALS_BPS: f64 = 50e6;
    const TRANSMISSION_BITS: f64 = 1e6;
    const RADIO_BPS: f64 = 100e6;

    /// Number of features for `slices` slices and a space of `messages` messages.
    pub const fn features(slices: usize, messages: usize) -> usize {
        OWN_FEATURES + slices.saturating_sub(1) * messages
    }

    /// The messages of the other slices, in order.
    pub fn messages_of_others(&self) -> impl Iterator<Item = usize> + '_ {
        self.messages
            .iter()
            .enumerate()
            .filter(|(slice, _)| *slice != self.slice)
            .map(|(_, message)| *message)
    }

    /// The features before the messages: arrivals, computation queue, transmission queue, radio, grant, claim,
    /// exploitation, conflict.
    pub(super) fn own_features(
        [arrivals_bits, computation_bits, transmission_bits, radio_bps]: [f64; 4],
        computation_limit_bits: f64,
        step_s: f64,
        parts: [f64; 2],
        exploitation: f64,
        conflict: bool,
    ) -> [f32; OWN_FEATURES] {
        [
            narrow(arrivals_bits / step_s / Self::ARRIVALS_BPS),
            narrow(computation_bits / computation_limit_bits),
            narrow(transmission_bits / Self::TRANSMISSION_BITS),
            narrow(radio_bps / Self::RADIO_BPS),
            narrow(parts[0]),
            narrow(parts[1]),
            narrow(exploitation),
            f32::from(u8::from(conflict)),
        ]
    }

    /// Writes the features of a network, all about 1 in size: arrivals, both queues, radio, grant, claim, exploitation,
    /// conflict, then the messages of the others one-hot. `out` must have [`Observation::features`] places; what does
    /// not fit is left out.
    pub fn write(&self, step_s: f64, total_hz: u64, messages: usize, out: &mut [f32]) {
        let total = total_hz as f64;
        let own = Self::own_features(
            [self.arrivals_bits, self.computation_bits, self.transmission_bits, self.radio_bps],
            self.computation_limit_bits,
            step_s,
            [self.granted_hz as f64 / total, self.claimed_hz as f64 / total],
            self.exploitation,
            self.conflict,
        );
        out.fill(0.0);
        out.iter_mut().zip(own).for_each(|(place, feature)| *place = feature);
        for (sender, message) in self.messages_of_others().enumerate() {
            if let Some(place) = out.get_mut(OWN_FEATURES + sender * messages + message) {
                *place = 1.0;
            }
        }
    }
}

#[allow(clippy::cast_possible_truncation, reason = "networks compute in single precision")]
fn narrow(feature: f64) -> f32 {
    feature as f32
}
