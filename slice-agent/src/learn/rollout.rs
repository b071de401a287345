//! One episode of a team in a world: the loop of every training and of every judgement.

use super::team::{Experience, Mode, TeamLearner};
use super::world::{Seen, World};
use crate::env::{Action, EnvError};

/// The memory of episodes.
#[derive(Debug)]
pub struct Rollout {
    before: Seen,
    after: Seen,
    actions: Vec<Action>,
    rewards: Vec<f32>,
}

impl Rollout {
    /// Room for episodes in worlds like `world`.
    pub fn new(world: &dyn World) -> Rollout {
        let shape = world.shape();
        Rollout {
            before: Seen::new(&shape),
            after: Seen::new(&shape),
            actions: vec![Action::default(); shape.agents],
            rewards: vec![0.0; shape.agents],
        }
    }

    /// Plays the episode of `seed`; in [`Mode::Learn`] the team learns from each step. Returns the sum of all rewards.
    ///
    /// # Errors
    /// The world refuses an action.
    pub fn play(
        &mut self,
        world: &mut dyn World,
        team: &mut dyn TeamLearner,
        mode: Mode,
        seed: u64,
    ) -> Result<f64, EnvError> {
        world.begin(seed);
        world.observe(&mut self.before);
        let (mut sum, mut last) = (0.0, false);
        while !last {
            team.decide(&self.before, mode, &mut self.actions);
            last = world.act(&self.actions, &mut self.rewards)?;
            world.observe(&mut self.after);
            sum += self.rewards.iter().copied().map(f64::from).sum::<f64>();
            if mode == Mode::Learn {
                let Rollout { before, after, actions, rewards } = &*self;
                team.learn(&Experience { before, actions, rewards, after, last });
            }
            std::mem::swap(&mut self.before, &mut self.after);
        }
        Ok(sum)
    }
}
