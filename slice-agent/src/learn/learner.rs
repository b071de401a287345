//! One agent's Q learning: network, target network, memory, exploration.

use rand_distr::{Bernoulli, Distribution, Uniform};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;

use super::network::{Network, Pass};
use super::replay::{Replay, Sampling, Transition};
use crate::env::LEVELS;

/// Transitions of one update.
const BATCH: u32 = 64;
/// Transitions that are remembered.
const CAPACITY: usize = 10_000;
/// Discount of the next step's value.
const GAMMA: f32 = 0.99;
/// Rate of Adam.
const RATE: f32 = 5e-4;
/// Updates after which the target network becomes a copy.
const TARGET_UPDATES: i32 = 200;
/// Correction of importance at the begin of the training; 1 at its end.
const IMPORTANCE: f64 = 0.4;

/// What makes one method's learner differ from another's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Features.
    pub inputs: usize,
    /// Messages whose values are learnt; 0 when none is.
    pub messages: usize,
    /// Stochastic information bottleneck instead of the second ReLU layer.
    pub bottleneck: bool,
    /// How transitions are drawn.
    pub sampling: Sampling,
    /// Part of the actions that remain random, from episode to episode.
    pub exploration_decay: f64,
    /// Growth of the bottleneck's weight in the loss, per episode.
    pub beta_rate: f64,
    /// Length of the training.
    pub episodes: u32,
}

/// A learning agent.
#[derive(Debug, Clone)]
pub struct Learner {
    settings: Settings,
    online: Network,
    target: Network,
    replay: Replay,
    random: Xoshiro256PlusPlus,
    exploration: f64,
    beta: f64,
    importance: f64,
    updates: i32,
    pass: Pass,
    next: Pass,
}

/// Index of the greatest value; the first of equal ones.
fn greatest(values: &[f32]) -> usize {
    let mut best = 0;
    for (index, value) in values.iter().enumerate() {
        if *value > values[best] {
            best = index;
        }
    }
    best
}

/// Derivative of the Huber loss with bound 1.
fn huber(error: f32) -> f32 {
    error.clamp(-1.0, 1.0)
}

impl Learner {
    /// An agent that knows nothing; equal seeds learn equally.
    pub fn new(settings: Settings, seed: u64) -> Learner {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let outputs = LEVELS + settings.messages;
        let online = Network::new(settings.inputs, outputs, settings.bottleneck, &mut random);
        Learner {
            settings,
            target: online.clone(),
            replay: Replay::new(settings.sampling, CAPACITY),
            random,
            exploration: 1.0,
            beta: 0.0,
            importance: IMPORTANCE,
            updates: 0,
            pass: Pass::new(&online),
            next: Pass::new(&online),
            online,
        }
    }

    /// The network that acts.
    pub fn network(&self) -> &Network {
        &self.online
    }

    /// Episode `episode` begins: less exploration, a tighter bottleneck.
    pub fn begin(&mut self, episode: u32) {
        let settings = &self.settings;
        self.exploration = settings.exploration_decay.powf(f64::from(episode));
        self.beta = settings.beta_rate * f64::from(episode);
        let progress = f64::from(episode) / f64::from(settings.episodes.max(1));
        self.importance = IMPORTANCE + (1.0 - IMPORTANCE) * progress.min(1.0);
    }

    /// Level and message for `features`: the best known, or a random one while exploring.
    pub fn decide(&mut self, features: &[f32]) -> (usize, usize) {
        self.online.forward(features, None, &mut self.pass);
        let (levels, messages) = self.pass.values.split_at(LEVELS);
        let best = (greatest(levels), greatest(messages));
        (self.explore(best.0, LEVELS), self.explore(best.1, self.settings.messages))
    }

    fn explore(&mut self, best: usize, count: usize) -> usize {
        let explores = Bernoulli::new(self.exploration).is_ok_and(|law| law.sample(&mut self.random));
        match Uniform::new(0, count) {
            Ok(any) if explores => any.sample(&mut self.random),
            Ok(_) | Err(_) => best,
        }
    }

    /// Remembers a transition, and learns from a batch as soon as there is one.
    pub fn learn(&mut self, transition: Transition) {
        self.replay.push(transition);
        if self.replay.len() >= usize::try_from(BATCH).unwrap_or(usize::MAX) {
            self.update();
        }
    }

    fn update(&mut self) {
        let draws: Vec<_> = (0..BATCH)
            .map(|stratum| self.replay.draw(stratum, BATCH, self.importance, &mut self.random))
            .collect();
        let greatest = draws.iter().map(|draw| draw.weight).fold(f64::MIN_POSITIVE, f64::max);
        for draw in draws {
            let error = self.descend(draw.place, narrow(draw.weight / greatest));
            self.replay.learnt(draw.place, error);
        }
        self.updates += 1;
        self.online.adam(RATE, (BATCH as f32).recip(), self.updates);
        if self.updates % TARGET_UPDATES == 0 {
            self.target.clone_from(&self.online);
        }
    }

    /// Adds one transition's gradient; returns the level's error.
    fn descend(&mut self, place: usize, weight: f32) -> f32 {
        let (level_goal, message_goal) = self.goals(place);
        let transition = self.replay.at(place);
        let (level, message) = (transition.level, LEVELS + transition.message);
        self.online.forward(&transition.before, Some(&mut self.random), &mut self.pass);
        let mut of_values = vec![0.0; self.pass.values.len()];
        let error = self.pass.values[level] - level_goal;
        of_values[level] = weight * huber(error);
        if let Some(of_message) = of_values.get_mut(message).filter(|_| self.settings.messages > 0) {
            *of_message = weight * huber(self.pass.values[message] - message_goal);
        }
        self.online.backward(&self.pass, &of_values, narrow(self.beta));
        error
    }

    /// What the values of the level and the message should have been: reward, and what the target network gives for the
    /// choice of the acting one (double Q learning).
    fn goals(&mut self, place: usize) -> (f32, f32) {
        let transition = self.replay.at(place);
        if transition.last {
            return (transition.reward, transition.reward);
        }
        self.online.forward(&transition.after, None, &mut self.next);
        let (levels, messages) = self.next.values.split_at(LEVELS);
        let (level, message) = (greatest(levels), LEVELS + greatest(messages));
        self.target.forward(&transition.after, None, &mut self.next);
        let value = |index: usize| self.next.values.get(index).copied().unwrap_or(0.0);
        (transition.reward + GAMMA * value(level), transition.reward + GAMMA * value(message))
    }
}

#[allow(clippy::cast_possible_truncation, reason = "networks compute in single precision")]
fn narrow(value: f64) -> f32 {
    value as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(sampling: Sampling, bottleneck: bool) -> Settings {
        Settings {
            inputs: 2,
            messages: 3,
            bottleneck,
            sampling,
            exploration_decay: 0.97,
            beta_rate: 0.0,
            episodes: 200,
        }
    }

    /// The best level is 4 when the first feature is set and 1 otherwise; the best message is 2 always.
    fn bandit(settings: Settings) -> Learner {
        let mut learner = Learner::new(settings, 1);
        for episode in 0..200 {
            learner.begin(episode);
            for step in 0..10 {
                let features = if step % 2 == 0 { [1.0, 0.0] } else { [0.0, 1.0] };
                let (level, message) = learner.decide(&features);
                let wanted = if step % 2 == 0 { 4 } else { 1 };
                let reward = f32::from(u8::from(level == wanted)) + f32::from(u8::from(message == 2));
                let (before, after) = (features.to_vec(), features.to_vec());
                learner.learn(Transition { before, level, message, reward, after, last: true });
            }
        }
        learner
    }

    #[test]
    fn a_bandit_is_solved_by_each_kind_of_learner() {
        for (sampling, bottleneck) in [(Sampling::Uniform, false), (Sampling::Prioritised, true)] {
            let mut learner = bandit(settings(sampling, bottleneck));
            learner.exploration = 0.0;
            assert_eq!(learner.decide(&[1.0, 0.0]), (4, 2));
            assert_eq!(learner.decide(&[0.0, 1.0]), (1, 2));
        }
    }

    #[test]
    fn equal_seeds_learn_equally() {
        let one = bandit(settings(Sampling::Prioritised, true));
        assert_eq!(one.network(), bandit(settings(Sampling::Prioritised, true)).network());
    }
}
