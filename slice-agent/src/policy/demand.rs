//! The conservative policy, and the one to beat: claim what the buffer status asks for.

use super::{AgentContext, OWN_SHARE, Policy};
use crate::env::{Action, Observation};

/// Claims the lowest level that covers the demand it sees; with a floor never less than its share.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DemandFollowing {
    context: AgentContext,
    floor: usize,
}

impl DemandFollowing {
    /// Goes as low as the demand.
    pub const fn new(context: AgentContext) -> DemandFollowing {
        DemandFollowing { context, floor: 0 }
    }

    /// Never claims less than its share: old observations then cost others only what the arbiter lends.
    pub const fn with_floor(context: AgentContext) -> DemandFollowing {
        DemandFollowing { context, floor: OWN_SHARE }
    }
}

impl Policy for DemandFollowing {
    fn begin(&mut self, _: u64) {}

    fn decide(&mut self, observation: &Observation<'_>) -> Action {
        let demand = self.context.demand_hz(observation);
        Action { level: self.context.level_for(demand).max(self.floor), message: 0 }
    }
}
