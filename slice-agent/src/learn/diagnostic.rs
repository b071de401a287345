//! Tiny worlds whose best reward is known: a learner that cannot reach it is broken, and one that should not reach it must not.

use rand_distr::{Distribution, StandardUniform};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;

use super::world::{Seen, Shape, World};
use crate::env::{Action, EnvError};

fn coin(seed: u64) -> bool {
    StandardUniform.sample(&mut Xoshiro256PlusPlus::seed_from_u64(seed))
}

/// A bandit with a context: one step, the best of three levels is 2 in one context and 0 in the other. Level 1 would be
/// better than both, but it is not allowed. Best: 1 an episode.
#[derive(Debug, Clone, Default)]
pub struct Bandit {
    context: bool,
}

impl World for Bandit {
    fn shape(&self) -> Shape {
        Shape { agents: 1, features: 2, levels: 3, messages: 0 }
    }

    fn begin(&mut self, seed: u64) {
        self.context = coin(seed);
    }

    fn observe(&self, seen: &mut Seen) {
        let context = f32::from(u8::from(self.context));
        seen.features.copy_from_slice(&[context, 1.0 - context]);
        seen.allowed.copy_from_slice(&[true, false, true]);
    }

    fn act(&mut self, actions: &[Action], rewards: &mut [f32]) -> Result<bool, EnvError> {
        let best = if self.context { 2 } else { 0 };
        rewards[0] = match actions[0].level {
            1 => 10.0,
            level if level == best => 1.0,
            _ => 0.0,
        };
        Ok(true)
    }
}

/// Two agents, two steps: the first agent sees a coin and may tell; then the second must name it without having seen it.
/// Both earn 1 if it is right. Best: 2 an episode, 1 without messages.
#[derive(Debug, Clone)]
pub struct Whisper {
    /// Whether messages are heard.
    pub is_heard: bool,
    coin: bool,
    step: u32,
    said: usize,
}

impl Whisper {
    /// A world with or without ears.
    pub const fn new(is_heard: bool) -> Whisper {
        Whisper { is_heard, coin: false, step: 0, said: 0 }
    }

    const MESSAGES: usize = 2;
    /// Step, coin (two), what was said last by oneself (two).
    const OWN: usize = 5;
}

impl World for Whisper {
    fn shape(&self) -> Shape {
        let messages = if self.is_heard { Whisper::MESSAGES } else { 0 };
        Shape { agents: 2, features: Whisper::OWN + messages, levels: 2, messages }
    }

    fn begin(&mut self, seed: u64) {
        (self.coin, self.step, self.said) = (coin(seed), 0, 0);
    }

    fn observe(&self, seen: &mut Seen) {
        seen.features.fill(0.0);
        let (speaker, listener) = seen.features.split_at_mut(self.shape().features);
        speaker[0] = f32::from(u8::from(self.step == 1));
        listener[0] = speaker[0];
        speaker[1 + usize::from(self.coin)] = 1.0;
        if self.step == 1 {
            speaker[3 + self.said] = 1.0;
            if let Some(heard) = listener.get_mut(Whisper::OWN + self.said) {
                *heard = 1.0;
            }
        }
    }

    fn act(&mut self, actions: &[Action], rewards: &mut [f32]) -> Result<bool, EnvError> {
        let is_right = actions[1].level == usize::from(self.coin);
        let reward = if self.step == 1 && is_right { 1.0 } else { 0.0 };
        rewards.fill(reward);
        self.said = actions[0].message.min(Whisper::MESSAGES - 1);
        self.step += 1;
        Ok(self.step == 2)
    }
}

/// One agent that must choose level 1 first, which earns nothing, to earn 1 four steps later; level 0 earns 0.2 at once
/// and nothing later. Best: 1 an episode, and 0.2 for who does not look ahead.
#[derive(Debug, Clone, Default)]
pub struct Patience {
    step: usize,
    is_patient: bool,
}

impl Patience {
    const STEPS: usize = 5;
}

impl World for Patience {
    fn shape(&self) -> Shape {
        Shape { agents: 1, features: Patience::STEPS + 1, levels: 2, messages: 0 }
    }

    fn begin(&mut self, _: u64) {
        *self = Patience::default();
    }

    fn observe(&self, seen: &mut Seen) {
        seen.features.fill(0.0);
        seen.features[self.step.min(Patience::STEPS - 1)] = 1.0;
        seen.features[Patience::STEPS] = f32::from(u8::from(self.is_patient));
    }

    fn act(&mut self, actions: &[Action], rewards: &mut [f32]) -> Result<bool, EnvError> {
        if self.step == 0 {
            self.is_patient = actions[0].level == 1;
        }
        self.step += 1;
        let is_last = self.step == Patience::STEPS;
        rewards[0] = match (self.step, self.is_patient) {
            (1, false) => 0.2,
            _ if is_last && self.is_patient => 1.0,
            _ => 0.0,
        };
        Ok(is_last)
    }
}

#[cfg(test)]
mod tests;
