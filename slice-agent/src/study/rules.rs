//! Policies that do not learn, as teams among those that do: they read the same features.

use serde::{Deserialize, Serialize};

use crate::checkpoint::{CheckpointError, Reader, Stateful, Writer};
use crate::env::{Action, EnvConfig, OWN_FEATURES, Observation};
use crate::learn::network::Network;
use crate::learn::{Experience, Mode, Seen, Shape, TeamLearner};
use crate::policy::{AgentContext, DemandFollowing, Policy};

/// A demand-following rule by its parameters.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RuleSpec {
    /// What is claimed of the demand that is seen.
    pub margin: f64,
    /// The lowest level that is claimed.
    pub floor: usize,
}

/// Rules, one for each slice.
#[derive(Debug)]
pub struct RuleTeam {
    shape: Shape,
    config: EnvConfig,
    agents: Vec<Box<dyn Policy>>,
}

impl RuleTeam {
    /// The rules of agents that believe in `config`, for a world of `shape`.
    pub fn new(shape: Shape, config: &EnvConfig, spec: &RuleSpec) -> RuleTeam {
        let agent = |slice| -> Box<dyn Policy> {
            let context = AgentContext::new(config, slice);
            Box::new(DemandFollowing::with_margin(context, spec.margin, spec.floor))
        };
        let agents = (0..config.slices.len()).map(agent).collect();
        RuleTeam { shape, config: config.clone(), agents }
    }
}

impl TeamLearner for RuleTeam {
    fn begin(&mut self, _: u32) {}

    fn decide(&mut self, seen: &Seen, _: Mode, actions: &mut [Action]) {
        for (slice, (agent, action)) in self.agents.iter_mut().zip(actions).enumerate() {
            let own = seen.of(slice, &self.shape).first_chunk::<OWN_FEATURES>();
            *action = own.map_or_else(Action::default, |own| {
                agent.decide(&Observation::read(own, slice, &self.config))
            });
        }
    }

    fn learn(&mut self, _: &Experience<'_>) {}

    fn network(&self, _: usize) -> Option<Network> {
        None
    }
}

/// Rules remember nothing.
impl Stateful for RuleTeam {
    fn store(&self, _: &mut Writer<'_>) {}

    fn restore(&mut self, _: &mut Reader<'_>) -> Result<(), CheckpointError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::env::SliceEnv;
    use crate::policy::{PolicyName, Team};
    use crate::study::{StudyWorld, WorldSpec, judge};

    use super::*;

    /// The rule that reads features does what the policy does that reads the environment.
    #[test]
    fn a_rule_reads_in_the_features_what_a_policy_sees() {
        let spec = WorldSpec { arbiter: true, ..WorldSpec::source_document(true) };
        let config = spec.truth(None);
        let mut world = StudyWorld::new(config.clone(), &spec, true).unwrap();
        let shape = crate::learn::World::shape(&world);
        let mut rules = RuleTeam::new(shape, &config, &RuleSpec { margin: 1.0, floor: 0 });
        let judged = judge(&mut world, &mut rules, 3, 20).unwrap();
        let mut team = Team::new(PolicyName::Demand, &config).unwrap();
        let mut env = SliceEnv::new(config, 0).unwrap();
        let mut seeds = <rand_xoshiro::SplitMix64 as rand_xoshiro::rand_core::SeedableRng>::seed_from_u64(!3);
        let mut reward = 0.0;
        for _ in 0..20 {
            env.reset(rand_xoshiro::rand_core::Rng::next_u64(&mut seeds));
            let (mut actions, mut done) = (vec![Action::default(); 3], false);
            while !done {
                team.decide(&env, &mut actions);
                done = env.step(&actions).unwrap().done;
                reward += env.outcomes().iter().map(|outcome| outcome.reward).sum::<f64>();
            }
        }
        assert!((judged.reward - reward / 20.0).abs() < 0.05, "{} {}", judged.reward, reward / 20.0);
    }
}
