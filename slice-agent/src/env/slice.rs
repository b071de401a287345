//! One slice within the environment: its traffic, its radio, its two queues.

use std::collections::VecDeque;

use rand_distr::{Distribution, StandardUniform};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::config::{EnvConfig, EnvError, SliceSpec, TrafficModel};
use crate::e2::{E2Meter, E2Sample};
use crate::queue::{ComputationQueue, Passage, Queue, RadioChannel, TransmissionQueue, delay_s};
use crate::traffic::ModulatedPoisson;

/// What a step does to a slice with a given grant.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct SliceForecast {
    /// Through the transmission queue.
    pub transmission: Passage,
    /// Through the computation queue.
    pub computation: Passage,
    /// CPU used, Hz; at most the grant.
    pub used_hz: f64,
    /// Used part of the grant, 0 to 1.
    pub exploitation: f64,
    /// Delay in the transmission queue, ms.
    pub radio_latency_ms: f64,
    /// Delay in both queues, up to the cap, ms.
    pub latency_ms: f64,
}

/// What a step did to a slice.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct SliceOutcome {
    /// CPU claimed, Hz.
    pub claimed_hz: u64,
    /// CPU granted, Hz.
    pub granted_hz: u64,
    /// CPU used, Hz.
    pub used_hz: f64,
    /// Bits that arrived.
    pub arrived_bits: f64,
    /// Bits that were served.
    pub served_bits: f64,
    /// Bits that either queue dropped.
    pub dropped_bits: f64,
    /// Latency, ms (x-haul excluded, as in the source document).
    pub latency_ms: f64,
    /// Used part of the grant, 0 to 1.
    pub exploitation: f64,
    /// There was a conflict, and it claimed beyond its share.
    pub in_conflict: bool,
    /// The agent's reward.
    pub reward: f64,
}

#[derive(Debug, Clone)]
enum Source {
    Modulated { process: ModulatedPoisson, on: bool },
    Trace { offset: usize, step: usize },
}

/// The state of a slice before a step: what arrives and the radio's rate are already drawn.
#[derive(Debug, Clone)]
pub(super) struct SliceState {
    source: Source,
    channel: RadioChannel,
    pub(super) transmission: TransmissionQueue,
    pub(super) computation: ComputationQueue,
    pub(super) arrivals_bits: f64,
    pub(super) radio_bps: f64,
    /// The arrivals of the steps before, newest last, as many as observations are old.
    past: VecDeque<f64>,
    pub(super) e2: E2Meter,
}

impl SliceState {
    pub(super) fn start(
        spec: &SliceSpec,
        config: &EnvConfig,
        random: &mut Xoshiro256PlusPlus,
    ) -> Result<SliceState, EnvError> {
        let source = match &spec.traffic {
            TrafficModel::Trace(_) => Source::Trace { offset: 0, step: 0 },
            TrafficModel::Modulated(traffic) => {
                let process = ModulatedPoisson::new(traffic, config.step_s);
                let process = process.map_err(|source| EnvError::Traffic { class: spec.class, source })?;
                Source::Modulated { process, on: false }
            }
        };
        let mut state = SliceState {
            source,
            channel: RadioChannel::start(random),
            transmission: Queue::new(config.transmission_limit_bits),
            computation: Queue::new(config.computation_limit_bits(spec)),
            arrivals_bits: 0.0,
            radio_bps: 0.0,
            past: VecDeque::with_capacity(config.arrivals_delay_steps + 1),
            e2: E2Meter::new(config.e2_interval_steps),
        };
        state.begin(spec, config, random);
        Ok(state)
    }

    /// As [`SliceState::start`], in the memory that is there.
    pub(super) fn restart(&mut self, spec: &SliceSpec, config: &EnvConfig, random: &mut Xoshiro256PlusPlus) {
        self.channel = RadioChannel::start(random);
        self.transmission = Queue::new(config.transmission_limit_bits);
        self.computation = Queue::new(config.computation_limit_bits(spec));
        self.e2 = E2Meter::new(config.e2_interval_steps);
        self.begin(spec, config, random);
    }

    fn begin(&mut self, spec: &SliceSpec, config: &EnvConfig, random: &mut Xoshiro256PlusPlus) {
        match &mut self.source {
            Source::Modulated { process, on } => *on = process.start(random),
            Source::Trace { offset, step } => {
                *step = 0;
                *offset = any_index(random);
            }
        }
        self.past.clear();
        self.arrivals_bits = 0.0;
        self.draw(spec, config, random);
    }

    /// Draws arrivals and radio of the next step.
    pub(super) fn draw(&mut self, spec: &SliceSpec, config: &EnvConfig, random: &mut Xoshiro256PlusPlus) {
        if config.arrivals_delay_steps > 0 {
            if self.past.len() == config.arrivals_delay_steps {
                self.past.pop_front();
            }
            self.past.push_back(self.arrivals_bits);
        }
        self.arrivals_bits = match (&mut self.source, &spec.traffic) {
            (Source::Modulated { process, on }, _) => process.step(on, random),
            (Source::Trace { offset, step }, TrafficModel::Trace(trace)) => {
                *step += 1;
                trace.at(*step - 1, *offset)
            }
            (Source::Trace { .. }, TrafficModel::Modulated(_)) => 0.0,
        };
        self.channel.step(random);
        self.radio_bps = self.channel.rate_bps(spec.bandwidth_hz);
    }

    /// The arrivals that an agent may see; none before the first one that is old enough.
    pub(super) fn seen_arrivals(&self, config: &EnvConfig) -> f64 {
        match config.arrivals_delay_steps {
            0 => self.arrivals_bits,
            delay if self.past.len() == delay => self.past.front().copied().unwrap_or(0.0),
            _ => 0.0,
        }
    }

    fn transmission(&self, config: &EnvConfig) -> Passage {
        self.transmission.passage(self.arrivals_bits, self.radio_bps * config.step_s)
    }

    /// CPU that could be used in this step, Hz.
    pub(super) fn demand_hz(&self, config: &EnvConfig) -> u64 {
        let sent = self.transmission(config).sent;
        let kappa = config.cpu.kappa(sent / config.step_s);
        whole_hz((self.computation.bits() + sent) * kappa / config.step_s)
    }

    pub(super) fn forecast(&self, config: &EnvConfig, granted_hz: u64) -> SliceForecast {
        let granted = granted_hz as f64;
        let transmission = self.transmission(config);
        let kappa = config.cpu.kappa(transmission.sent / config.step_s);
        let capacity = granted * config.step_s / kappa;
        let computation = self.computation.passage(transmission.sent, capacity);
        let exploitation = if capacity > 0.0 { (computation.sent / capacity).min(1.0) } else { 1.0 };
        let radio_s = delay_s(transmission.waiting, self.radio_bps);
        let edge_s = delay_s(computation.waiting * kappa, granted);
        SliceForecast {
            transmission,
            computation,
            used_hz: exploitation * granted,
            exploitation,
            radio_latency_ms: 1e3 * radio_s,
            latency_ms: (1e3 * (radio_s + edge_s)).min(config.latency_cap_ms),
        }
    }

    pub(super) fn commit(&mut self, forecast: &SliceForecast, config: &EnvConfig) {
        let sample = E2Sample {
            arrived_bits: self.arrivals_bits,
            sent_bits: forecast.transmission.sent,
            capacity_bits: self.radio_bps * config.step_s,
            dropped_bits: forecast.transmission.dropped,
            delay_ms: forecast.radio_latency_ms,
            snr_db: self.channel.snr_db(),
        };
        self.e2.add(&sample, config.step_s);
        self.transmission.pass(&forecast.transmission);
        self.computation.pass(&forecast.computation);
    }
}

/// An index for [`crate::traffic::TrafficTrace::at`], which takes it modulo the trace.
fn any_index(random: &mut Xoshiro256PlusPlus) -> usize {
    let index: u32 = StandardUniform.sample(random);
    usize::try_from(index).unwrap_or(0)
}

/// Up to a whole Hz, so that a grant of it serves everything.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "not negative; a huge one saturates"
)]
fn whole_hz(hz: f64) -> u64 {
    hz.ceil() as u64
}
