//! One agent's Q learning: network, target network, memory, exploration.

use rand_distr::{Bernoulli, Distribution, Uniform};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;

use super::network::{Backward, Network, Pass};
use super::nn;
use super::noise::Noise;
use super::replay::{Draw, Replay, Sampling, Transition};
use crate::checkpoint::{CheckpointError, Reader, Stateful, Writer};
use crate::env::LEVELS;

/// Transitions of one update.
const BATCH: u32 = 64;
/// The same as a length.
const ROWS: usize = BATCH as usize;
/// Transitions that are remembered.
const CAPACITY: usize = 10_000;
/// Discount of the next step's value.
const GAMMA: f32 = 0.99;
/// Rate of Adam.
const RATE: f32 = 5e-4;
/// Updates after which the target network becomes a copy.
const TARGET_UPDATES: u32 = 200;
/// Correction of importance at the begin of the training; 1 at its end.
const IMPORTANCE: f32 = 0.4;

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

/// A learning agent. Its memory is taken once: neither deciding nor learning allocates.
#[derive(Debug, Clone)]
pub struct Learner {
    settings: Settings,
    online: Network,
    target: Network,
    backward: Backward,
    replay: Replay,
    random: Xoshiro256PlusPlus,
    noise: Noise,
    exploration: f64,
    beta: f32,
    importance: f32,
    batch: Batch,
    /// For decisions.
    single: Pass,
}

/// The memory of an update.
#[derive(Debug, Clone)]
struct Batch {
    draws: [Draw; ROWS],
    before: Pass,
    after: Pass,
    /// What the values of level and message should have been.
    goals: [(f32, f32); ROWS],
    errors: [f32; ROWS],
    of_values: Vec<f32>,
}

impl Batch {
    fn new(network: &Network) -> Batch {
        Batch {
            draws: [Draw::default(); ROWS],
            before: Pass::new(network, ROWS),
            after: Pass::new(network, ROWS),
            goals: [(0.0, 0.0); ROWS],
            errors: [0.0; ROWS],
            of_values: vec![0.0; ROWS * super::dense::padded(network.outputs())],
        }
    }
}

/// Index of the greatest value; 0 of none.
fn greatest(values: &[f32]) -> usize {
    nn::greatest(values, |_| true)
}

/// Derivative of the Huber loss with bound 1.
fn huber(error: f32) -> f32 {
    error.clamp(-1.0, 1.0)
}

/// By repeated squaring, so that it has the same bits everywhere.
fn power(mut base: f64, mut exponent: u32) -> f64 {
    let mut product = 1.0;
    while exponent > 0 {
        if exponent & 1 == 1 {
            product *= base;
        }
        base *= base;
        exponent >>= 1;
    }
    product
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
            backward: Backward::new(&online, ROWS),
            replay: Replay::new(settings.sampling, CAPACITY, settings.inputs),
            noise: Noise::new(&mut random),
            random,
            exploration: 1.0,
            beta: 0.0,
            importance: IMPORTANCE,
            batch: Batch::new(&online),
            single: Pass::new(&online, 1),
            online,
        }
    }

    /// The network that acts.
    pub fn network(&self) -> &Network {
        &self.online
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Episode `episode` begins: less exploration, a tighter bottleneck.
    pub fn begin(&mut self, episode: u32) {
        let settings = &self.settings;
        self.exploration = power(settings.exploration_decay, episode);
        self.beta = narrow(settings.beta_rate * f64::from(episode));
        let progress = narrow(f64::from(episode) / f64::from(settings.episodes.max(1)));
        self.importance = IMPORTANCE + (1.0 - IMPORTANCE) * progress.min(1.0);
    }

    /// Level and message for `features`: the best known, or a random one while exploring.
    ///
    /// # Panics
    /// There are more or fewer features than inputs.
    pub fn decide(&mut self, features: &[f32]) -> (usize, usize) {
        self.single.input_mut(0).copy_from_slice(features);
        self.online.forward(None, &mut self.single);
        let (levels, messages) = self.single.values(0).split_at(LEVELS);
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
    ///
    /// # Panics
    /// It has another number of features than the network has inputs.
    #[allow(clippy::needless_pass_by_value, reason = "a transition is made for this call")]
    pub fn learn(&mut self, transition: Transition<impl AsRef<[f32]>>) {
        self.replay.push(&transition);
        if self.replay.len() >= ROWS {
            self.update();
        }
    }

    fn update(&mut self) {
        self.draw();
        self.look_ahead();
        self.online.forward(Some(&mut self.noise), &mut self.batch.before);
        self.compare();
        let Batch { before, of_values, draws, errors, .. } = &self.batch;
        self.backward.gather(&self.online, before, of_values, self.beta);
        self.backward.descend(&mut self.online, RATE, (BATCH as f32).recip());
        for (draw, error) in draws.iter().zip(errors) {
            self.replay.learnt(draw.place, *error);
        }
        if self.backward.steps().is_multiple_of(TARGET_UPDATES) {
            self.target.copy_weights(&self.online);
        }
    }

    /// Draws transitions and lays out their features.
    fn draw(&mut self) {
        for (row, stratum) in (0..BATCH).enumerate() {
            let draw = self.replay.draw(stratum, BATCH, self.importance, &mut self.random);
            let transition = self.replay.at(draw.place);
            self.batch.before.input_mut(row).copy_from_slice(transition.before);
            self.batch.after.input_mut(row).copy_from_slice(transition.after);
            self.batch.draws[row] = draw;
        }
    }

    /// What the values of the level and the message should have been: reward, and what the target network gives for the
    /// choice of the acting one (double Q learning).
    fn look_ahead(&mut self) {
        let mut choices = [(0, 0); ROWS];
        self.online.forward(None, &mut self.batch.after);
        for (row, choice) in choices.iter_mut().enumerate() {
            let (levels, messages) = self.batch.after.values(row).split_at(LEVELS);
            *choice = (greatest(levels), LEVELS + greatest(messages));
        }
        self.target.forward(None, &mut self.batch.after);
        for (row, (level, message)) in choices.into_iter().enumerate() {
            let transition = self.replay.at(self.batch.draws[row].place);
            let values = self.batch.after.values(row);
            let value = |index: usize| match values.get(index) {
                Some(value) if !transition.last => GAMMA * value,
                Some(_) | None => 0.0,
            };
            self.batch.goals[row] = (transition.reward + value(level), transition.reward + value(message));
        }
    }

    /// Writes the derivatives of the loss, and the errors of the levels.
    fn compare(&mut self) {
        let heaviest = self.batch.draws.iter().fold(f32::MIN_POSITIVE, |most, draw| most.max(draw.weight));
        let row_length = self.batch.of_values.len() / ROWS;
        self.batch.of_values.fill(0.0);
        for (row, of_values) in self.batch.of_values.chunks_exact_mut(row_length).enumerate() {
            let (draw, goals) = (self.batch.draws[row], self.batch.goals[row]);
            let transition = self.replay.at(draw.place);
            let values = self.batch.before.values(row);
            let weight = draw.weight / heaviest;
            let error = values[transition.level] - goals.0;
            of_values[transition.level] = weight * huber(error);
            if self.settings.messages > 0 {
                let message = LEVELS + transition.message;
                of_values[message] = weight * huber(values[message] - goals.1);
            }
            self.batch.errors[row] = error;
        }
    }
}

impl Stateful for Learner {
    fn store(&self, to: &mut Writer<'_>) {
        self.online.store(&mut to.part("online"));
        self.target.store(&mut to.part("target"));
        self.backward.store(&mut to.part("optimiser"));
        self.replay.store(&mut to.part("replay"));
        self.noise.store(&mut to.part("noise"));
        to.random("random", &self.random);
    }

    fn restore(&mut self, from: &mut Reader<'_>) -> Result<(), CheckpointError> {
        self.online.restore(&mut from.part("online"))?;
        self.target.restore(&mut from.part("target"))?;
        self.backward.restore(&mut from.part("optimiser"))?;
        self.replay.restore(&mut from.part("replay"))?;
        if !self.replay.is_within(LEVELS, self.settings.messages) {
            return Err(from.bad("replay", self.replay.len(), "choices that are each within the grid"));
        }
        self.noise.restore(&mut from.part("noise"))?;
        self.random = from.random("random")?;
        Ok(())
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
                let (before, after) = (features, features);
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

    #[test]
    fn a_learner_goes_on_from_its_checkpoint_bit_by_bit() {
        use crate::checkpoint::{Checkpoint, Kind};
        let goes_on = |learner: &mut Learner, from: u32| {
            for episode in from..from + 20 {
                learner.begin(episode);
                let (level, message) = learner.decide(&[0.5, 1.0]);
                let reward = level as f32 - message as f32;
                learner.learn(Transition {
                    before: [0.5, 1.0],
                    level,
                    message,
                    reward,
                    after: [1.0, reward],
                    last: episode % 7 == 0,
                });
            }
        };
        let mut learner = bandit(settings(Sampling::Prioritised, true));
        let mut file = Checkpoint::new(Kind::Training);
        file.store("learner", &learner);
        let file = Checkpoint::from_bytes(&file.to_bytes().unwrap()).unwrap();
        let mut other = Learner::new(settings(Sampling::Prioritised, true), 77);
        file.restore("learner", &mut other).unwrap();
        goes_on(&mut learner, 200);
        goes_on(&mut other, 200);
        let (mut one, mut two) = (Checkpoint::new(Kind::Training), Checkpoint::new(Kind::Training));
        one.store("", &learner);
        two.store("", &other);
        assert_eq!(one, two);
    }
}
