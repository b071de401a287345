//! Trained agents that act: no allocation, no dependency, no standard library.
//!
//! An [`Agent`] is read from a checkpoint of weights ([`Agent::read`]) into memory of the caller and decides in less than
//! a microsecond. Its sums have the order of the training's, so it decides to the last bit as the learner did. With the
//! [`crate::arbiter`] between it and the machine it can do no harm, whatever it claims.
//!
//! The file is safetensors with `first` (64 ReLU), `mean` (the bottleneck's) or `middle` (ReLU) and `heads`, each with a
//! `weight` of shape (outputs, inputs) and a `bias`, in single precision: what PyTorch calls `nn.Linear`. Other tensors
//! are ignored. The values of the heads are those of the five levels, then those of the messages.

mod error;
mod file;

pub use error::InferError;
use file::{File, Linear};

/// Levels that an agent chooses from.
pub const LEVELS: usize = 5;
/// Widest layer that an agent may have.
pub const MAX_WIDTH: usize = 256;

/// What an agent decides.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Decision {
    /// Index of the level: the claim, as a part of the own share.
    pub level: usize,
    /// Message to the other agents; 0 if it says nothing.
    pub message: usize,
}

/// A layer in the caller's memory: weights input by input, then the biases.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Layer<'a> {
    inputs: usize,
    outputs: usize,
    values: &'a [f32],
}

/// A trained agent.
///
/// ```
/// use slice_agent::infer::Agent;
///
/// # fn main() -> Result<(), slice_agent::infer::InferError> {
/// let file = include_bytes!("../../tests/vectors/agent.safetensors");
/// let mut memory = [0.0; 5_000];
/// let agent = Agent::read(file, &mut memory)?;
/// let decision = agent.act(&[0.1; 16], None)?;
/// assert!(decision.level < 5 && decision.message < agent.messages());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Agent<'a> {
    first: Layer<'a>,
    middle: Layer<'a>,
    /// The middle is a ReLU and not the mean of a bottleneck.
    rectified: bool,
    heads: Layer<'a>,
}

impl<'a> Agent<'a> {
    /// Numbers of memory that the agent in `file` needs.
    ///
    /// # Errors
    /// The file is cut off, or holds no agent.
    pub fn memory(file: &[u8]) -> Result<usize, InferError> {
        let layers = Layers::of(&File::parse(file)?)?;
        Ok([layers.first, layers.middle, layers.heads].iter().map(Linear::numbers).sum())
    }

    /// Reads the agent in `file` into `memory`, which must have [`Agent::memory`] places.
    ///
    /// # Errors
    /// The file is cut off, holds no agent or numbers that are not finite, or the memory is too small.
    pub fn read(file: &[u8], memory: &'a mut [f32]) -> Result<Agent<'a>, InferError> {
        let layers = Layers::of(&File::parse(file)?)?;
        let needed = Agent::memory(file)?;
        if memory.len() < needed {
            return Err(InferError::Memory { found: memory.len(), needed });
        }
        let (first, memory) = layers.first.read(memory)?;
        let (middle, memory) = layers.middle.read(memory)?;
        let (heads, _) = layers.heads.read(memory)?;
        Ok(Agent { first, middle, rectified: layers.rectified, heads })
    }

    /// Features of an observation.
    pub fn features(&self) -> usize {
        self.first.inputs
    }

    /// Messages that it can send; 0 for an agent without messages.
    pub fn messages(&self) -> usize {
        self.heads.outputs - LEVELS
    }

    /// Writes the values of all levels and messages for `observation`; returns how many there are.
    ///
    /// # Errors
    /// The observation has the wrong length or a number that is not finite, or `values` is too short.
    pub fn values(&self, observation: &[f32], values: &mut [f32]) -> Result<usize, InferError> {
        if observation.len() != self.first.inputs {
            return Err(InferError::Features { found: observation.len(), wanted: self.first.inputs });
        }
        if let Some(index) = observation.iter().position(|feature| !feature.is_finite()) {
            return Err(InferError::NotFinite { index });
        }
        let outputs = self.heads.outputs;
        let found = values.len();
        let Some(values) = values.get_mut(..outputs) else {
            return Err(InferError::Memory { found, needed: outputs });
        };
        let (mut hidden, mut code) = ([0.0; MAX_WIDTH], [0.0; MAX_WIDTH]);
        let hidden = &mut hidden[..self.first.outputs];
        let code = &mut code[..self.middle.outputs];
        self.first.forward(observation, hidden);
        rectify(hidden);
        self.middle.forward(hidden, code);
        if self.rectified {
            rectify(code);
        }
        self.heads.forward(code, values);
        Ok(outputs)
    }

    /// The best level and message for `observation`; of the levels those that `mask` allows, if there is one.
    ///
    /// # Errors
    /// The observation has the wrong length or a number that is not finite, or the mask allows nothing.
    pub fn act(&self, observation: &[f32], mask: Option<&[bool; LEVELS]>) -> Result<Decision, InferError> {
        let mut values = [0.0; MAX_WIDTH];
        let count = self.values(observation, &mut values)?;
        let (levels, messages) = values[..count].split_at(LEVELS);
        let allowed = |level: usize| mask.is_none_or(|mask| mask[level]);
        let level = greatest(levels, allowed).ok_or(InferError::NothingAllowed)?;
        Ok(Decision { level, message: greatest(messages, |_| true).unwrap_or(0) })
    }
}

/// The layers of an agent in a file.
struct Layers<'f> {
    first: Linear<'f>,
    middle: Linear<'f>,
    rectified: bool,
    heads: Linear<'f>,
}

impl<'f> Layers<'f> {
    fn of(file: &File<'f>) -> Result<Layers<'f>, InferError> {
        let first = file.linear("first.weight", "first.bias")?;
        let rectified = !file.has("mean.weight");
        let middle = match rectified {
            true => file.linear("middle.weight", "middle.bias")?,
            false => file.linear("mean.weight", "mean.bias")?,
        };
        let heads = file.linear("heads.weight", "heads.bias")?;
        let fits =
            first.outputs == middle.inputs && middle.outputs == heads.inputs && heads.outputs >= LEVELS;
        let layers = [&first, &middle, &heads];
        let wide = layers.iter().any(|layer| layer.outputs > MAX_WIDTH || layer.inputs == 0);
        if !fits || wide { Err(InferError::Shapes) } else { Ok(Layers { first, middle, rectified, heads }) }
    }
}

impl Layer<'_> {
    /// y = x W + b, each sum from the bias on in the order of the inputs.
    fn forward(&self, x: &[f32], y: &mut [f32]) {
        let (weights, biases) = self.values.split_at(self.inputs * self.outputs);
        y.copy_from_slice(biases);
        for (x, row) in x.iter().zip(weights.chunks_exact(self.outputs)) {
            for (y, weight) in y.iter_mut().zip(row) {
                *y += x * weight;
            }
        }
    }
}

fn rectify(values: &mut [f32]) {
    values.iter_mut().for_each(|value| *value = value.max(0.0));
}

/// Index of the greatest allowed value; the first of equal ones.
fn greatest(values: &[f32], allowed: impl Fn(usize) -> bool) -> Option<usize> {
    let mut best: Option<(usize, f32)> = None;
    for (index, value) in values.iter().enumerate().filter(|(index, _)| allowed(*index)) {
        if best.is_none_or(|(_, most)| *value > most) {
            best = Some((index, *value));
        }
    }
    best.map(|(index, _)| index)
}

#[cfg(all(test, feature = "train"))]
mod tests;
