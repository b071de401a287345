//! The predefined protocol: three codes that tell how much an agent claims (source document, chapter 2.1.3).

use super::{AgentContext, OWN_SHARE, Policy};
use crate::env::{Action, Observation};

/// What an agent tells of its claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// 0: at most half of its share.
    Low,
    /// 1: at most its share.
    Share,
    /// 2: more than its share.
    Beyond,
}

impl Code {
    /// Number of codes, the least message space.
    pub const COUNT: usize = 3;

    /// The code of a claim.
    pub const fn of(claim_hz: u64, share_hz: u64) -> Code {
        if claim_hz <= share_hz / 2 {
            Code::Low
        } else if claim_hz <= share_hz {
            Code::Share
        } else {
            Code::Beyond
        }
    }

    /// As a message.
    pub const fn message(self) -> usize {
        match self {
            Code::Low => 0,
            Code::Share => 1,
            Code::Beyond => 2,
        }
    }
}

/// Follows its demand, tells its code, and claims beyond its share only when the codes of the step before leave room:
/// somebody claimed little, nobody claimed more than its share. The codes are the source document's, whose agents
/// learn what to do with them; this rule is ours and learns nothing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CodedDemand {
    context: AgentContext,
}

impl CodedDemand {
    /// An agent that speaks and hears codes. The message space must have [`Code::COUNT`] messages.
    pub const fn new(context: AgentContext) -> CodedDemand {
        CodedDemand { context }
    }

    fn there_is_room(observation: &Observation<'_>) -> bool {
        let says = |code: Code| observation.messages_of_others().any(|message| message == code.message());
        says(Code::Low) && !says(Code::Beyond)
    }
}

impl Policy for CodedDemand {
    fn begin(&mut self, _: u64) {}

    fn decide(&mut self, observation: &Observation<'_>) -> Action {
        let wanted = self.context.level_for(self.context.demand_hz(observation));
        let level = if Self::there_is_room(observation) { wanted } else { wanted.min(OWN_SHARE) };
        let code = Code::of(self.context.claims_hz[level], self.context.share_hz);
        Action { level, message: code.message() }
    }
}
