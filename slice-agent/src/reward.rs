//! What an agent is rewarded for: low latency, no conflict, no CPU that it took and left idle.

use crate::math;

/// Weights of the reward.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RewardWeights {
    /// Latency at which the reward for it has fallen to 1/e, ms.
    pub latency_scale_ms: f64,
    /// What a conflict costs a slice that claims beyond its share.
    pub conflict: f64,
    /// What a grant costs that was not used at all.
    pub idle: f64,
}

/// What a slice is rewarded by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Experience {
    /// Latency, ms.
    pub latency_ms: f64,
    /// There was a conflict, and it claimed beyond its share.
    pub in_conflict: bool,
    /// Used part of the grant, 0 to 1.
    pub exploitation: f64,
}

impl RewardWeights {
    /// exp(-latency / scale) - conflict - idle (1 - exploitation).
    #[inline(always)]
    pub fn reward(&self, experience: &Experience) -> f64 {
        if experience.latency_ms == 0.0 {
            return self.with_latency(1.0, experience);
        }
        self.reward_in_loop(experience)
    }

    /// The same to the last bit, without a branch: for loops.
    #[inline(always)]
    pub(crate) fn reward_in_loop(&self, experience: &Experience) -> f64 {
        self.with_latency(math::exp(-experience.latency_ms / self.latency_scale_ms), experience)
    }

    #[inline(always)]
    fn with_latency(&self, latency: f64, experience: &Experience) -> f64 {
        let conflict = if experience.in_conflict { self.conflict } else { 0.0 };
        latency - conflict - self.idle * (1.0 - experience.exploitation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_golden_table_holds() {
        let weights = RewardWeights { latency_scale_ms: 5.0, conflict: 1.0, idle: 0.2 };
        for (latency_ms, in_conflict, exploitation, reward) in [
            (0.0, false, 1.0, 1.0),
            (5.0, false, 1.0, (-1f64).exp()),
            (0.0, true, 1.0, 0.0),
            (0.0, false, 0.0, 0.8),
            (30.0, true, 0.5, (-6f64).exp() - 1.1),
        ] {
            let reached = weights.reward(&Experience { latency_ms, in_conflict, exploitation });
            assert!((reached - reward).abs() < 1e-12, "{latency_ms}: {reached}");
        }
    }
}
