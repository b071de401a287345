//! The world of a study: the slices' environment, in which what agents see may be old, hidden or wrong.

use std::collections::VecDeque;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::env::{Action, CpuDrift, EnvConfig, EnvError, OWN_FEATURES, PreemptionRule, TrafficModel};
use crate::learn::{Seen, Shape, SliceWorld, World};
use crate::traffic::TrafficTrace;

/// Where a study's traffic comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum TrafficSource {
    /// The source document's statistics.
    Synthetic,
    /// Captures, by name.
    Traces(String),
}

/// How the law of the CPU differs from what everybody believes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct DriftSpec {
    /// Growth of the cycles of a bit at 50 Mbit/s; believed to be 0.
    pub growth: f64,
    /// Standard deviation of the logarithm of each slice's drifting factor.
    pub deviation: f64,
    /// Its correlation from step to step.
    pub correlation: f64,
}

/// A world by its parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorldSpec {
    /// Whether only what is used counts (rule B) or all that is claimed (rule A).
    pub work_conserving: bool,
    /// Whether the arbiter grants while agents learn.
    pub arbiter: bool,
    /// Size of the message space.
    pub messages: usize,
    /// Steps by which everything that agents see of themselves may be old; an episode has one of them.
    pub delays: Vec<usize>,
    /// Steps that agents see at once, newest first.
    pub window: usize,
    /// Agents do not see what arrives.
    pub hidden: bool,
    /// What is wrong with the believed law of the CPU.
    pub drift: Option<DriftSpec>,
    /// Traffic.
    pub traffic: TrafficSource,
}

impl WorldSpec {
    /// The source document's world under rule A or B.
    pub fn source_document(work_conserving: bool) -> WorldSpec {
        WorldSpec {
            work_conserving,
            arbiter: false,
            messages: 4,
            delays: vec![0],
            window: 1,
            hidden: false,
            drift: None,
            traffic: TrafficSource::Synthetic,
        }
    }

    /// What everybody believes the environment to be.
    pub fn believed(&self) -> EnvConfig {
        let rule = if self.work_conserving { PreemptionRule::WorkConserving } else { PreemptionRule::Claims };
        let mut config = EnvConfig::source_document(rule);
        config.arbiter = self.arbiter;
        config.messages = self.messages;
        config.hidden_demand = self.hidden;
        config
    }

    /// What it is. `traces` are those of the classes in the order of the slices.
    pub fn truth(&self, traces: Option<&[Arc<TrafficTrace>]>) -> EnvConfig {
        let mut config = self.believed();
        if let Some(DriftSpec { growth, deviation, correlation }) = self.drift {
            config.cpu.growth = growth;
            config.cpu_drift = CpuDrift { deviation, correlation };
        }
        for (slice, trace) in config.slices.iter_mut().zip(traces.unwrap_or_default()) {
            slice.traffic = TrafficModel::Trace(Arc::clone(trace));
        }
        config
    }
}

/// The world of a study.
#[derive(Debug, Clone)]
pub struct StudyWorld {
    inner: SliceWorld,
    delays: Vec<usize>,
    window: usize,
    delay: usize,
    /// What was to be seen, oldest first.
    past: VecDeque<Seen>,
}

impl StudyWorld {
    /// The world of `config` as `spec` shows it; without `talks` agents neither send nor hear.
    ///
    /// # Errors
    /// The configuration breaks a rule, or there are no delays.
    pub fn new(config: EnvConfig, spec: &WorldSpec, talks: bool) -> Result<StudyWorld, EnvError> {
        if spec.delays.is_empty() {
            return Err(EnvError::OutOfRange { name: "delays", value: 0.0, rule: "at least one" });
        }
        let inner = SliceWorld::new(config, talks)?;
        let (delays, window) = (spec.delays.clone(), spec.window.max(1));
        Ok(StudyWorld { inner, delays, window, delay: 0, past: VecDeque::new() })
    }

    /// The slices' environment below.
    pub fn slices(&mut self) -> &mut SliceWorld {
        &mut self.inner
    }

    fn remember(&mut self) {
        let mut seen = Seen::new(&self.inner.shape());
        self.inner.observe(&mut seen);
        self.past.push_back(seen);
        while self.past.len() > self.delay + self.window {
            self.past.pop_front();
        }
    }
}

impl World for StudyWorld {
    fn shape(&self) -> Shape {
        let shape = self.inner.shape();
        Shape { features: shape.features + (self.window - 1) * OWN_FEATURES, ..shape }
    }

    fn begin(&mut self, seed: u64) {
        let count = u64::try_from(self.delays.len()).unwrap_or(u64::MAX);
        // The high bits: the environment's streams begin with all of them, in another way.
        self.delay = self.delays[usize::try_from((seed >> 32) % count).unwrap_or(0)];
        self.inner.begin(seed);
        self.past.clear();
        self.remember();
    }

    /// Own features as old as the episode's delay says (the first ones until then), messages as they are.
    fn observe(&self, seen: &mut Seen) {
        let (outer, inner) = (self.shape(), self.inner.shape());
        let newest = self.past.len() - 1;
        for agent in 0..outer.agents {
            let features = &mut seen.features[agent * outer.features..][..outer.features];
            for (frame, place) in features.chunks_mut(OWN_FEATURES).take(self.window).enumerate() {
                let then = &self.past[newest.saturating_sub(self.delay + frame)];
                place.copy_from_slice(&then.of(agent, &inner)[..OWN_FEATURES]);
            }
            let heard = &self.past[newest].of(agent, &inner)[OWN_FEATURES..];
            features[self.window * OWN_FEATURES..].copy_from_slice(heard);
        }
        seen.allowed.copy_from_slice(&self.past[newest].allowed);
    }

    fn act(&mut self, actions: &[Action], rewards: &mut [f32]) -> Result<bool, EnvError> {
        let last = self.inner.act(actions, rewards)?;
        self.remember();
        Ok(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn world(delays: Vec<usize>, window: usize) -> StudyWorld {
        let spec = WorldSpec { delays, window, arbiter: true, ..WorldSpec::source_document(true) };
        StudyWorld::new(spec.truth(None), &spec, true).unwrap()
    }

    fn seen(world: &mut StudyWorld, steps: usize) -> Vec<Seen> {
        let shape = world.shape();
        let mut rewards = vec![0.0; shape.agents];
        world.begin(7 << 32);
        let one = |step: usize| {
            let mut seen = Seen::new(&shape);
            world.observe(&mut seen);
            let actions = vec![Action { level: step % 5, message: step % 4 }; shape.agents];
            world.act(&actions, &mut rewards).unwrap();
            seen
        };
        (0..steps).map(one).collect()
    }

    #[test]
    fn what_is_seen_is_as_old_as_the_delay_and_messages_are_new() {
        let (mut fresh, mut old) = (world(vec![0], 1), world(vec![3], 1));
        let shape = fresh.shape();
        let (fresh, old) = (seen(&mut fresh, 12), seen(&mut old, 12));
        for step in 0..12usize {
            let then = &fresh[step.saturating_sub(3)];
            let (now, before) = (old[step].of(1, &shape), then.of(1, &shape));
            assert_eq!(now[..OWN_FEATURES], before[..OWN_FEATURES], "step {step}");
            assert_eq!(now[OWN_FEATURES..], fresh[step].of(1, &shape)[OWN_FEATURES..]);
        }
    }

    #[test]
    fn a_window_has_the_newest_step_first() {
        let (mut one, mut three) = (world(vec![1], 1), world(vec![1], 3));
        let (narrow, wide) = (one.shape(), three.shape());
        assert_eq!(wide.features, narrow.features + 2 * OWN_FEATURES);
        let (one, three) = (seen(&mut one, 9), seen(&mut three, 9));
        for frame in 0..3 {
            let expected = &one[8 - frame].of(2, &narrow)[..OWN_FEATURES];
            assert_eq!(&three[8].of(2, &wide)[frame * OWN_FEATURES..][..OWN_FEATURES], expected);
        }
    }

    #[test]
    fn episodes_have_all_the_delays() {
        let mut world = world(vec![1, 2, 5], 1);
        let delays: Vec<_> = (0..3u64)
            .map(|seed| {
                world.begin(seed << 32);
                world.delay
            })
            .collect();
        assert_eq!(delays, [1, 2, 5]);
    }
}
