//! All agents of a world together, as they learn.

use super::network::Network;
use super::world::Seen;
use crate::checkpoint::Stateful;
use crate::env::Action;

/// One step of all agents.
#[derive(Debug, Clone, Copy)]
pub struct Experience<'a> {
    /// What they saw.
    pub before: &'a Seen,
    /// What they did.
    pub actions: &'a [Action],
    /// Each one's reward.
    pub rewards: &'a [f32],
    /// What they saw then.
    pub after: &'a Seen,
    /// The episode ended with it.
    pub last: bool,
}

/// Whether a team tries things out or does the best it knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Tries things out, and learns.
    Learn,
    /// Does the best it knows, and learns nothing.
    Act,
}

/// A team that learns. Its state is all that it needs to go on bit by bit, between episodes.
pub trait TeamLearner: Stateful + std::fmt::Debug + Send {
    /// Training episode `episode` begins, counted from 0.
    fn begin(&mut self, episode: u32);

    /// Writes an action for each agent.
    fn decide(&mut self, seen: &Seen, mode: Mode, actions: &mut [Action]);

    /// Learns from the step that followed the last decision.
    fn learn(&mut self, experience: &Experience<'_>);

    /// The network by which an agent acts alone, as files of weights have it; none if there is no such agent or if it does not
    /// act by one.
    fn network(&self, agent: usize) -> Option<Network>;
}
