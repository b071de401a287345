//! The agents of the source document (STEP, MADRL, predefined codes) as a team among the others.

use rand_xoshiro::SplitMix64;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

use serde::{Deserialize, Serialize};

use super::learner::{Learner, Settings};
use super::network::Network;
use super::replay::Transition;
use super::team::{Experience, Mode, TeamLearner};
use super::world::{Seen, Shape};
use crate::checkpoint::{CheckpointError, Reader, Stateful, Writer};
use crate::env::{Action, LEVELS_PERCENT};
use crate::policy::Code;

/// What a team tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Speech {
    /// What its agents learn to tell.
    Learnt,
    /// Nothing.
    Silent,
    /// The code of each claim.
    Codes,
}

/// One learner for each slice. Neither deciding nor learning allocates.
#[derive(Debug, Clone)]
pub struct SourceTeam {
    shape: Shape,
    speech: Speech,
    learners: Vec<Learner>,
    episode: u32,
}

impl SourceTeam {
    /// A team that knows nothing; equal seeds learn equally.
    pub fn new(shape: Shape, settings: Settings, speech: Speech, seed: u64) -> SourceTeam {
        SourceTeam::seeded(shape, settings, speech, &mut SplitMix64::seed_from_u64(seed))
    }

    /// The same with the agents' seeds from `seeds`.
    pub fn seeded(shape: Shape, settings: Settings, speech: Speech, seeds: &mut SplitMix64) -> SourceTeam {
        let settings = Settings { inputs: shape.features, ..settings };
        let learners = (0..shape.agents).map(|_| Learner::new(settings, seeds.next_u64())).collect();
        SourceTeam { shape, speech, learners, episode: 0 }
    }

    fn message(&self, level: usize, learnt: usize) -> usize {
        match self.speech {
            Speech::Learnt => learnt,
            Speech::Silent => 0,
            Speech::Codes => Code::of(LEVELS_PERCENT[level], 100).message(),
        }
    }
}

impl TeamLearner for SourceTeam {
    fn begin(&mut self, episode: u32) {
        self.episode = episode;
        self.learners.iter_mut().for_each(|learner| learner.begin(episode));
    }

    fn decide(&mut self, seen: &Seen, mode: Mode, actions: &mut [Action]) {
        let is_over = mode == Mode::Act;
        for (slice, action) in actions.iter_mut().enumerate() {
            let learner = &mut self.learners[slice];
            // An episode so late that no exploration is left.
            learner.begin(if is_over { u32::MAX } else { self.episode });
            let (level, learnt) = learner.decide(seen.of(slice, &self.shape));
            *action = Action { level, message: self.message(level, learnt) };
        }
    }

    fn learn(&mut self, experience: &Experience<'_>) {
        for (slice, learner) in self.learners.iter_mut().enumerate() {
            learner.learn(Transition {
                before: experience.before.of(slice, &self.shape),
                level: experience.actions[slice].level,
                message: experience.actions[slice].message,
                reward: experience.rewards[slice],
                after: experience.after.of(slice, &self.shape),
                last: experience.last,
            });
        }
    }

    fn network(&self, agent: usize) -> Option<Network> {
        self.learners.get(agent).map(|learner| learner.network().clone())
    }
}

impl Stateful for SourceTeam {
    fn store(&self, to: &mut Writer<'_>) {
        for (slice, learner) in self.learners.iter().enumerate() {
            learner.store(&mut to.part(&format!("agent.{slice}")));
        }
    }

    fn restore(&mut self, from: &mut Reader<'_>) -> Result<(), CheckpointError> {
        let mut learners = self.learners.iter_mut().enumerate();
        learners.try_for_each(|(slice, learner)| learner.restore(&mut from.part(&format!("agent.{slice}"))))
    }
}
