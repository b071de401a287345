//! The learners by name, all built the same way, so that one harness judges them all.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::dial::{DialSettings, DialTeam};
use super::error::LearnError;
use super::explore::Exploration;
use super::mappo::{MappoSettings, MappoTeam};
use super::team::TeamLearner;
use super::value::{Mixing, ValueSettings, ValueTeam};
use super::world::Shape;

/// A way to learn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Algorithm {
    /// Deep Q networks, each agent alone.
    Dqn,
    /// The same with double targets.
    DoubleDqn,
    /// The same with double targets and duelling heads.
    DuellingDqn,
    /// Value decomposition: the team's value is the sum.
    Vdn,
    /// The team's value is a monotonic network of the agents'.
    Qmix,
    /// Policies with a common critic.
    Mappo,
    /// Differentiable messages.
    Dial,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Algorithm; 7] = [
        Algorithm::Dqn,
        Algorithm::DoubleDqn,
        Algorithm::DuellingDqn,
        Algorithm::Vdn,
        Algorithm::Qmix,
        Algorithm::Mappo,
        Algorithm::Dial,
    ];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Algorithm::Dqn => "dqn",
            Algorithm::DoubleDqn => "double-dqn",
            Algorithm::DuellingDqn => "duelling-dqn",
            Algorithm::Vdn => "vdn",
            Algorithm::Qmix => "qmix",
            Algorithm::Mappo => "mappo",
            Algorithm::Dial => "dial",
        }
    }

    /// Whether it needs messages.
    pub const fn must_talk(self) -> bool {
        matches!(self, Algorithm::Dial)
    }

    /// A team that knows nothing, for a world of `shape`; equal seeds learn equally.
    ///
    /// # Errors
    /// A setting breaks its rule, or the world has not what the learner needs.
    pub fn team(self, shape: Shape, tuning: &Tuning, seed: u64) -> Result<Box<dyn TeamLearner>, LearnError> {
        Ok(match (self, self.value_settings(tuning)) {
            (_, Some(settings)) => Box::new(ValueTeam::new(shape, settings, seed)?),
            (Algorithm::Dial, None) => Box::new(DialTeam::new(shape, tuning.dial(), seed)?),
            (_, None) => Box::new(MappoTeam::new(shape, tuning.mappo(), seed)?),
        })
    }

    /// The settings of a learner of values; none for other learners.
    pub fn value_settings(self, tuning: &Tuning) -> Option<ValueSettings> {
        let double = tuning.value();
        match self {
            Algorithm::Dqn => Some(ValueSettings { double: false, ..double }),
            Algorithm::DoubleDqn => Some(double),
            Algorithm::DuellingDqn => Some(ValueSettings { duelling: true, ..double }),
            Algorithm::Vdn => Some(ValueSettings { mixing: Mixing::Sum, ..double }),
            Algorithm::Qmix => Some(ValueSettings { mixing: Mixing::Monotonic, ..double }),
            Algorithm::Mappo | Algorithm::Dial => None,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Algorithm {
    type Err = LearnError;

    fn from_str(text: &str) -> Result<Algorithm, LearnError> {
        let found = Algorithm::ALL.into_iter().find(|algorithm| algorithm.name() == text);
        let known = || Algorithm::ALL.map(Algorithm::name).to_vec();
        found.ok_or_else(|| LearnError::Unknown { name: text.to_owned(), known: known() })
    }
}

/// What may be tuned, alike for all learners; what a learner does not have, it ignores.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tuning {
    /// Rate of Adam.
    pub rate: f64,
    /// Discount of the next step's value.
    pub gamma: f64,
    /// Part of the actions that remain random, from episode to episode.
    pub exploration_decay: f64,
    /// What remains at the end.
    pub exploration_floor: f64,
    /// Weight of the entropy, for learners of policies.
    pub entropy: f64,
    /// Steps of an update.
    pub batch: usize,
    /// Steps from one update to the next, for learners of values.
    pub update_every: u32,
    /// Updates after which the target network becomes a copy, for learners of values.
    pub target_every: i32,
    /// Steps that learners of policies learn from at once.
    pub horizon: usize,
}

impl Default for Tuning {
    fn default() -> Tuning {
        let (value, mappo) = (ValueSettings::default(), MappoSettings::default());
        Tuning {
            rate: value.rate,
            gamma: value.gamma,
            exploration_decay: value.exploration.decay,
            exploration_floor: value.exploration.floor,
            entropy: mappo.entropy,
            batch: value.batch,
            update_every: value.update_every,
            target_every: value.target_every,
            horizon: mappo.horizon,
        }
    }
}

impl Tuning {
    fn exploration(&self) -> Exploration {
        Exploration { decay: self.exploration_decay, floor: self.exploration_floor }
    }

    fn value(&self) -> ValueSettings {
        ValueSettings {
            rate: self.rate,
            gamma: self.gamma,
            exploration: self.exploration(),
            batch: self.batch,
            update_every: self.update_every,
            target_every: self.target_every,
            ..ValueSettings::default()
        }
    }

    fn dial(&self) -> DialSettings {
        DialSettings {
            rate: self.rate,
            gamma: self.gamma,
            exploration: self.exploration(),
            batch: self.batch,
            update_every: self.update_every,
            target_every: self.target_every,
            ..DialSettings::default()
        }
    }

    fn mappo(&self) -> MappoSettings {
        MappoSettings {
            rate: self.rate,
            gamma: self.gamma,
            entropy: self.entropy,
            batch: self.batch,
            horizon: self.horizon,
            ..MappoSettings::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn learners_are_found_by_name() {
        for algorithm in Algorithm::ALL {
            assert_eq!(algorithm.name().parse::<Algorithm>().unwrap(), algorithm);
        }
        let refused = "sarsa".parse::<Algorithm>().unwrap_err().to_string();
        let names = "dqn, double-dqn, duelling-dqn, vdn, qmix, mappo, dial";
        assert_eq!(refused, format!("There is no learner \"sarsa\"; there are: {names}"));
    }
}
