//! What learners learn in: the slices' environment, or a tiny one whose best reward is known.

use crate::env::{Action, EnvError};

/// How large a world's observations and choices are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Number of agents.
    pub agents: usize,
    /// Features of an agent's observation; the last `(agents - 1) * messages` are the messages of the others, one-hot,
    /// sender by sender.
    pub features: usize,
    /// Levels that an agent chooses from.
    pub levels: usize,
    /// Messages that an agent chooses from and hears of others; 0 when agents cannot talk.
    pub messages: usize,
}

impl Shape {
    /// Features that are not messages.
    pub const fn own_features(&self) -> usize {
        self.features.saturating_sub(self.agents.saturating_sub(1) * self.messages)
    }

    /// Where agent `listener` finds the message of agent `sender` in its features, if it hears it.
    pub fn heard(&self, listener: usize, sender: usize) -> Option<std::ops::Range<usize>> {
        if listener == sender || self.messages == 0 {
            return None;
        }
        let place = if sender < listener { sender } else { sender - 1 };
        let start = self.own_features() + place * self.messages;
        Some(start..start + self.messages)
    }

    /// What all agents see together: the state that critics and mixers may know while learning.
    pub const fn state(&self) -> usize {
        self.agents * self.features
    }
}

/// What all agents see before a step.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// Features, agent by agent.
    pub features: Vec<f32>,
    /// Which levels may be chosen, agent by agent.
    pub allowed: Vec<bool>,
}

impl Seen {
    /// Room for what a world of `shape` shows.
    pub fn new(shape: &Shape) -> Seen {
        Seen { features: vec![0.0; shape.state()], allowed: vec![true; shape.agents * shape.levels] }
    }

    /// The features of `agent`.
    ///
    /// # Panics
    /// There is no such agent.
    pub fn of(&self, agent: usize, shape: &Shape) -> &[f32] {
        &self.features[agent * shape.features..][..shape.features]
    }

    /// Which levels `agent` may choose.
    ///
    /// # Panics
    /// There is no such agent.
    pub fn levels_of(&self, agent: usize, shape: &Shape) -> &[bool] {
        &self.allowed[agent * shape.levels..][..shape.levels]
    }
}

/// A world, one step at a time.
pub trait World {
    /// How large it is; always the same.
    fn shape(&self) -> Shape;

    /// Begins the episode of `seed`.
    fn begin(&mut self, seed: u64);

    /// Writes what the agents see.
    fn observe(&self, seen: &mut Seen);

    /// Does the actions, writes each agent's reward, and tells whether the episode is over.
    ///
    /// # Errors
    /// The world refuses an action.
    fn act(&mut self, actions: &[Action], rewards: &mut [f32]) -> Result<bool, EnvError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_found_sender_by_sender() {
        let shape = Shape { agents: 3, features: 8 + 2 * 4, levels: 5, messages: 4 };
        assert_eq!(shape.own_features(), 8);
        assert_eq!(shape.heard(0, 1), Some(8..12));
        assert_eq!(shape.heard(0, 2), Some(12..16));
        assert_eq!(shape.heard(2, 1), Some(12..16));
        assert_eq!(shape.heard(1, 1), None);
    }
}
