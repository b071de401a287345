//! A training: one learner per slice in one environment, episode after episode.

use rand_xoshiro::SplitMix64;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

use super::acting::{AgentCard, TrainedAgent};
use super::learner::{Learner, Settings};
use super::replay::{Sampling, Transition};
use crate::checkpoint::{CheckpointError, Reader, Stateful, Writer};
use crate::env::{Action, EnvConfig, EnvError, Observation, SliceEnv};
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
    /// Used part of all that is shared.
    pub network_utilisation: f64,
    /// Mean used part of the grants.
    pub exploitation: f64,
    /// Sum of all slices' rewards.
    pub reward: f64,
}

/// A training that can be done episode by episode, stored between any two of them, and gone on with.
#[derive(Debug, Clone)]
pub struct Training {
    method: Method,
    settings: Settings,
    env: SliceEnv,
    seeds: SplitMix64,
    /// Episodes done.
    done: u32,
    learners: Vec<Learner>,
    before: Vec<f32>,
    after: Vec<f32>,
    actions: Vec<Action>,
}

/// A finished training.
#[derive(Debug, Clone)]
pub struct Trained {
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
) -> Result<Trained, EnvError> {
    let mut training = Training::new(method, config.clone(), seed, settings)?;
    let mut episodes = Vec::new();
    while !training.is_done() {
        episodes.push(training.episode()?);
        progress();
    }
    Ok(Trained { episodes, learners: training.learners })
}

impl Training {
    /// A training of `method` in the world of `seed`, before its first episode.
    ///
    /// # Errors
    /// The environment refuses its configuration, or has fewer messages than the codes.
    pub fn new(
        method: Method,
        config: EnvConfig,
        seed: u64,
        settings: Settings,
    ) -> Result<Training, EnvError> {
        if method == Method::Predefined && config.messages < Code::COUNT {
            let value = config.messages as f64;
            return Err(EnvError::OutOfRange { name: "messages", value, rule: "at least 3 for the codes" });
        }
        let env = SliceEnv::new(config, seed)?;
        let mut seeds = SplitMix64::seed_from_u64(seed);
        let learners: Vec<_> = (0..env.slices()).map(|_| Learner::new(settings, seeds.next_u64())).collect();
        let features = vec![0.0; env.slices() * settings.inputs];
        Ok(Training {
            method,
            settings,
            seeds,
            done: 0,
            learners,
            before: features.clone(),
            after: features,
            actions: vec![Action::default(); env.slices()],
            env,
        })
    }

    /// The agents.
    pub fn learners(&self) -> &[Learner] {
        &self.learners
    }

    /// The agents as they act now, each with its card; `seed` is that of the training.
    pub fn agents(&self, seed: u64) -> Vec<TrainedAgent> {
        let config = self.env.config();
        let heard = if self.method.hears_messages() { config.messages } else { 0 };
        let agent = |(slice, learner): (usize, &Learner)| {
            let card = AgentCard {
                method: self.method.name().to_owned(),
                slice,
                slices: config.slices.len(),
                heard,
                features: self.settings.inputs,
                seed,
                episodes: self.done,
            };
            TrainedAgent::new(card, learner.network().clone())
        };
        self.learners.iter().enumerate().map(agent).collect()
    }

    /// Episodes done.
    pub fn episodes_done(&self) -> u32 {
        self.done
    }

    /// Whether all episodes are done.
    pub fn is_done(&self) -> bool {
        self.done >= self.settings.episodes
    }

    /// Does the next episode.
    ///
    /// # Errors
    /// The environment refuses a step, which it does not do to learners of its own grid.
    pub fn episode(&mut self) -> Result<LearntEpisode, EnvError> {
        self.env.reset(self.seeds.next_u64());
        for learner in &mut self.learners {
            learner.begin(self.done);
        }
        let episode = self.learn()?;
        self.done += 1;
        Ok(episode)
    }

    fn learn(&mut self) -> Result<LearntEpisode, EnvError> {
        let mut sums = LearntEpisode::default();
        observe(self.method, &self.env, &mut self.before);
        let (mut steps, mut done) = (0u32, false);
        while !done {
            self.decide();
            let step = self.env.step(&self.actions)?;
            done = step.done;
            steps += 1;
            observe(self.method, &self.env, &mut self.after);
            self.remember(done);
            std::mem::swap(&mut self.before, &mut self.after);
            for outcome in self.env.outcomes() {
                sums.reward += outcome.reward;
                sums.latency_ms += outcome.latency_ms;
                sums.network_utilisation += outcome.used_hz;
                sums.exploitation += outcome.exploitation;
            }
            sums.conflicts += u32::from(step.conflict);
            sums.trimmed_claims += step.trimmed_slices;
        }
        let slice_steps = f64::from(steps) * self.env.slices() as f64;
        sums.latency_ms /= slice_steps;
        sums.exploitation /= slice_steps;
        sums.network_utilisation /= f64::from(steps) * self.env.config().total_hz() as f64;
        Ok(sums)
    }

    fn decide(&mut self) {
        let (config, inputs) = (self.env.config(), self.settings.inputs);
        let agents = self.learners.iter_mut().zip(self.before.chunks_exact(inputs));
        for (slice, ((learner, features), action)) in agents.zip(&mut self.actions).enumerate() {
            let (level, learnt) = learner.decide(features);
            let message = match self.method {
                Method::Step => learnt,
                Method::Madrl => 0,
                Method::Predefined => {
                    Code::of(config.claim_hz(slice, level), config.slices[slice].share_hz).message()
                }
            };
            *action = Action { level, message };
        }
    }

    fn remember(&mut self, last: bool) {
        let inputs = self.settings.inputs;
        let features = self.before.chunks_exact(inputs).zip(self.after.chunks_exact(inputs));
        let outcomes = self.env.outcomes().iter().zip(&self.actions);
        for ((learner, (before, after)), (outcome, action)) in
            self.learners.iter_mut().zip(features).zip(outcomes)
        {
            learner.learn(Transition {
                before,
                level: action.level,
                message: action.message,
                reward: narrow(outcome.reward),
                after,
                last,
            });
        }
    }
}

impl Stateful for Training {
    fn store(&self, to: &mut Writer<'_>) {
        to.put("episodes_done", self.done);
        // SplitMix64 shows its state to serde only; it is one word.
        to.put(
            "seeds",
            serde_json::to_value(&self.seeds).ok().and_then(|seeds| seeds["x"].as_u64()).unwrap_or(0),
        );
        for (index, learner) in self.learners.iter().enumerate() {
            learner.store(&mut to.part(&format!("agent.{index}")));
        }
    }

    fn restore(&mut self, from: &mut Reader<'_>) -> Result<(), CheckpointError> {
        self.done = from.take("episodes_done")?;
        self.seeds = SplitMix64::from_seed(from.take::<u64>("seeds")?.to_le_bytes());
        for (index, learner) in self.learners.iter_mut().enumerate() {
            learner.restore(&mut from.part(&format!("agent.{index}")))?;
        }
        Ok(())
    }
}

/// Writes what the agents of `method` see, agent by agent.
fn observe(method: Method, env: &SliceEnv, features: &mut [f32]) {
    let config = env.config();
    let heard = if method.hears_messages() { config.messages } else { 0 };
    let count = features.len() / env.slices();
    for (slice, features) in features.chunks_exact_mut(count).enumerate() {
        env.observe(slice).write(config.step_s, config.total_hz(), heard, features);
    }
}

#[allow(clippy::cast_possible_truncation, reason = "networks compute in single precision")]
fn narrow(value: f64) -> f32 {
    value as f32
}
