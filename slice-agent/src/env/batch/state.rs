//! The state of all slices of all environments: one array for each quantity, slice by slice.

use super::super::config::{EnvConfig, SliceSpec, TrafficModel};
use super::super::slice::DRIFT_LANES;
use super::Column;
use crate::math;
use crate::queue::RadioChannel;
use crate::random::Stream;
use crate::traffic::ModulatedPoisson;

macro_rules! lanes {
    ($($field:ident: $type:ty),* $(,)?) => {
        /// The arrays; lane `slice * environments + environment`.
        #[derive(Debug, Clone)]
        pub(super) struct Lanes {
            envs: usize,
            /// Arrivals of the steps before, as many steps as observations are old, each with all lanes.
            past: Vec<f64>,
            /// By environment: what shares exceed claims by, less what claims exceed shares by.
            pub(super) slack_hz: Vec<f64>,
            $(pub(super) $field: Vec<$type>,)*
        }

        /// The arrays of one slice, by environment.
        pub(super) struct SliceLanes<'a> {
            $(pub(super) $field: &'a mut [$type],)*
        }

        impl Lanes {
            pub(super) fn new(config: &EnvConfig, envs: usize) -> Lanes {
                let count = envs * config.slices.len();
                Lanes {
                    envs,
                    past: vec![0.0; config.arrivals_delay_steps * count],
                    slack_hz: vec![0.0; envs],
                    $($field: vec![<$type>::default(); count],)*
                }
            }

            pub(super) fn slice(&mut self, slice: usize) -> SliceLanes<'_> {
                let lanes = slice * self.envs..(slice + 1) * self.envs;
                SliceLanes { $($field: &mut self.$field[lanes.clone()],)* }
            }
        }
    };
}

lanes! {
    random_a: u32, random_b: u32, random_c: u32, random_d: u32,
    draw_packets: u32, draw_switch: u32,
    on: u8, offset: u32,
    drift_random: [u32; 4], drift: f32,
    channel: RadioChannel, efficiency: f32,
    transmission_bits: f64, computation_bits: f64, arrivals_bits: f64,
    messages: usize,
    claimed_hz: f64, demand_hz: f64, granted_hz: f64, used_hz: f64,
    exploitation: f64, latency_ms: f64, reward: f64,
    arrived_bits: f64, served_bits: f64, dropped_bits: f64,
}

impl Lanes {
    /// Begins the episodes of `seeds`; arrivals and radio are still to be drawn.
    pub(super) fn restart(
        &mut self,
        config: &EnvConfig,
        processes: &[Option<ModulatedPoisson>],
        seeds: &[u64],
    ) {
        for (slice, process) in processes.iter().enumerate() {
            for (env, seed) in seeds.iter().enumerate() {
                self.restart_lane(config, process.as_ref(), slice, env, *seed);
            }
        }
        for values in [
            &mut self.past,
            &mut self.transmission_bits,
            &mut self.computation_bits,
            &mut self.arrivals_bits,
            &mut self.claimed_hz,
            &mut self.granted_hz,
            &mut self.used_hz,
            &mut self.exploitation,
            &mut self.latency_ms,
            &mut self.reward,
            &mut self.arrived_bits,
            &mut self.served_bits,
            &mut self.dropped_bits,
        ] {
            values.fill(0.0);
        }
        self.messages.fill(0);
    }

    fn restart_lane(
        &mut self,
        config: &EnvConfig,
        process: Option<&ModulatedPoisson>,
        slice: usize,
        env: usize,
        seed: u64,
    ) {
        let lane = slice * self.envs + env;
        let mut random = Stream::new(seed, slice);
        let first = random.next();
        self.on[lane] = u8::from(process.is_some_and(|process| process.start(first)));
        self.offset[lane] = first;
        self.channel[lane] = RadioChannel::start(random.next());
        let Stream([a, b, c, d]) = random;
        (self.random_a[lane], self.random_b[lane], self.random_c[lane], self.random_d[lane]) = (a, b, c, d);
        if config.cpu_drift.deviation > 0.0 {
            let mut random = Stream::new(seed, slice + DRIFT_LANES);
            self.drift[lane] = math::normalf(random.next());
            self.drift_random[lane] = random.0;
        }
    }

    /// Keeps the arrivals that `step` replaces, for observations that are late.
    pub(super) fn keep_arrivals(&mut self, config: &EnvConfig, step: usize) {
        let delay = config.arrivals_delay_steps;
        if delay > 0 {
            let count = self.arrivals_bits.len();
            let place = (step % delay) * count;
            self.past[place..place + count].copy_from_slice(&self.arrivals_bits);
        }
    }

    /// The arrivals that the agent of `lane` may see before step number `step`.
    pub(super) fn seen_arrivals(&self, config: &EnvConfig, lane: usize, step: u32) -> f64 {
        let delay = config.arrivals_delay_steps;
        let step = usize::try_from(step).unwrap_or(usize::MAX);
        match delay {
            _ if config.hidden_demand => 0.0,
            0 => self.arrivals_bits[lane],
            // The oldest is the next to be replaced.
            _ => self.past[((step + 1) % delay) * self.arrivals_bits.len() + lane],
        }
    }

    /// A figure of the last step.
    pub(super) fn column(&self, column: Column) -> &[f64] {
        match column {
            Column::Reward => &self.reward,
            Column::LatencyMs => &self.latency_ms,
            Column::ClaimedHz => &self.claimed_hz,
            Column::GrantedHz => &self.granted_hz,
            Column::UsedHz => &self.used_hz,
            Column::Exploitation => &self.exploitation,
            Column::ArrivedBits => &self.arrived_bits,
            Column::ServedBits => &self.served_bits,
            Column::DroppedBits => &self.dropped_bits,
        }
    }
}

impl SliceLanes<'_> {
    /// What arrives in step number `step`: by the drawn bits, or from a trace.
    pub(super) fn arrive(&mut self, process: Option<&ModulatedPoisson>, spec: &SliceSpec, step: usize) {
        match (process, &spec.traffic) {
            (Some(process), _) => {
                let draws = self.draw_packets.iter().zip(&*self.draw_switch);
                for ((bits, on), draws) in self.arrivals_bits.iter_mut().zip(&mut *self.on).zip(draws) {
                    let mut state = *on == 1;
                    *bits = process.step(&mut state, [*draws.0, *draws.1]);
                    *on = u8::from(state);
                }
            }
            (None, TrafficModel::Trace(trace)) => {
                for (bits, offset) in self.arrivals_bits.iter_mut().zip(&*self.offset) {
                    *bits = trace.at(step, usize::try_from(*offset).unwrap_or(0));
                }
            }
            (None, TrafficModel::Modulated(_)) => self.arrivals_bits.fill(0.0),
        }
    }
}
