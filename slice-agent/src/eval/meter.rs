//! Adds up what the steps of an episode came to.

use super::Episode;
use crate::env::{SliceEnv, Step};

/// Sums of an episode that is under way.
#[derive(Debug, Clone, Default)]
pub struct Meter {
    sums: Episode,
    steps: u32,
}

impl Meter {
    /// Adds the step that `env` has just done; its latencies, slice by slice, are appended to `latencies_ms`.
    pub fn add(&mut self, step: &Step, env: &SliceEnv, latencies_ms: &mut Vec<f64>) {
        self.steps += 1;
        self.sums.conflicts += u32::from(step.conflict);
        self.sums.trimmed_claims += step.trimmed_slices;
        for outcome in env.outcomes() {
            self.sums.reward += outcome.reward;
            self.sums.network_utilisation += outcome.used_hz;
            self.sums.exploitation += outcome.exploitation;
            self.sums.arrived_bits += outcome.arrived_bits;
            self.sums.dropped_bits += outcome.dropped_bits;
            self.sums.latency_ms += outcome.latency_ms;
            latencies_ms.push(outcome.latency_ms);
        }
    }

    /// The episode, with sums that are means made means; the meter begins anew.
    pub fn finish(&mut self, env: &SliceEnv) -> Episode {
        let steps = f64::from(self.steps.max(1));
        let slice_steps = steps * env.slices() as f64;
        let mut episode = std::mem::take(&mut self.sums);
        self.steps = 0;
        episode.network_utilisation /= steps * env.config().total_hz() as f64;
        episode.exploitation /= slice_steps;
        episode.latency_ms /= slice_steps;
        episode
    }
}
