//! All agents of an environment together.

use std::fmt;
use std::str::FromStr;

use rand_xoshiro::SplitMix64;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

use super::{AgentContext, Code, CodedDemand, DemandFollowing, Oracle, Policy, RandomClaims, StaticShares};
use crate::env::{Action, EnvConfig, SliceEnv};

/// The policies that need no learning, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PolicyName {
    /// Any level at any time.
    Random,
    /// The own share at any time.
    Static,
    /// The predefined codes with a fixed rule.
    Codes,
    /// What the demand asks for.
    Demand,
    /// The same, never below the own share.
    DemandFloor,
    /// Central and all-knowing, for comparison.
    Oracle,
}

impl PolicyName {
    /// All of them.
    pub const ALL: [PolicyName; 6] = [
        PolicyName::Random,
        PolicyName::Static,
        PolicyName::Codes,
        PolicyName::Demand,
        PolicyName::DemandFloor,
        PolicyName::Oracle,
    ];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            PolicyName::Random => "random",
            PolicyName::Static => "static",
            PolicyName::Codes => "codes",
            PolicyName::Demand => "demand",
            PolicyName::DemandFloor => "demand-floor",
            PolicyName::Oracle => "oracle",
        }
    }
}

impl fmt::Display for PolicyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for PolicyName {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<PolicyName, PolicyError> {
        let found = PolicyName::ALL.into_iter().find(|policy| policy.name() == text);
        found.ok_or_else(|| PolicyError::Unknown { name: text.to_owned() })
    }
}

/// Why there is no such team.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// No policy has this name.
    #[error("There is no policy {name:?}; there are: random, static, codes, demand, demand-floor, oracle")]
    Unknown {
        /// The name.
        name: String,
    },
    /// The codes need more messages.
    #[error("The predefined codes need {} messages, the space has {messages}", Code::COUNT)]
    FewMessages {
        /// Size of the space.
        messages: usize,
    },
    /// The oracle would look at too many joint claims.
    #[error("The oracle cannot look at all joint claims of {slices} slices")]
    ManySlices {
        /// Number of slices.
        slices: usize,
    },
}

/// Decides for all slices.
#[derive(Debug)]
pub enum Team {
    /// One agent for each slice; none sees another's slice.
    Agents(Vec<Box<dyn Policy>>),
    /// One that sees everything.
    Central(Oracle),
}

impl Team {
    /// The team of one policy in an environment of `config`.
    ///
    /// # Errors
    /// The policy does not fit to the configuration.
    pub fn new(name: PolicyName, config: &EnvConfig) -> Result<Team, PolicyError> {
        let slices = config.slices.len();
        match name {
            PolicyName::Codes if config.messages < Code::COUNT => {
                return Err(PolicyError::FewMessages { messages: config.messages });
            }
            PolicyName::Oracle if Oracle::joint_claims(slices).is_none() => {
                return Err(PolicyError::ManySlices { slices });
            }
            PolicyName::Oracle => return Ok(Team::Central(Oracle::new())),
            PolicyName::Random
            | PolicyName::Static
            | PolicyName::Codes
            | PolicyName::Demand
            | PolicyName::DemandFloor => {}
        }
        Ok(Team::Agents((0..slices).map(|slice| agent(name, AgentContext::new(config, slice))).collect()))
    }

    /// An episode begins.
    pub fn begin(&mut self, seed: u64) {
        if let Team::Agents(agents) = self {
            let mut seeds = SplitMix64::seed_from_u64(seed);
            agents.iter_mut().for_each(|agent| agent.begin(seeds.next_u64()));
        }
    }

    /// Writes an action for each slice.
    pub fn decide(&mut self, env: &SliceEnv, actions: &mut [Action]) {
        match self {
            Team::Central(oracle) => oracle.decide(env, actions),
            Team::Agents(agents) => {
                for (slice, (agent, action)) in agents.iter_mut().zip(actions).enumerate() {
                    *action = agent.decide(&env.observe(slice));
                }
            }
        }
    }
}

fn agent(name: PolicyName, context: AgentContext) -> Box<dyn Policy> {
    match name {
        PolicyName::Random => Box::new(RandomClaims::new()),
        PolicyName::Static | PolicyName::Oracle => Box::new(StaticShares),
        PolicyName::Codes => Box::new(CodedDemand::new(context)),
        PolicyName::Demand => Box::new(DemandFollowing::new(context)),
        PolicyName::DemandFloor => Box::new(DemandFollowing::with_floor(context)),
    }
}
