//! A training: one learner per slice in one environment, episode after episode.

use rand_xoshiro::SplitMix64;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

use super::learner::{Learner, Settings};
use super::replay::{Sampling, Transition};
use crate::env::{Action, EnvConfig, EnvError, OWN_FEATURES, Observation, SliceEnv};
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

    /// Messages that agents hear from one another.
    pub const fn hears_messages(self) -> bool {
        !matches!(self, Method::Madrl)
    }

    /// Settings in an environment of `config`, with `exploration_decay` instead of the method's own if given. The own
    /// ones (0.95, 0.98, 0.99) were chosen near the source document's first 100 episodes: they are no evidence there.
    pub fn settings(self, config: &EnvConfig, episodes: u32, exploration_decay: Option<f64>) -> Settings {
        let heard = if self.hears_messages() { config.messages } else { 0 };
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

/// What an episode of a training came to.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct LearntEpisode {
    /// Steps with a conflict.
    pub conflicts: u32,
    /// Claims that the arbiter trimmed.
    pub trimmed_claims: usize,
    /// Mean latency over slices and steps, ms.
    pub latency_ms: f64,
    /// Used part of all CPU.
    pub network_utilisation: f64,
    /// Sum of all slices' rewards.
    pub reward: f64,
}

/// A training's result.
#[derive(Debug, Clone)]
pub struct Training {
    /// Its episodes.
    pub episodes: Vec<LearntEpisode>,
    /// The agents.
    pub learners: Vec<Learner>,
}

/// Trains `method` in the world of `seed`. `progress` is called after each episode.
///
/// # Errors
/// The environment refuses its configuration, or has fewer messages than the codes.
pub fn train(
    method: Method,
    config: &EnvConfig,
    seed: u64,
    settings: Settings,
    progress: impl Fn(),
) -> Result<Training, EnvError> {
    if method == Method::Predefined && config.messages < Code::COUNT {
        let value = config.messages as f64;
        return Err(EnvError::OutOfRange { name: "messages", value, rule: "at least 3 for the codes" });
    }
    let mut env = SliceEnv::new(config.clone(), seed)?;
    let mut seeds = SplitMix64::seed_from_u64(seed);
    let learners = (0..env.slices()).map(|_| Learner::new(settings, seeds.next_u64())).collect();
    let mut training = Training { episodes: Vec::new(), learners };
    for episode in 0..settings.episodes {
        env.reset(seeds.next_u64());
        training.learners.iter_mut().for_each(|learner| learner.begin(episode));
        let learnt = learn_episode(method, &mut env, &mut training.learners)?;
        training.episodes.push(learnt);
        progress();
    }
    Ok(training)
}

fn learn_episode(
    method: Method,
    env: &mut SliceEnv,
    learners: &mut [Learner],
) -> Result<LearntEpisode, EnvError> {
    let mut sums = LearntEpisode::default();
    let mut before = features_of_all(method, env);
    let (mut steps, mut done) = (0u32, false);
    while !done {
        let actions: Vec<_> = learners
            .iter_mut()
            .enumerate()
            .map(|(slice, learner)| act(method, env, slice, learner, &before))
            .collect();
        let step = env.step(&actions)?;
        done = step.done;
        steps += 1;
        let after = features_of_all(method, env);
        for (slice, learner) in learners.iter_mut().enumerate() {
            let outcome = &env.outcomes()[slice];
            sums.reward += outcome.reward;
            sums.latency_ms += outcome.latency_ms;
            sums.network_utilisation += outcome.used_hz;
            learner.learn(Transition {
                before: std::mem::take(&mut before[slice]),
                level: actions[slice].level,
                message: actions[slice].message,
                reward: narrow(outcome.reward),
                after: after[slice].clone(),
                last: done,
            });
        }
        before = after;
        sums.conflicts += u32::from(step.conflict);
        sums.trimmed_claims += step.trimmed_slices;
    }
    sums.latency_ms /= f64::from(steps) * env.slices() as f64;
    sums.network_utilisation /= f64::from(steps) * env.config().total_hz() as f64;
    Ok(sums)
}

fn act(method: Method, env: &SliceEnv, slice: usize, learner: &mut Learner, features: &[Vec<f32>]) -> Action {
    let (level, learnt) = learner.decide(&features[slice]);
    let config = env.config();
    let message = match method {
        Method::Step => learnt,
        Method::Madrl => 0,
        Method::Predefined => {
            Code::of(config.claim_hz(slice, level), config.slices[slice].share_hz).message()
        }
    };
    Action { level, message }
}

fn features_of_all(method: Method, env: &SliceEnv) -> Vec<Vec<f32>> {
    let config = env.config();
    let heard = if method.hears_messages() { config.messages } else { 0 };
    let count = Observation::features(env.slices(), heard);
    let of = |slice| {
        let mut features = vec![0.0; count.max(OWN_FEATURES)];
        env.observe(slice).write(config.step_s, config.total_hz(), heard, &mut features);
        features
    };
    (0..env.slices()).map(of).collect()
}

#[allow(clippy::cast_possible_truncation, reason = "networks compute in single precision")]
fn narrow(value: f64) -> f32 {
    value as f32
}
