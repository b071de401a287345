//! The agent's network: 64 ReLU, then a layer of 32 that is either ReLU or a stochastic information bottleneck, then
//! the values of all levels and of all messages (source document, chapter 2.1.2). Agents of other learners may have
//! another number of ReLUs in the second layer.

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;

use super::dense::{Dense, Descent};
use super::noise::Noise;
use crate::checkpoint::{Checkpoint, CheckpointError, Reader, Stateful, Writer};
use crate::math;
use crate::simd::{Kernel, dispatch};

/// Neurons of the first layer.
pub const HIDDEN: usize = 64;
/// Neurons of the second layer of the source document's agents, the width of the bottleneck.
pub const WIDTH: usize = 32;

/// The bottleneck begins with little noise.
const LOG_VARIANCE_BIAS: f32 = -3.0;
/// Range of the logarithm of the variance.
const LOG_VARIANCE: (f32, f32) = (-8.0, 4.0);

/// The network.
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    first: Dense,
    /// With a bottleneck [`WIDTH`] means, then as many logarithms of variances.
    middle: Dense,
    bottleneck: bool,
    /// Neurons of the second layer.
    width: usize,
    heads: Dense,
}

/// What a pass of a batch through a network leaves for the way back.
#[derive(Debug, Clone)]
pub struct Pass {
    batch: usize,
    input: Vec<f32>,
    hidden: Vec<f32>,
    middle: Vec<f32>,
    noise: Vec<f32>,
    code: Vec<f32>,
    values: Vec<f32>,
    row: usize,
    outputs: usize,
}

impl Pass {
    /// Room for passes of `batch` rows through `network`.
    pub fn new(network: &Network, batch: usize) -> Pass {
        Pass {
            batch,
            input: vec![0.0; batch * network.first.inputs()],
            hidden: vec![0.0; batch * HIDDEN],
            middle: vec![0.0; batch * network.middle.row()],
            noise: vec![0.0; batch * network.width],
            code: vec![0.0; batch * network.width],
            values: vec![0.0; batch * network.heads.row()],
            row: network.heads.row(),
            outputs: network.heads.outputs(),
        }
    }

    /// The input's row number `row`, to be filled before the pass.
    pub fn input_mut(&mut self, row: usize) -> &mut [f32] {
        let inputs = self.input.len() / self.batch;
        &mut self.input[row * inputs..(row + 1) * inputs]
    }

    /// All input rows.
    pub fn inputs(&self) -> &[f32] {
        &self.input
    }

    /// The values of the row number `row`: of all levels, then of all messages.
    pub fn values(&self, row: usize) -> &[f32] {
        &self.values[row * self.row..][..self.outputs]
    }
}

impl Network {
    /// A network for `inputs` features and `outputs` values, with or without the bottleneck.
    pub fn new(inputs: usize, outputs: usize, bottleneck: bool, random: &mut Xoshiro256PlusPlus) -> Network {
        if !bottleneck {
            return Network::plain(inputs, WIDTH, outputs, random);
        }
        let first = Dense::new(inputs, HIDDEN, random);
        let mut middle = Dense::new(HIDDEN, 2 * WIDTH, random);
        for output in WIDTH..middle.outputs() {
            *middle.value_mut(HIDDEN, output) = LOG_VARIANCE_BIAS;
        }
        Network { first, middle, bottleneck, width: WIDTH, heads: Dense::new(WIDTH, outputs, random) }
    }

    /// A network without bottleneck whose second layer has `width` neurons.
    pub fn plain(inputs: usize, width: usize, outputs: usize, random: &mut Xoshiro256PlusPlus) -> Network {
        let first = Dense::new(inputs, HIDDEN, random);
        let middle = Dense::new(HIDDEN, width, random);
        Network { first, middle, bottleneck: false, width, heads: Dense::new(width, outputs, random) }
    }

    /// The network of three layers with ReLU between them, each as weights (input by input, as many as it has outputs) and
    /// then biases; none if they do not fit together.
    pub fn of_layers(layers: [&[f32]; 3], inputs: usize, width: usize, outputs: usize) -> Option<Network> {
        let mut network = Network::plain(inputs, width, outputs, &mut Xoshiro256PlusPlus::seed_from_u64(0));
        let parts =
            [(&mut network.first, HIDDEN), (&mut network.middle, width), (&mut network.heads, outputs)];
        for ((layer, outputs), values) in parts.into_iter().zip(layers) {
            if values.len() != (layer.inputs() + 1) * outputs {
                return None;
            }
            for (index, value) in values.iter().enumerate() {
                *layer.value_mut(index / outputs, index % outputs) = *value;
            }
        }
        Some(network)
    }

    /// The network in a file of weights, whose shapes say how large it is.
    ///
    /// # Errors
    /// The file holds no network of this kind.
    pub fn from_checkpoint(file: &Checkpoint) -> Result<Network, CheckpointError> {
        Network::from_part(file, "")
    }

    /// The network below `part` of a file; the whole file if that is empty.
    ///
    /// # Errors
    /// There is no network of this kind.
    pub fn from_part(file: &Checkpoint, part: &str) -> Result<Network, CheckpointError> {
        let prefix = if part.is_empty() { String::new() } else { format!("{part}.") };
        let shape = |name: &str| matrix(file, format!("{prefix}{name}"));
        let bottleneck = file.tensors().any(|(name, _)| name == format!("{prefix}mean.weight"));
        let middle = if bottleneck { "mean.weight" } else { "middle.weight" };
        let [first, second, heads] = [shape("first.weight")?, shape(middle)?, shape("heads.weight")?];
        let (inputs, width, outputs) = (first.1, if bottleneck { WIDTH } else { second.0 }, heads.0);
        if outputs < crate::env::LEVELS {
            return Err(CheckpointError::BadValue {
                name: format!("{prefix}heads.weight"),
                value: format!("{outputs} values"),
                rule: "one for each level, then one for each message",
            });
        }
        // Before anything is made as large as the file says.
        let wanted = [(HIDDEN, inputs), (width, HIDDEN), (outputs, width)];
        let named = ["first.weight", middle, "heads.weight"].into_iter().zip([first, second, heads]);
        if let Some(((name, found), wanted)) = named.zip(wanted).find(|((_, found), wanted)| found != wanted)
        {
            let outline = |(rows, columns)| format!("F32 [{rows}, {columns}]");
            let (name, found, wanted) = (format!("{prefix}{name}"), outline(found), outline(wanted));
            return Err(CheckpointError::OtherShape { name, found, wanted });
        }
        let mut random = Xoshiro256PlusPlus::seed_from_u64(0);
        let mut network = match bottleneck {
            true => Network::new(inputs, outputs, true, &mut random),
            false => Network::plain(inputs, width, outputs, &mut random),
        };
        file.restore(part, &mut network)?;
        Ok(network)
    }

    /// Takes over the weights of a network of the same shape.
    pub fn copy_weights(&mut self, from: &Network) {
        self.first.copy_weights(&from.first);
        self.middle.copy_weights(&from.middle);
        self.heads.copy_weights(&from.heads);
    }

    /// Number of features.
    pub fn inputs(&self) -> usize {
        self.first.inputs()
    }

    /// Number of values.
    pub fn outputs(&self) -> usize {
        self.heads.outputs()
    }

    /// Whether the middle is a bottleneck.
    pub fn has_bottleneck(&self) -> bool {
        self.bottleneck
    }

    /// Values of the pass's input; with `noise` through a sample of the bottleneck, without through its mean.
    pub fn forward(&self, noise: Option<&mut Noise>, pass: &mut Pass) {
        self.first.forward(&pass.input, HIDDEN, &mut pass.hidden);
        dispatch(Relu { values: &mut pass.hidden });
        let width = if noise.is_some() { self.middle.outputs() } else { self.width };
        self.middle.forward(&pass.hidden, width, &mut pass.middle);
        match noise {
            Some(noise) if self.bottleneck => {
                noise.fill(&mut pass.noise);
                dispatch(Sample { middle: &pass.middle, noise: &pass.noise, code: &mut pass.code });
            }
            Some(_) | None => self.take_means(pass),
        }
        self.heads.forward(&pass.code, self.heads.outputs(), &mut pass.values);
    }

    fn take_means(&self, pass: &mut Pass) {
        let rows = pass.middle.chunks_exact(self.middle.row());
        for (code, middle) in pass.code.chunks_exact_mut(self.width).zip(rows) {
            code.copy_from_slice(&middle[..self.width]);
        }
        if !self.bottleneck {
            dispatch(Relu { values: &mut pass.code });
        }
    }

    /// The mean divergence of the bottleneck's dimensions from a standard normal law, nat, in the mean of the batch
    /// that passed with noise; 0 without a bottleneck.
    pub fn divergence(&self, pass: &Pass) -> f32 {
        if !self.bottleneck {
            return 0.0;
        }
        let mut sum = 0.0;
        for row in pass.middle.chunks_exact(2 * WIDTH) {
            for (mean, raw) in row[..WIDTH].iter().zip(&row[WIDTH..]) {
                let log_variance = clamped(*raw);
                sum += 0.5 * (mean * mean + math::expf(log_variance) - 1.0 - log_variance);
            }
        }
        sum / pass.middle.len() as f32 * 2.0
    }
}

/// Rows and columns of a tensor of a file, at least one of each.
fn matrix(file: &Checkpoint, name: String) -> Result<(usize, usize), CheckpointError> {
    let Some((_, tensor)) = file.tensors().find(|(known, _)| *known == name) else {
        return Err(CheckpointError::Missing(name));
    };
    match *tensor.shape() {
        [rows, columns] if rows > 0 && columns > 0 => Ok((rows, columns)),
        _ => Err(CheckpointError::OtherShape {
            name,
            found: tensor.outline(),
            wanted: "F32 matrix with at least a row and a column".to_owned(),
        }),
    }
}

impl Stateful for Network {
    fn store(&self, to: &mut Writer<'_>) {
        self.first.store_part("first", 0..HIDDEN, to);
        if self.bottleneck {
            self.middle.store_part("mean", 0..WIDTH, to);
            self.middle.store_part("log_variance", WIDTH..2 * WIDTH, to);
        } else {
            self.middle.store_part("middle", 0..self.width, to);
        }
        self.heads.store_part("heads", 0..self.heads.outputs(), to);
    }

    fn restore(&mut self, from: &mut Reader<'_>) -> Result<(), CheckpointError> {
        self.first.restore_part("first", 0..HIDDEN, from)?;
        if self.bottleneck {
            self.middle.restore_part("mean", 0..WIDTH, from)?;
            self.middle.restore_part("log_variance", WIDTH..2 * WIDTH, from)?;
        } else {
            self.middle.restore_part("middle", 0..self.width, from)?;
        }
        self.heads.restore_part("heads", 0..self.heads.outputs(), from)
    }
}

/// The way back through a network, and its optimiser.
#[derive(Debug, Clone, PartialEq)]
pub struct Backward {
    first: Descent,
    middle: Descent,
    heads: Descent,
    of_hidden: Vec<f32>,
    of_middle: Vec<f32>,
    of_code: Vec<f32>,
    steps: u32,
}

impl Backward {
    /// The way back of batches of `batch` rows through `network`.
    pub fn new(network: &Network, batch: usize) -> Backward {
        Backward {
            first: Descent::new(&network.first),
            middle: Descent::new(&network.middle),
            heads: Descent::new(&network.heads),
            of_hidden: vec![0.0; batch * HIDDEN],
            of_middle: vec![0.0; batch * network.middle.row()],
            of_code: vec![0.0; batch * network.width],
            steps: 0,
        }
    }

    /// Steps done.
    pub fn steps(&self) -> u32 {
        self.steps
    }

    /// Gradients of the layers, in the order of the network: each as its weights lie.
    pub fn gradients(&self) -> [&[f32]; 3] {
        [self.first.gradient(), self.middle.gradient(), self.heads.gradient()]
    }

    /// Computes the gradient of: a loss with derivative `of_values` by the values of the pass (rows padded as the
    /// heads' are), plus for each row `beta` times the mean divergence of the bottleneck's dimensions.
    pub fn gather(&mut self, network: &Network, pass: &Pass, of_values: &[f32], beta: f32) {
        self.heads.gather(&network.heads, &pass.code, of_values);
        self.heads.back(&network.heads, of_values, &mut self.of_code);
        if network.bottleneck {
            let (middle, noise) = (&pass.middle, &pass.noise);
            let (of_code, of_middle) = (&self.of_code, &mut self.of_middle);
            dispatch(OfBottleneck { middle, noise, of_code, beta: beta / WIDTH as f32, of_middle });
        } else {
            self.of_middle.copy_from_slice(&self.of_code);
            dispatch(OfRelu { values: &pass.code, gradient: &mut self.of_middle });
        }
        self.middle.gather(&network.middle, &pass.hidden, &self.of_middle);
        self.middle.back(&network.middle, &self.of_middle, &mut self.of_hidden);
        dispatch(OfRelu { values: &pass.hidden, gradient: &mut self.of_hidden });
        self.first.gather(&network.first, &pass.input, &self.of_hidden);
    }

    /// One step of Adam down the gradient times `scale`.
    pub fn descend(&mut self, network: &mut Network, rate: f32, scale: f32) {
        self.steps = self.steps.saturating_add(1);
        self.first.adam(&mut network.first, rate, scale, self.steps);
        self.middle.adam(&mut network.middle, rate, scale, self.steps);
        self.heads.adam(&mut network.heads, rate, scale, self.steps);
    }
}

impl Stateful for Backward {
    fn store(&self, to: &mut Writer<'_>) {
        self.first.store(&mut to.part("first"));
        self.middle.store(&mut to.part("middle"));
        self.heads.store(&mut to.part("heads"));
        to.put("steps", self.steps);
    }

    fn restore(&mut self, from: &mut Reader<'_>) -> Result<(), CheckpointError> {
        self.first.restore(&mut from.part("first"))?;
        self.middle.restore(&mut from.part("middle"))?;
        self.heads.restore(&mut from.part("heads"))?;
        self.steps = from.take("steps")?;
        Ok(())
    }
}

#[inline(always)]
fn clamped(log_variance: f32) -> f32 {
    log_variance.clamp(LOG_VARIANCE.0, LOG_VARIANCE.1)
}

struct Relu<'a> {
    values: &'a mut [f32],
}

impl Kernel for Relu<'_> {
    #[inline(always)]
    fn run(self) {
        self.values.iter_mut().for_each(|value| *value = value.max(0.0));
    }
}

struct OfRelu<'a> {
    values: &'a [f32],
    gradient: &'a mut [f32],
}

impl Kernel for OfRelu<'_> {
    #[inline(always)]
    fn run(self) {
        for (gradient, value) in self.gradient.iter_mut().zip(self.values) {
            *gradient = if *value > 0.0 { *gradient } else { 0.0 };
        }
    }
}

struct Sample<'a> {
    middle: &'a [f32],
    noise: &'a [f32],
    code: &'a mut [f32],
}

impl Kernel for Sample<'_> {
    #[inline(always)]
    fn run(self) {
        let rows = self.middle.chunks_exact(2 * WIDTH).zip(self.noise.chunks_exact(WIDTH));
        for (code, (middle, noise)) in self.code.chunks_exact_mut(WIDTH).zip(rows) {
            let (mean, raw) = middle.split_at(WIDTH);
            for index in 0..WIDTH {
                code[index] = mean[index] + math::expf(0.5 * clamped(raw[index])) * noise[index];
            }
        }
    }
}

struct OfBottleneck<'a> {
    middle: &'a [f32],
    noise: &'a [f32],
    of_code: &'a [f32],
    beta: f32,
    of_middle: &'a mut [f32],
}

impl Kernel for OfBottleneck<'_> {
    #[inline(always)]
    fn run(self) {
        let rows = self.middle.chunks_exact(2 * WIDTH).zip(self.noise.chunks_exact(WIDTH));
        let rows = rows.zip(self.of_code.chunks_exact(WIDTH));
        for (of_middle, ((middle, noise), of_code)) in self.of_middle.chunks_exact_mut(2 * WIDTH).zip(rows) {
            let ((mean, raw), (of_mean, of_raw)) = (middle.split_at(WIDTH), of_middle.split_at_mut(WIDTH));
            for index in 0..WIDTH {
                of_mean[index] = of_code[index] + self.beta * mean[index];
                let log_variance = clamped(raw[index]);
                let deviation = math::expf(0.5 * log_variance);
                let of_sample = of_code[index] * noise[index] * 0.5 * deviation;
                let of_divergence = self.beta * 0.5 * (deviation * deviation - 1.0);
                let is_inside = raw[index] == log_variance;
                of_raw[index] = if is_inside { of_sample + of_divergence } else { 0.0 };
            }
        }
    }
}

#[cfg(test)]
mod tests;
