//! What learns, and how: the source document's methods and those beyond it, alike for every harness.

use std::sync::Arc;

use rand_xoshiro::SplitMix64;
use rand_xoshiro::rand_core::Rng;

use super::algorithm::{Algorithm, Tuning};
use super::error::LearnError;
use super::learner::Settings;
use super::offline::{Log, OfflineTeam};
use super::replay::Sampling;
use super::source::{SourceTeam, Speech};
use super::team::TeamLearner;
use super::value::{ValueSettings, ValueTeam};
use super::world::Shape;
use crate::env::{EnvConfig, Observation};
use crate::policy::Code;

/// The learning methods of the source document's Figure 3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Bottleneck, prioritised replay, learnt messages.
    Step,
    /// Plain deep Q networks without messages.
    Madrl,
    /// Plain deep Q networks that tell codes 0, 1, 2 of their claims.
    Predefined,
}

impl Method {
    /// All of them.
    pub const ALL: [Method; 3] = [Method::Step, Method::Madrl, Method::Predefined];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Method::Step => "step",
            Method::Madrl => "madrl",
            Method::Predefined => "predefined",
        }
    }

    /// What its agents tell one another.
    pub const fn speech(self) -> Speech {
        match self {
            Method::Step => Speech::Learnt,
            Method::Madrl => Speech::Silent,
            Method::Predefined => Speech::Codes,
        }
    }

    /// Settings in an environment of `config`, with `exploration_decay` instead of the method's own if given. The own
    /// ones (0.95, 0.98, 0.99) were chosen near the source document's first 100 episodes: they are no evidence there.
    pub fn settings(self, config: &EnvConfig, episodes: u32, exploration_decay: Option<f64>) -> Settings {
        let heard = if self.speech() == Speech::Silent { 0 } else { config.messages };
        let (messages, own_decay) = match self {
            Method::Step => (config.messages, 0.95),
            Method::Madrl => (0, 0.98),
            Method::Predefined => (0, 0.99),
        };
        let is_step = self == Method::Step;
        Settings {
            inputs: Observation::features(config.slices.len(), heard),
            messages,
            bottleneck: is_step,
            sampling: if is_step { Sampling::Prioritised } else { Sampling::Uniform },
            exploration_decay: exploration_decay.unwrap_or(own_decay),
            beta_rate: if is_step { 0.001 } else { 0.0 },
            episodes,
        }
    }
}

/// What a training is made of.
#[derive(Debug, Clone)]
pub enum Recipe {
    /// Agents of the source document, or what is left of them without a part.
    Source {
        /// Which ones.
        method: Method,
        /// Their settings.
        settings: Settings,
    },
    /// A learner beyond the source document.
    Beyond {
        /// Which one.
        algorithm: Algorithm,
        /// Whether its agents talk.
        talks: bool,
        /// Its tuning.
        tuning: Tuning,
        /// What it learns from instead of what it does; only learners of values can.
        offline: Option<Offline>,
    },
}

/// How to learn from a log alone.
#[derive(Debug, Clone)]
pub struct Offline {
    /// What somebody did.
    pub log: Arc<Log>,
    /// Updates before each episode, which only shows what has been learnt.
    pub updates: u32,
    /// Weight of the penalty on values of levels that nobody tried (conservative Q learning).
    pub conservative: f64,
}

impl Recipe {
    /// Its name.
    pub const fn name(&self) -> &'static str {
        match self {
            Recipe::Source { method, .. } => method.name(),
            Recipe::Beyond { algorithm, .. } => algorithm.name(),
        }
    }

    /// Whether its agents hear one another.
    pub fn talks(&self) -> bool {
        match self {
            Recipe::Source { method, .. } => method.speech() != Speech::Silent,
            Recipe::Beyond { talks, .. } => *talks,
        }
    }

    /// A team that knows nothing, for a world of `shape`; its seeds come from `seeds`.
    ///
    /// # Errors
    /// A setting breaks its rule, the world has not what the learner needs, or the learner cannot learn from a log.
    pub fn team(&self, shape: Shape, seeds: &mut SplitMix64) -> Result<Box<dyn TeamLearner>, LearnError> {
        match self {
            Recipe::Source { method, settings } => {
                let (speech, messages) = (method.speech(), shape.messages);
                if speech == Speech::Codes && messages < Code::COUNT {
                    let learner = method.name();
                    return Err(LearnError::FewMessages { learner, least: Code::COUNT, messages });
                }
                Ok(Box::new(SourceTeam::seeded(shape, *settings, speech, seeds)))
            }
            Recipe::Beyond { algorithm, tuning, offline: None, .. } => {
                algorithm.team(shape, tuning, seeds.next_u64())
            }
            Recipe::Beyond { algorithm, tuning, offline: Some(offline), .. } => {
                let settings = algorithm.value_settings(tuning);
                let settings = settings.ok_or(LearnError::NeedsWorld { learner: algorithm.name() })?;
                let settings = ValueSettings { conservative: offline.conservative, ..settings };
                let team = ValueTeam::new(shape, settings, seeds.next_u64())?;
                Ok(Box::new(OfflineTeam::new(team, &offline.log, offline.updates)?))
            }
        }
    }
}
