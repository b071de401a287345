//! What a step does to one slice: pure arithmetic without branches, the same for one environment and for many.

use super::config::{CpuLaw, EnvConfig, Resource, SliceSpec};
use super::slice::SliceForecast;
use crate::queue::{Queue, delay_s};

/// What is the same for all slices.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Law {
    step_s: f64,
    steps_per_s: f64,
    cpu: CpuLaw,
    resource: Resource,
    latency_cap_ms: f64,
}

/// What a slice has whatever it is granted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Fixed {
    pub(super) bandwidth_hz: f64,
    pub(super) transmission_limit: f64,
    pub(super) computation_limit: f64,
}

/// What a step begins with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Before {
    /// Bits that wait for the radio.
    pub(super) transmission_bits: f64,
    /// Bits that wait for the CPU.
    pub(super) computation_bits: f64,
    /// Bits that arrive.
    pub(super) arrivals_bits: f64,
    /// Of the radio, bit/s/Hz.
    pub(super) efficiency: f32,
    /// By which the law of the CPU has drifted.
    pub(super) drift: f64,
}

impl Fixed {
    pub(super) fn new(config: &EnvConfig, spec: &SliceSpec) -> Fixed {
        Fixed {
            bandwidth_hz: match config.resource {
                Resource::Cpu => spec.bandwidth_hz,
                Resource::Prb { .. } => spec.share_hz as f64,
            },
            transmission_limit: config.transmission_limit_bits,
            computation_limit: config.computation_limit_bits(spec),
        }
    }
}

impl Law {
    pub(super) fn new(config: &EnvConfig) -> Law {
        Law {
            step_s: config.step_s,
            steps_per_s: 1.0 / config.step_s,
            cpu: config.cpu,
            resource: config.resource,
            latency_cap_ms: config.latency_cap_ms,
        }
    }

    /// What `granted_hz` does to the slice.
    #[inline(always)]
    pub(super) fn pass(&self, fixed: &Fixed, before: &Before, granted_hz: f64) -> SliceForecast {
        let (bandwidth_hz, cpu_hz) = match self.resource {
            Resource::Cpu => (fixed.bandwidth_hz, granted_hz),
            Resource::Prb { cpu_hz } => (granted_hz, cpu_hz),
        };
        let rate_bps = f64::from(before.efficiency) * bandwidth_hz;
        let sendable = rate_bps * self.step_s;
        let transmission = Queue::holding(before.transmission_bits, fixed.transmission_limit)
            .passage(before.arrivals_bits, sendable);
        let kappa = self.kappa(transmission.sent, before.drift);
        let servable = cpu_hz * self.step_s / kappa;
        let computation = Queue::holding(before.computation_bits, fixed.computation_limit)
            .passage(transmission.sent, servable);
        let (used, usable) = match self.resource {
            Resource::Cpu => (computation.sent, servable),
            Resource::Prb { .. } => (transmission.sent, sendable),
        };
        let exploitation = if usable > 0.0 { (used / usable).min(1.0) } else { 1.0 };
        let radio_s = delay_s(transmission.waiting, rate_bps);
        let edge_s = delay_s(computation.waiting * kappa, cpu_hz);
        SliceForecast {
            transmission,
            computation,
            used_hz: exploitation * granted_hz,
            exploitation,
            radio_latency_ms: 1e3 * radio_s,
            latency_ms: (1e3 * (radio_s + edge_s)).min(self.latency_cap_ms),
        }
    }

    /// How much of the shared resource the slice could use, in whole units, Hz.
    #[inline(always)]
    pub(super) fn demand_hz(&self, fixed: &Fixed, before: &Before) -> f64 {
        let all = before.transmission_bits + before.arrivals_bits;
        match self.resource {
            Resource::Cpu => {
                let sent = all.min(f64::from(before.efficiency) * fixed.bandwidth_hz * self.step_s);
                let kappa = self.kappa(sent, before.drift);
                ((before.computation_bits + sent) * kappa * self.steps_per_s).ceil()
            }
            Resource::Prb { .. } => {
                let hz = all * self.steps_per_s / f64::from(before.efficiency);
                (hz / Resource::PRB_HZ as f64).ceil() * Resource::PRB_HZ as f64
            }
        }
    }

    #[inline(always)]
    fn kappa(&self, sent: f64, drift: f64) -> f64 {
        self.cpu.kappa(sent * self.steps_per_s) * drift
    }
}
