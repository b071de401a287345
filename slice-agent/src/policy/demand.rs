//! The conservative policy, and the one to beat: claim what the buffer status asks for.

use super::{AgentContext, OWN_SHARE, Policy};
use crate::env::{Action, LEVELS, Observation};

/// Claims the lowest level that covers the demand it sees; with a floor never less than its share.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DemandFollowing {
    context: AgentContext,
    /// What is claimed of the demand that is seen.
    margin: f64,
    floor: usize,
}

impl DemandFollowing {
    /// Goes as low as the demand.
    pub const fn new(context: AgentContext) -> DemandFollowing {
        DemandFollowing { context, margin: 1.0, floor: 0 }
    }

    /// Never claims less than its share: old observations then cost others only what the arbiter lends.
    pub const fn with_floor(context: AgentContext) -> DemandFollowing {
        DemandFollowing { context, margin: 1.0, floor: OWN_SHARE }
    }

    /// Claims `margin` times what it sees, and never less than the level `floor`.
    pub const fn with_margin(context: AgentContext, margin: f64, floor: usize) -> DemandFollowing {
        DemandFollowing { context, margin, floor }
    }
}

impl Policy for DemandFollowing {
    fn begin(&mut self, _: u64) {}

    fn decide(&mut self, observation: &Observation<'_>) -> Action {
        let demand = self.margin * self.context.demand_hz(observation);
        Action { level: self.context.level_for(demand).max(self.floor.min(LEVELS - 1)), message: 0 }
    }
}
