//! One slice within the environment: its traffic, its radio, its two queues.

use std::collections::VecDeque;

use super::config::{EnvConfig, EnvError, SliceSpec, TrafficModel};
use super::physics::{Before, Fixed, Law};
use crate::e2::{E2Meter, E2Sample};
use crate::math;
use crate::queue::{ComputationQueue, Passage, Queue, RadioChannel, TransmissionQueue};
use crate::random::Stream;
use crate::traffic::{ModulatedPoisson, TrafficSpec};

/// What a step does to a slice with a given grant.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct SliceForecast {
    /// Through the transmission queue.
    pub transmission: Passage,
    /// Through the computation queue.
    pub computation: Passage,
    /// Used of the shared resource, Hz; at most the grant.
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
    /// Claimed of the shared resource, Hz.
    pub claimed_hz: u64,
    /// Granted of the shared resource, Hz.
    pub granted_hz: u64,
    /// Used of the shared resource, Hz.
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

/// Processes by their specification, so that many slices of one kind share their tables.
#[derive(Debug, Default)]
pub(super) struct Processes(Vec<(TrafficSpec, ModulatedPoisson)>);

impl Processes {
    pub(super) fn of(&mut self, spec: &SliceSpec, step_s: f64) -> Result<Option<ModulatedPoisson>, EnvError> {
        let TrafficModel::Modulated(wanted) = &spec.traffic else { return Ok(None) };
        if let Some((_, process)) = self.0.iter().find(|(known, _)| known == wanted) {
            return Ok(Some(process.clone()));
        }
        let process = ModulatedPoisson::new(wanted, step_s);
        let process = process.map_err(|source| EnvError::Traffic { class: spec.class, source })?;
        self.0.push((*wanted, process.clone()));
        Ok(Some(process))
    }
}

/// The state of a slice before a step: what arrives and the radio's efficiency are already drawn.
#[derive(Debug, Clone)]
pub(super) struct SliceState {
    law: Law,
    fixed: Fixed,
    /// None replays a trace.
    process: Option<ModulatedPoisson>,
    on: bool,
    /// Where the trace begins, and how far it has come.
    offset: usize,
    step: usize,
    random: Stream,
    drift_random: Stream,
    drift: f32,
    channel: RadioChannel,
    efficiency: f32,
    pub(super) transmission: TransmissionQueue,
    pub(super) computation: ComputationQueue,
    pub(super) arrivals_bits: f64,
    pub(super) radio_bps: f64,
    /// The arrivals of the steps before, newest last, as many as observations are old.
    past: VecDeque<f64>,
    pub(super) e2: E2Meter,
}

/// Streams of drift are apart from those of traffic and radio, so that a drift does not change these.
pub(super) const DRIFT_LANES: usize = 1 << 31;

impl SliceState {
    /// Slice number `lane` of `spec` in the world of `seed`.
    pub(super) fn start(
        spec: &SliceSpec,
        config: &EnvConfig,
        processes: &mut Processes,
        seed: u64,
        lane: usize,
    ) -> Result<SliceState, EnvError> {
        let mut state = SliceState {
            law: Law::new(config),
            fixed: Fixed::new(config, spec),
            process: processes.of(spec, config.step_s)?,
            on: false,
            offset: 0,
            step: 0,
            random: Stream::new(seed, lane),
            drift_random: Stream::new(seed, lane + DRIFT_LANES),
            drift: 0.0,
            channel: RadioChannel::start(0),
            efficiency: 0.0,
            transmission: Queue::new(0.0),
            computation: Queue::new(0.0),
            arrivals_bits: 0.0,
            radio_bps: 0.0,
            past: VecDeque::with_capacity(config.arrivals_delay_steps + 1),
            e2: E2Meter::new(config.e2_interval_steps),
        };
        state.restart(spec, config, seed, lane);
        Ok(state)
    }

    /// As [`SliceState::start`], in the memory that is there.
    pub(super) fn restart(&mut self, spec: &SliceSpec, config: &EnvConfig, seed: u64, lane: usize) {
        self.random = Stream::new(seed, lane);
        let first = self.random.next();
        self.on = self.process.as_ref().is_some_and(|process| process.start(first));
        self.offset = usize::try_from(first).unwrap_or(0);
        self.step = 0;
        self.channel = RadioChannel::start(self.random.next());
        if config.cpu_drift.deviation > 0.0 {
            self.drift_random = Stream::new(seed, lane + DRIFT_LANES);
            self.drift = math::normalf(self.drift_random.next());
        }
        self.transmission = Queue::new(self.fixed.transmission_limit);
        self.computation = Queue::new(self.fixed.computation_limit);
        self.e2 = E2Meter::new(config.e2_interval_steps);
        self.past.clear();
        self.arrivals_bits = 0.0;
        self.draw(spec, config);
    }

    /// Draws arrivals and radio of the next step.
    pub(super) fn draw(&mut self, spec: &SliceSpec, config: &EnvConfig) {
        if config.arrivals_delay_steps > 0 {
            if self.past.len() == config.arrivals_delay_steps {
                self.past.pop_front();
            }
            self.past.push_back(self.arrivals_bits);
        }
        let draws = [self.random.next(), self.random.next()];
        self.arrivals_bits = match (&self.process, &spec.traffic) {
            (Some(process), _) => process.step(&mut self.on, draws),
            (None, TrafficModel::Trace(trace)) => trace.at(self.step, self.offset),
            (None, TrafficModel::Modulated(_)) => 0.0,
        };
        self.step += 1;
        self.channel.step(self.random.next());
        self.efficiency = self.channel.efficiency();
        self.radio_bps = f64::from(self.efficiency) * self.fixed.bandwidth_hz;
        if config.cpu_drift.deviation > 0.0 {
            self.drift = config.cpu_drift.next(self.drift, self.drift_random.next());
        }
    }

    /// The arrivals that an agent may see; none before the first one that is old enough.
    pub(super) fn seen_arrivals(&self, config: &EnvConfig) -> f64 {
        match config.arrivals_delay_steps {
            _ if config.hidden_demand => 0.0,
            0 => self.arrivals_bits,
            delay if self.past.len() == delay => self.past.front().copied().unwrap_or(0.0),
            _ => 0.0,
        }
    }

    fn before(&self, config: &EnvConfig) -> Before {
        Before {
            transmission_bits: self.transmission.bits(),
            computation_bits: self.computation.bits(),
            arrivals_bits: self.arrivals_bits,
            efficiency: self.efficiency,
            drift: config.cpu_drift.factor(self.drift),
        }
    }

    /// Of the shared resource what could be used in this step, Hz.
    pub(super) fn demand_hz(&self, config: &EnvConfig) -> u64 {
        whole_hz(self.law.demand_hz(&self.fixed, &self.before(config)))
    }

    pub(super) fn forecast(&self, config: &EnvConfig, granted_hz: u64) -> SliceForecast {
        self.law.pass(&self.fixed, &self.before(config), granted_hz as f64)
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

/// Up to a whole Hz, so that a grant of it serves everything.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "not negative; a huge one saturates"
)]
fn whole_hz(hz: f64) -> u64 {
    hz as u64
}
