//! Multi-agent proximal policy optimisation (MAPPO): each agent has a policy of what it sees, all share a critic of what
//! they see together; what they did is learnt from a few times and then forgotten.

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;

mod advantage;
mod model;

pub use advantage::estimate;
pub use model::{MappoModel, Objective, Rows, Work};

use super::error::{LearnError, check};
use super::network::Network;
use super::nn::state::{restore_optimiser, restore_weights, store_optimiser, store_weights};
use super::nn::{Adam, greatest, softmax};
use super::team::{Experience, Mode, TeamLearner};
use super::world::{Seen, Shape};
use crate::checkpoint::{CheckpointError, Reader, Stateful, Writer};
use crate::env::Action;

/// What a team that learns policies is made of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MappoSettings {
    /// Rate of Adam.
    pub rate: f64,
    /// Discount of the next step's value.
    pub gamma: f64,
    /// Weight of longer looks ahead in the advantages (lambda of generalised advantage estimation).
    pub lambda: f64,
    /// How far the chance of an action may move in an update.
    pub clip: f64,
    /// Weight of the entropy.
    pub entropy: f64,
    /// Steps that an update learns from, rounded up to whole episodes.
    pub horizon: usize,
    /// Times that it goes over them.
    pub epochs: u32,
    /// Steps of a part of them.
    pub batch: usize,
}

impl Default for MappoSettings {
    fn default() -> MappoSettings {
        MappoSettings {
            rate: 1e-3,
            gamma: 0.99,
            lambda: 0.95,
            clip: 0.2,
            entropy: 0.01,
            horizon: 240,
            epochs: 6,
            batch: 80,
        }
    }
}

impl MappoSettings {
    fn check(&self) -> Result<(), LearnError> {
        check("rate", self.rate, self.rate > 0.0, "above 0")?;
        for (name, value) in [("gamma", self.gamma), ("lambda", self.lambda)] {
            check(name, value, (0.0..=1.0).contains(&value), "between 0 and 1")?;
        }
        check("clip", self.clip, self.clip > 0.0, "above 0")?;
        check("entropy", self.entropy, self.entropy >= 0.0, "at least 0")?;
        check("horizon", self.horizon as f64, self.horizon > 0, "at least 1")?;
        check("epochs", f64::from(self.epochs), self.epochs > 0, "at least 1")?;
        check("batch", self.batch as f64, self.batch > 0, "at least 1")
    }
}

/// Gradients are shortened to this norm.
const NORM: f64 = 0.5;

/// A team that learns policies. Once its memory has grown, neither deciding nor learning allocates.
#[derive(Debug, Clone)]
pub struct MappoTeam {
    settings: MappoSettings,
    model: MappoModel<f32>,
    adam: Adam,
    random: Xoshiro256PlusPlus,
    /// What was done since the last update.
    rows: Rows<f32>,
    rewards: Vec<f32>,
    last: Vec<bool>,
    /// Logarithms of the chances of the last decision, agent by agent.
    chances: Vec<f32>,
    places: Vec<usize>,
    part: Rows<f32>,
    work: Work<f32>,
}

impl MappoTeam {
    /// A team that knows nothing; equal seeds learn equally.
    ///
    /// # Errors
    /// A setting breaks its rule.
    pub fn new(shape: Shape, settings: MappoSettings, seed: u64) -> Result<MappoTeam, LearnError> {
        settings.check()?;
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        Ok(MappoTeam {
            settings,
            model: MappoModel::new(shape, &mut random),
            adam: Adam::new(settings.rate, NORM),
            random,
            rows: Rows::default(),
            rewards: Vec::new(),
            last: Vec::new(),
            chances: Vec::new(),
            places: Vec::new(),
            part: Rows::default(),
            work: Work::default(),
        })
    }

    fn update(&mut self) {
        let MappoTeam { settings, model, rows, places, part, work, .. } = self;
        let Rows { state, advantages, returns, .. } = rows;
        let values = model.criticise(state, work);
        let looks = (settings.gamma, settings.lambda);
        estimate(&self.rewards, values, &self.last, looks, advantages, returns);
        advantage::normalise(advantages);
        let objective = Objective { clip: settings.clip, entropy: settings.entropy };
        places.clear();
        places.extend(0..self.last.len());
        for _ in 0..settings.epochs {
            shuffle(places, &mut self.random);
            for places in places.chunks(settings.batch) {
                rows.gather(places, &model.shape(), part);
                model.descend(part, &objective, work, true);
                self.adam.descend(model);
            }
        }
        rows.clear();
        self.rewards.clear();
        self.last.clear();
    }
}

fn shuffle(places: &mut [usize], random: &mut Xoshiro256PlusPlus) {
    use rand_distr::{Distribution, Uniform};
    for end in (1..places.len()).rev() {
        if let Ok(law) = Uniform::new_inclusive(0, end) {
            places.swap(end, law.sample(random));
        }
    }
}

impl TeamLearner for MappoTeam {
    fn begin(&mut self, _: u32) {}

    fn decide(&mut self, seen: &Seen, mode: Mode, actions: &mut [Action]) {
        let shape = self.model.shape();
        self.chances.clear();
        for (agent, action) in actions.iter_mut().enumerate() {
            let (features, allowed) = (seen.of(agent, &shape), seen.levels_of(agent, &shape));
            let (levels, messages) = self.model.chances(agent, features, allowed, &mut self.work);
            let mut choose = |chances: &[f32]| match mode {
                Mode::Learn => softmax::draw(chances, &mut self.random),
                Mode::Act => greatest(chances, |_| true),
            };
            *action = Action { level: choose(levels), message: choose(messages) };
            let of_message = messages.get(action.message).map_or(0.0, |chance| chance.ln());
            self.chances.push(levels[action.level].ln() + of_message);
        }
    }

    fn learn(&mut self, experience: &Experience<'_>) {
        self.rows.push(experience, &self.chances);
        self.rewards.push(experience.rewards.iter().sum::<f32>() / experience.rewards.len() as f32);
        self.last.push(experience.last);
        if experience.last && self.last.len() >= self.settings.horizon {
            self.update();
        }
    }

    fn network(&self, agent: usize) -> Option<Network> {
        self.model.network(agent)
    }
}

/// What was done since the last update is kept too: an update need not follow every episode.
impl Stateful for MappoTeam {
    fn store(&self, to: &mut Writer<'_>) {
        store_weights(&self.model, &mut to.part("model"));
        store_optimiser(&self.adam, &self.model, &mut to.part("optimiser"));
        self.rows.store(&mut to.part("rows"));
        to.list("rewards", &self.rewards);
        to.list("last", &self.last.iter().map(|last| u8::from(*last)).collect::<Vec<_>>());
        to.random("random", &self.random);
    }

    fn restore(&mut self, from: &mut Reader<'_>) -> Result<(), CheckpointError> {
        restore_weights(&mut self.model, &mut from.part("model"))?;
        restore_optimiser(&mut self.adam, &mut self.model, &mut from.part("optimiser"))?;
        let last: Vec<u8> = from.list("last")?;
        self.rows = Rows::restored(&mut from.part("rows"), &self.model.shape(), last.len())?;
        self.rewards = vec![0.0; last.len()];
        from.tensor("rewards", &[last.len()], &mut self.rewards)?;
        self.last = last.into_iter().map(|last| last != 0).collect();
        self.random = from.random("random")?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_make_no_sense_are_refused_by_name() {
        let shape = Shape { agents: 1, features: 2, levels: 2, messages: 0 };
        let refused = |settings| MappoTeam::new(shape, settings, 0).unwrap_err().to_string();
        let usual = MappoSettings::default();
        assert_eq!(
            refused(MappoSettings { lambda: -0.1, ..usual }),
            "lambda is -0.1, it must be between 0 and 1"
        );
        assert_eq!(refused(MappoSettings { horizon: 0, ..usual }), "horizon is 0, it must be at least 1");
    }
}
