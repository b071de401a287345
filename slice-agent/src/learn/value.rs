//! Teams that learn values: deep Q networks alone (with double targets or duelling heads), or mixed to a value of the team
//! (VDN: their sum; QMIX: a monotonic network of the state). With messages, each agent has a second set of values for
//! what it says, which is learnt like the first (RIAL).

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;

mod mixer;
mod model;

pub use mixer::{Mix, Mixer};
pub use model::{ValueModel, Work};

use super::error::{LearnError, check};
use super::experience::{Batch, Ring};
use super::explore::{Exploration, explore};
use super::network::Network;
use super::nn::state::{restore_optimiser, restore_weights, store_optimiser, store_weights};
use super::nn::{Adam, greatest};
use super::team::{Experience, Mode, TeamLearner};
use super::world::{Seen, Shape};
use crate::checkpoint::{CheckpointError, Reader, Stateful, Writer};
use crate::env::Action;

/// How the agents' values become goals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mixing {
    /// Each agent learns its own reward.
    Independent,
    /// The sum of their values is that of the team (value decomposition network).
    Sum,
    /// A network that grows with each of their values, whose weights depend on the state (QMIX).
    Monotonic,
}

/// What a team that learns values is made of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ValueSettings {
    /// How values are mixed.
    pub mixing: Mixing,
    /// The acting network chooses the next step, the target network tells its value (double Q learning).
    pub double: bool,
    /// Values are a state's value plus each level's advantage over the mean.
    pub duelling: bool,
    /// Weight of the penalty on values of levels that were not chosen, for learning from logs (conservative Q learning).
    pub conservative: f64,
    /// Exploration.
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

impl Default for ValueSettings {
    fn default() -> ValueSettings {
        ValueSettings {
            mixing: Mixing::Independent,
            double: true,
            duelling: false,
            conservative: 0.0,
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

impl ValueSettings {
    /// Checks every value.
    ///
    /// # Errors
    /// The first value that breaks its rule.
    pub fn check(&self) -> Result<(), LearnError> {
        check("rate", self.rate, self.rate > 0.0, "above 0")?;
        check("gamma", self.gamma, (0.0..=1.0).contains(&self.gamma), "between 0 and 1")?;
        check("conservative", self.conservative, self.conservative >= 0.0, "at least 0")?;
        let Exploration { decay, floor } = self.exploration;
        check("exploration decay", decay, (0.0..=1.0).contains(&decay), "between 0 and 1")?;
        check("exploration floor", floor, (0.0..=1.0).contains(&floor), "between 0 and 1")?;
        check("batch", self.batch as f64, self.batch > 0, "at least 1")?;
        check("capacity", self.capacity as f64, self.capacity >= self.batch, "at least the batch")?;
        check("update_every", f64::from(self.update_every), self.update_every > 0, "at least 1")?;
        check("target_every", f64::from(self.target_every), self.target_every > 0, "at least 1")
    }
}

/// A team that learns values. Once its memory has grown, neither deciding nor learning allocates.
#[derive(Debug, Clone)]
pub struct ValueTeam {
    settings: ValueSettings,
    online: ValueModel<f32>,
    target: ValueModel<f32>,
    ring: Ring,
    adam: Adam,
    random: Xoshiro256PlusPlus,
    exploration: f64,
    steps: u32,
    places: Vec<usize>,
    batch: Batch<f32>,
    work: Work<f32>,
}

/// Gradients of a team's values are shortened to this norm.
const NORM: f64 = 10.0;

impl ValueTeam {
    /// A team that knows nothing; equal seeds learn equally.
    ///
    /// # Errors
    /// A setting breaks its rule.
    pub fn new(shape: Shape, settings: ValueSettings, seed: u64) -> Result<ValueTeam, LearnError> {
        settings.check()?;
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let online = ValueModel::new(shape, &settings, &mut random);
        Ok(ValueTeam {
            settings,
            target: online.clone(),
            online,
            ring: Ring::new(shape, settings.capacity),
            adam: Adam::new(settings.rate, NORM),
            random,
            exploration: settings.exploration.in_episode(0),
            steps: 0,
            places: Vec::new(),
            batch: Batch::default(),
            work: Work::default(),
        })
    }

    /// Updates from what it remembers, without a step in any world: how a team learns from logs.
    pub fn update(&mut self) {
        let ValueTeam { settings, online, target, places, batch, work, .. } = self;
        self.ring.draw(settings.batch, &mut self.random, places);
        if places.is_empty() {
            return;
        }
        self.ring.gather(places, batch);
        online.aim(target, batch, work);
        online.descend(batch, work, true);
        self.adam.descend(online);
        if self.adam.steps() % settings.target_every == 0 {
            target.copy_weights(online);
        }
    }

    /// The world that it is made for.
    pub fn shape(&self) -> Shape {
        self.online.shape()
    }

    /// Remembers a step without learning from it.
    pub fn remember(&mut self, experience: &Experience<'_>) {
        self.ring.push(experience);
    }
}

impl TeamLearner for ValueTeam {
    fn begin(&mut self, episode: u32) {
        self.exploration = self.settings.exploration.in_episode(episode);
    }

    fn decide(&mut self, seen: &Seen, mode: Mode, actions: &mut [Action]) {
        let shape = self.online.shape();
        let part = if mode == Mode::Learn { self.exploration } else { 0.0 };
        for (agent, action) in actions.iter_mut().enumerate() {
            let values = self.online.values(agent, seen.of(agent, &shape), &mut self.work);
            let (levels, messages) = values.split_at(shape.levels);
            let may = |level: usize| seen.levels_of(agent, &shape)[level];
            let level = explore(greatest(levels, may), shape.levels, part, may, &mut self.random);
            let best = greatest(messages, |_| true);
            let message = explore(best, shape.messages, part, |_| true, &mut self.random);
            *action = Action { level, message };
        }
    }

    fn learn(&mut self, experience: &Experience<'_>) {
        self.remember(experience);
        self.steps = self.steps.wrapping_add(1);
        if self.ring.len() >= self.settings.batch && self.steps.is_multiple_of(self.settings.update_every) {
            self.update();
        }
    }

    fn network(&self, agent: usize) -> Option<Network> {
        self.online.network(agent)
    }
}

impl Stateful for ValueTeam {
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
    fn settings_that_make_no_sense_are_refused_by_name() {
        let shape = Shape { agents: 1, features: 2, levels: 2, messages: 0 };
        let refused = |settings| ValueTeam::new(shape, settings, 0).unwrap_err().to_string();
        let usual = ValueSettings::default();
        assert_eq!(refused(ValueSettings { rate: f64::NAN, ..usual }), "rate is NaN, it must be above 0");
        assert_eq!(
            refused(ValueSettings { gamma: 1.5, ..usual }),
            "gamma is 1.5, it must be between 0 and 1"
        );
        assert_eq!(refused(ValueSettings { batch: 0, ..usual }), "batch is 0, it must be at least 1");
        assert_eq!(
            refused(ValueSettings { capacity: 9, ..usual }),
            "capacity is 9, it must be at least the batch"
        );
        assert_eq!(
            refused(ValueSettings { target_every: 0, ..usual }),
            "target_every is 0, it must be at least 1"
        );
    }
}
