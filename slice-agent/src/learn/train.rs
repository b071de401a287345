//! A training: one team in one environment, episode after episode.

use rand_xoshiro::SplitMix64;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

use super::acting::{AgentCard, TrainedAgent};
use super::error::LearnError;
use super::recipe::Recipe;
use super::rollout::Rollout;
use super::slices::SliceWorld;
use super::team::{Mode, TeamLearner};
use super::world::World;
use crate::checkpoint::{CheckpointError, Reader, Stateful, Writer};
use crate::env::{EnvConfig, EnvError};
use crate::eval::Episode;

/// A training that can be done episode by episode, stored between any two of them, and gone on with.
#[derive(Debug)]
pub struct Training {
    name: &'static str,
    world: SliceWorld,
    team: Box<dyn TeamLearner>,
    rollout: Rollout,
    seed: u64,
    seeds: SplitMix64,
    /// Episodes done.
    done: u32,
    episodes: u32,
}

impl Training {
    /// A training of `episodes` episodes in the world of `seed`, before its first one.
    ///
    /// # Errors
    /// The environment refuses its configuration, or the learner its settings or its world.
    pub fn new(recipe: &Recipe, config: EnvConfig, seed: u64, episodes: u32) -> Result<Training, LearnError> {
        let world = SliceWorld::new(config, recipe.talks())?;
        let mut seeds = SplitMix64::seed_from_u64(seed);
        Ok(Training {
            name: recipe.name(),
            team: recipe.team(world.shape(), &mut seeds)?,
            rollout: Rollout::new(&world),
            world,
            seed,
            seeds,
            done: 0,
            episodes,
        })
    }

    /// The agents as they act now, each with its card; none of a team whose agents do not act by networks.
    pub fn agents(&self) -> Vec<TrainedAgent> {
        let shape = self.world.shape();
        let agent = |slice| {
            let card = AgentCard {
                method: self.name.to_owned(),
                slice,
                slices: shape.agents,
                heard: shape.messages,
                features: shape.features,
                seed: self.seed,
                episodes: self.done,
            };
            Some(TrainedAgent::new(card, self.team.network(slice)?))
        };
        (0..shape.agents).filter_map(agent).collect()
    }

    /// Its seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Episodes done.
    pub fn episodes_done(&self) -> u32 {
        self.done
    }

    /// Whether all episodes are done.
    pub fn is_done(&self) -> bool {
        self.done >= self.episodes
    }

    /// Does the next episode.
    ///
    /// # Errors
    /// The environment refuses a step, which it does not do to learners of its own grid.
    pub fn episode(&mut self) -> Result<Episode, EnvError> {
        self.team.begin(self.done);
        self.rollout.play(&mut self.world, self.team.as_mut(), Mode::Learn, self.seeds.next_u64())?;
        self.done += 1;
        self.world.forget_latencies();
        Ok(self.world.finish())
    }
}

impl Stateful for Training {
    fn store(&self, to: &mut Writer<'_>) {
        to.put("episodes_done", self.done);
        // SplitMix64 shows its state to serde only; it is one word.
        to.put(
            "seeds",
            serde_json::to_value(&self.seeds).ok().and_then(|seeds| seeds["x"].as_u64()).unwrap_or(0),
        );
        self.team.store(to);
    }

    fn restore(&mut self, from: &mut Reader<'_>) -> Result<(), CheckpointError> {
        self.done = from.take("episodes_done")?;
        self.seeds = SplitMix64::from_seed(from.take::<u64>("seeds")?.to_le_bytes());
        self.team.restore(from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::{LEVELS, PreemptionRule};
    use crate::learn::{Algorithm, Method, Seen, Tuning};

    fn recipes(config: &EnvConfig) -> Vec<Recipe> {
        let source =
            |method: Method| Recipe::Source { method, settings: method.settings(config, 6, Some(0.5)) };
        let tuning = Tuning { exploration_decay: 0.5, horizon: 60, ..Tuning::default() };
        let beyond =
            |talks| move |algorithm: Algorithm| Recipe::Beyond { algorithm, talks, tuning, offline: None };
        let silent = Algorithm::ALL.into_iter().filter(|algorithm| !algorithm.must_talk()).map(beyond(false));
        Method::ALL.into_iter().map(source).chain(Algorithm::ALL.map(beyond(true))).chain(silent).collect()
    }

    /// Agents out of their files decide as the team does that trained them, whatever it is made of.
    #[test]
    fn every_learners_agents_act_as_files_of_weights() {
        let config = EnvConfig::source_document(PreemptionRule::Claims);
        for recipe in recipes(&config) {
            let mut training = Training::new(&recipe, config.clone(), 3, 6).unwrap();
            while !training.is_done() {
                training.episode().unwrap();
            }
            let read = |agent: TrainedAgent| {
                let bytes = agent.to_checkpoint().unwrap().to_bytes().unwrap();
                TrainedAgent::from_checkpoint(&crate::checkpoint::Checkpoint::from_bytes(&bytes).unwrap())
                    .unwrap()
            };
            let agents: Vec<_> = training.agents().into_iter().map(read).collect();
            let mut team = TrainedAgent::team(agents, &config).unwrap();
            let Training { world, team: learner, .. } = &mut training;
            let (mut seen, mut levels) = (Seen::new(&world.shape()), [0; LEVELS]);
            let (mut rewards, mut expected, mut found) =
                ([0.0; 3], [Default::default(); 3], [Default::default(); 3]);
            world.begin(77);
            for _ in 0..60 {
                world.observe(&mut seen);
                learner.decide(&seen, Mode::Act, &mut expected);
                team.decide(world.env(), &mut found);
                assert_eq!(found, expected, "{} talks {}", recipe.name(), recipe.talks());
                found.iter().for_each(|action| levels[action.level] += 1);
                world.act(&found, &mut rewards).unwrap();
            }
            assert!(
                levels.iter().filter(|count| **count > 0).count() > 1,
                "{}: nothing was shown",
                recipe.name()
            );
        }
    }
}
