//! The slices' environment as a world to learn in.

use super::world::{Seen, Shape, World};
use crate::env::{Action, EnvConfig, EnvError, LEVELS, Observation, SliceEnv};
use crate::eval::{Episode, Meter};

/// The slices' environment, with a meter on it.
#[derive(Debug, Clone)]
pub struct SliceWorld {
    env: SliceEnv,
    /// Messages that agents hear; 0 when they are deaf.
    heard: usize,
    meter: Meter,
    latencies_ms: Vec<f64>,
}

impl SliceWorld {
    /// The world of `config`; without `talks` agents neither send nor hear messages.
    ///
    /// # Errors
    /// The configuration breaks a rule.
    pub fn new(config: EnvConfig, talks: bool) -> Result<SliceWorld, EnvError> {
        let heard = if talks { config.messages } else { 0 };
        let env = SliceEnv::new(config, 0)?;
        Ok(SliceWorld { env, heard, meter: Meter::default(), latencies_ms: Vec::new() })
    }

    /// The environment.
    pub fn env(&self) -> &SliceEnv {
        &self.env
    }

    /// What the episode that has just ended came to.
    pub fn finish(&mut self) -> Episode {
        self.meter.finish(&self.env)
    }

    /// Latencies of all slices and steps since they were last forgotten, ms.
    pub fn latencies_ms(&self) -> &[f64] {
        &self.latencies_ms
    }

    /// Forgets the latencies; their memory is kept.
    pub fn forget_latencies(&mut self) {
        self.latencies_ms.clear();
    }
}

impl World for SliceWorld {
    fn shape(&self) -> Shape {
        let agents = self.env.slices();
        let features = Observation::features(agents, self.heard);
        Shape { agents, features, levels: LEVELS, messages: self.heard }
    }

    fn begin(&mut self, seed: u64) {
        self.env.reset(seed);
        self.meter = Meter::default();
    }

    fn observe(&self, seen: &mut Seen) {
        let (shape, config) = (self.shape(), self.env.config());
        let parts = seen.features.chunks_exact_mut(shape.features).zip(seen.allowed.chunks_exact_mut(LEVELS));
        for (slice, (features, allowed)) in parts.enumerate() {
            self.env.observe(slice).write(config.step_s, config.total_hz(), self.heard, features);
            allowed.copy_from_slice(&self.env.action_mask(slice));
        }
    }

    fn act(&mut self, actions: &[Action], rewards: &mut [f32]) -> Result<bool, EnvError> {
        let step = self.env.step(actions)?;
        self.meter.add(&step, &self.env, &mut self.latencies_ms);
        for (reward, outcome) in rewards.iter_mut().zip(self.env.outcomes()) {
            *reward = narrow(outcome.reward);
        }
        Ok(step.done)
    }
}

#[allow(clippy::cast_possible_truncation, reason = "networks compute in single precision")]
fn narrow(value: f64) -> f32 {
    value as f32
}
