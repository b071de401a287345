//! Differentiable inter-agent learning (DIAL): while learning, messages are soft and noisy, so that the listeners' errors
//! flow back through the channel to the speaker; while acting, the greatest of the message scores is what is sent.
//!
//! A message is heard one step later, so a sampled step is unrolled together with the one before it; the messages which
//! that one had heard are taken as they were.

use rand_distr::{Distribution, StandardNormal};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;

mod model;

pub use model::{DialModel, Unrolled, Work};

use super::error::{LearnError, check};
use super::experience::Ring;
use super::explore::{Exploration, explore};
use super::network::Network;
use super::nn::state::{restore_optimiser, restore_weights, store_optimiser, store_weights};
use super::nn::{Adam, greatest};
use super::team::{Experience, Mode, TeamLearner};
use super::world::{Seen, Shape};
use crate::checkpoint::{CheckpointError, Reader, Stateful, Writer};
use crate::env::Action;

/// What a team with differentiable messages is made of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DialSettings {
    /// Deviation of the noise on message scores while learning.
    pub noise: f64,
    /// Exploration of levels; messages are explored by their noise.
    pub exploration: Exploration,
    /// Rate of Adam.
    pub rate: f64,
    /// Discount of the next step's value.
    pub gamma: f64,
    /// Steps of an update.
    pub batch: usize,
    /// Steps that are remembered.
    pub capacity: usize,
    /// Steps from one update to the next.
    pub update_every: u32,
    /// Updates after which the target network becomes a copy.
    pub target_every: i32,
}

impl Default for DialSettings {
    fn default() -> DialSettings {
        DialSettings {
            noise: 1.0,
            exploration: Exploration { decay: 0.98, floor: 0.0 },
            rate: 5e-4,
            gamma: 0.99,
            batch: 64,
            capacity: 10_000,
            update_every: 1,
            target_every: 200,
        }
    }
}

impl DialSettings {
    fn check(&self) -> Result<(), LearnError> {
        check("noise", self.noise, self.noise >= 0.0, "at least 0")?;
        check("rate", self.rate, self.rate > 0.0, "above 0")?;
        check("gamma", self.gamma, (0.0..=1.0).contains(&self.gamma), "between 0 and 1")?;
        check("batch", self.batch as f64, self.batch > 0, "at least 1")?;
        check("capacity", self.capacity as f64, self.capacity >= self.batch, "at least the batch")?;
        check("update_every", f64::from(self.update_every), self.update_every > 0, "at least 1")?;
        check("target_every", f64::from(self.target_every), self.target_every > 0, "at least 1")
    }
}

/// Gradients are shortened to this norm.
const NORM: f64 = 10.0;

/// A team with differentiable messages. Once its memory has grown, neither deciding nor learning allocates.
#[derive(Debug, Clone)]
pub struct DialTeam {
    settings: DialSettings,
    online: DialModel<f32>,
    target: DialModel<f32>,
    ring: Ring,
    adam: Adam,
    random: Xoshiro256PlusPlus,
    exploration: f64,
    steps: u32,
    places: Vec<usize>,
    unrolled: Unrolled<f32>,
    work: Work<f32>,
    /// Message scores of a decision, with noise while learning.
    scores: Vec<f32>,
}

impl DialTeam {
    /// A team that knows nothing; equal seeds learn equally.
    ///
    /// # Errors
    /// A setting breaks its rule, or there is nothing to say.
    pub fn new(shape: Shape, settings: DialSettings, seed: u64) -> Result<DialTeam, LearnError> {
        settings.check()?;
        if shape.messages < 2 {
            return Err(LearnError::FewMessages { learner: "dial", least: 2, messages: shape.messages });
        }
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let online = DialModel::new(shape, settings.gamma, &mut random);
        Ok(DialTeam {
            settings,
            target: online.clone(),
            online,
            ring: Ring::new(shape, settings.capacity),
            adam: Adam::new(settings.rate, NORM),
            random,
            exploration: settings.exploration.in_episode(0),
            steps: 0,
            places: Vec::new(),
            unrolled: Unrolled::default(),
            work: Work::default(),
            scores: Vec::new(),
        })
    }

    fn update(&mut self) {
        let shape = self.online.shape();
        let DialTeam { settings, online, target, places, unrolled, work, random, .. } = self;
        self.ring.draw(settings.batch, random, places);
        unrolled.noise.clear();
        let count = places.len() * shape.agents * shape.messages;
        unrolled.noise.extend((0..count).map(|_| noise(settings.noise, random)));
        unrolled.gather(&self.ring, places);
        online.aim(target, unrolled, work);
        online.descend(unrolled, work, true);
        self.adam.descend(online);
        if self.adam.steps() % settings.target_every == 0 {
            target.copy_weights(online);
        }
    }
}

fn noise(deviation: f64, random: &mut Xoshiro256PlusPlus) -> f32 {
    let normal: f32 = StandardNormal.sample(random);
    normal * narrow(deviation)
}

#[allow(clippy::cast_possible_truncation, reason = "networks compute in single precision")]
fn narrow(value: f64) -> f32 {
    value as f32
}

impl TeamLearner for DialTeam {
    fn begin(&mut self, episode: u32) {
        self.exploration = self.settings.exploration.in_episode(episode);
    }

    fn decide(&mut self, seen: &Seen, mode: Mode, actions: &mut [Action]) {
        let shape = self.online.shape();
        let (learns, part) = (mode == Mode::Learn, if mode == Mode::Learn { self.exploration } else { 0.0 });
        for (agent, action) in actions.iter_mut().enumerate() {
            let outputs = self.online.outputs(agent, seen.of(agent, &shape), &mut self.work);
            let (levels, scores) = outputs.split_at(shape.levels);
            self.scores.clear();
            self.scores.extend_from_slice(scores);
            if learns {
                let (deviation, random) = (self.settings.noise, &mut self.random);
                self.scores.iter_mut().for_each(|score| *score += noise(deviation, random));
            }
            let may = |level: usize| seen.levels_of(agent, &shape)[level];
            let level = explore(greatest(levels, may), shape.levels, part, may, &mut self.random);
            *action = Action { level, message: greatest(&self.scores, |_| true) };
        }
    }

    fn learn(&mut self, experience: &Experience<'_>) {
        self.ring.push(experience);
        self.steps = self.steps.wrapping_add(1);
        if self.ring.len() >= self.settings.batch && self.steps.is_multiple_of(self.settings.update_every) {
            self.update();
        }
    }

    fn network(&self, agent: usize) -> Option<Network> {
        self.online.network(agent)
    }
}

impl Stateful for DialTeam {
    fn store(&self, to: &mut Writer<'_>) {
        store_weights(&self.online, &mut to.part("online"));
        store_weights(&self.target, &mut to.part("target"));
        store_optimiser(&self.adam, &self.online, &mut to.part("optimiser"));
        self.ring.store(&mut to.part("ring"));
        to.random("random", &self.random);
        to.put("steps", self.steps);
    }

    fn restore(&mut self, from: &mut Reader<'_>) -> Result<(), CheckpointError> {
        restore_weights(&mut self.online, &mut from.part("online"))?;
        restore_weights(&mut self.target, &mut from.part("target"))?;
        restore_optimiser(&mut self.adam, &mut self.online, &mut from.part("optimiser"))?;
        self.ring.restore(&mut from.part("ring"))?;
        self.random = from.random("random")?;
        self.steps = from.take("steps")?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_team_that_cannot_talk_is_refused() {
        let shape = Shape { agents: 2, features: 3, levels: 2, messages: 0 };
        let refused = DialTeam::new(shape, DialSettings::default(), 0).unwrap_err();
        assert_eq!(refused.to_string(), "dial needs at least 2 messages, the world has 0");
    }
}
