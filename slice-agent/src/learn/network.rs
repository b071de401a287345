//! The agent's network: 64 ReLU, then a layer of 32 that is either ReLU or a stochastic information bottleneck, then
//! the values of all levels and of all messages (source document, chapter 2.1.2).

use rand_distr::{Distribution, StandardNormal};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::dense::Dense;

/// Neurons of the first layer.
pub const HIDDEN: usize = 64;
/// Neurons of the second layer, the width of the bottleneck.
pub const WIDTH: usize = 32;

/// The bottleneck begins with little noise.
const LOG_VARIANCE_BIAS: f32 = -3.0;
/// Range of the logarithm of the variance.
const LOG_VARIANCE: (f32, f32) = (-8.0, 4.0);

/// What is in the middle.
#[derive(Debug, Clone, PartialEq)]
enum Middle {
    Relu(Dense),
    Bottleneck { mean: Dense, log_variance: Dense },
}

/// The network.
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    first: Dense,
    middle: Middle,
    heads: Dense,
}

/// What a pass through a network leaves for the way back.
#[derive(Debug, Clone)]
pub struct Pass {
    input: Vec<f32>,
    hidden: [f32; HIDDEN],
    mean: [f32; WIDTH],
    log_variance: [f32; WIDTH],
    noise: [f32; WIDTH],
    code: [f32; WIDTH],
    /// The values of all levels, then of all messages.
    pub values: Vec<f32>,
}

impl Pass {
    /// Room for passes through `network`.
    pub fn new(network: &Network) -> Pass {
        Pass {
            input: vec![0.0; network.first.inputs()],
            hidden: [0.0; HIDDEN],
            mean: [0.0; WIDTH],
            log_variance: [0.0; WIDTH],
            noise: [0.0; WIDTH],
            code: [0.0; WIDTH],
            values: vec![0.0; network.heads.outputs()],
        }
    }
}

impl Network {
    /// A network for `inputs` features and `outputs` values, with or without the bottleneck.
    pub fn new(inputs: usize, outputs: usize, bottleneck: bool, random: &mut Xoshiro256PlusPlus) -> Network {
        let first = Dense::new(inputs, HIDDEN, random);
        let mean = Dense::new(HIDDEN, WIDTH, random);
        let middle = if bottleneck {
            let mut log_variance = Dense::new(HIDDEN, WIDTH, random);
            log_variance.set_biases(LOG_VARIANCE_BIAS);
            Middle::Bottleneck { mean, log_variance }
        } else {
            Middle::Relu(mean)
        };
        Network { first, middle, heads: Dense::new(WIDTH, outputs, random) }
    }

    /// The layers by name.
    pub fn layers(&self) -> Vec<(&'static str, &Dense)> {
        let mut layers = vec![("first", &self.first)];
        match &self.middle {
            Middle::Relu(middle) => layers.push(("middle", middle)),
            Middle::Bottleneck { mean, log_variance } => {
                layers.extend([("mean", mean), ("log_variance", log_variance)]);
            }
        }
        layers.push(("heads", &self.heads));
        layers
    }

    /// The layers in the same order, to be changed.
    pub fn layers_mut(&mut self) -> Vec<&mut Dense> {
        match &mut self.middle {
            Middle::Relu(middle) => vec![&mut self.first, middle, &mut self.heads],
            Middle::Bottleneck { mean, log_variance } => {
                vec![&mut self.first, mean, log_variance, &mut self.heads]
            }
        }
    }

    /// Values of `input`; with `random` through a sample of the bottleneck, without through its mean.
    pub fn forward(&self, input: &[f32], random: Option<&mut Xoshiro256PlusPlus>, pass: &mut Pass) {
        pass.input.copy_from_slice(input);
        self.first.forward(input, &mut pass.hidden);
        pass.hidden.iter_mut().for_each(|h| *h = h.max(0.0));
        match &self.middle {
            Middle::Relu(middle) => {
                middle.forward(&pass.hidden, &mut pass.mean);
                pass.code.iter_mut().zip(&pass.mean).for_each(|(code, mean)| *code = mean.max(0.0));
            }
            Middle::Bottleneck { mean, log_variance } => {
                mean.forward(&pass.hidden, &mut pass.mean);
                log_variance.forward(&pass.hidden, &mut pass.log_variance);
                pass.noise.fill(0.0);
                if let Some(random) = random {
                    pass.noise.iter_mut().for_each(|noise| *noise = StandardNormal.sample(random));
                }
                sample(pass);
            }
        }
        self.heads.forward(&pass.code, &mut pass.values);
    }

    /// Adds the gradient of: a loss with derivative `of_values` by the values, plus `beta` times the mean divergence of
    /// the bottleneck's dimensions from a standard normal law.
    pub fn backward(&mut self, pass: &Pass, of_values: &[f32], beta: f32) {
        let (mut of_code, mut of_hidden) = ([0.0; WIDTH], [0.0; HIDDEN]);
        self.heads.backward(&pass.code, of_values, Some(&mut of_code));
        match &mut self.middle {
            Middle::Relu(middle) => {
                of_code
                    .iter_mut()
                    .zip(&pass.mean)
                    .filter(|(_, mean)| **mean <= 0.0)
                    .for_each(|(d, _)| *d = 0.0);
                middle.backward(&pass.hidden, &of_code, Some(&mut of_hidden));
            }
            Middle::Bottleneck { mean, log_variance } => {
                let (of_mean, of_log_variance) = through_the_bottleneck(pass, &of_code, beta);
                mean.backward(&pass.hidden, &of_mean, Some(&mut of_hidden));
                log_variance.backward(&pass.hidden, &of_log_variance, Some(&mut of_hidden));
            }
        }
        of_hidden.iter_mut().zip(&pass.hidden).filter(|(_, h)| **h <= 0.0).for_each(|(d, _)| *d = 0.0);
        self.first.backward(&pass.input, &of_hidden, None);
    }

    /// The mean divergence of the bottleneck's dimensions from a standard normal law, nat; 0 without a bottleneck.
    pub fn divergence(&self, pass: &Pass) -> f32 {
        if matches!(self.middle, Middle::Relu(_)) {
            return 0.0;
        }
        let of = |(mean, raw): (&f32, &f32)| {
            let log_variance = clamped(*raw);
            0.5 * (mean * mean + log_variance.exp() - 1.0 - log_variance)
        };
        pass.mean.iter().zip(&pass.log_variance).map(of).sum::<f32>() / WIDTH as f32
    }

    /// One step of Adam on all layers; `scale` is one over the number of passes since the last step.
    pub fn adam(&mut self, rate: f32, scale: f32, step: i32) {
        self.layers_mut().into_iter().for_each(|layer| layer.adam(rate, scale, step));
    }
}

fn clamped(log_variance: f32) -> f32 {
    log_variance.clamp(LOG_VARIANCE.0, LOG_VARIANCE.1)
}

fn sample(pass: &mut Pass) {
    for index in 0..WIDTH {
        let deviation = (0.5 * clamped(pass.log_variance[index])).exp();
        pass.code[index] = pass.mean[index] + deviation * pass.noise[index];
    }
}

fn through_the_bottleneck(pass: &Pass, of_code: &[f32; WIDTH], beta: f32) -> ([f32; WIDTH], [f32; WIDTH]) {
    let beta = beta / WIDTH as f32;
    let of_mean = std::array::from_fn(|index| of_code[index] + beta * pass.mean[index]);
    let of_log_variance = std::array::from_fn(|index| {
        let raw = pass.log_variance[index];
        let log_variance = clamped(raw);
        let by_sample = of_code[index] * pass.noise[index] * 0.5 * (0.5 * log_variance).exp();
        if raw == log_variance { by_sample + beta * 0.5 * (log_variance.exp() - 1.0) } else { 0.0 }
    });
    (of_mean, of_log_variance)
}

#[cfg(test)]
mod tests {
    use rand_xoshiro::rand_core::SeedableRng;

    use super::*;

    const INPUTS: usize = 10;
    const OUTPUTS: usize = 9;
    const BETA: f32 = 0.7;

    fn random(seed: u64) -> Xoshiro256PlusPlus {
        Xoshiro256PlusPlus::seed_from_u64(seed)
    }

    fn input() -> Vec<f32> {
        let mut random = random(9);
        (0..INPUTS).map(|_| StandardNormal.sample(&mut random)).collect()
    }

    /// Half the sum of squares of the values, plus the divergence: smooth but for ReLU.
    fn loss(network: &Network, pass: &mut Pass) -> f64 {
        network.forward(&input(), Some(&mut random(4)), pass);
        let squares = pass.values.iter().map(|value| 0.5 * f64::from(*value).powi(2)).sum::<f64>();
        squares + f64::from(BETA * network.divergence(pass))
    }

    fn difference(network: &mut Network, pass: &mut Pass, layer: usize, index: usize) -> f64 {
        const H: f32 = 1.0 / 512.0;
        let original = network.layers()[layer].1.values()[index];
        network.layers_mut()[layer].values_mut()[index] = original + H;
        let above = loss(network, pass);
        network.layers_mut()[layer].values_mut()[index] = original - H;
        let below = loss(network, pass);
        network.layers_mut()[layer].values_mut()[index] = original;
        (above - below) / f64::from(2.0 * H)
    }

    #[test]
    fn the_gradient_is_that_of_finite_differences() {
        for bottleneck in [false, true] {
            let mut network = Network::new(INPUTS, OUTPUTS, bottleneck, &mut random(2));
            let mut pass = Pass::new(&network);
            loss(&network, &mut pass);
            let of_values = pass.values.clone();
            network.backward(&pass, &of_values, BETA);
            for layer in 0..network.layers().len() {
                let gradient = network.layers()[layer].1.gradient().to_vec();
                let scale = gradient.iter().map(|g| f64::from(g.abs())).fold(0.0, f64::max);
                assert!(scale > 1e-3, "layer {layer} has no gradient");
                for index in (0..gradient.len()).step_by(7) {
                    let expected = difference(&mut network, &mut pass, layer, index);
                    let error = (f64::from(gradient[index]) - expected).abs();
                    assert!(
                        error < 0.01 * scale + 2e-4,
                        "{bottleneck} {layer} {index}: {error} of {expected}"
                    );
                }
            }
        }
    }

    #[test]
    fn the_bottleneck_is_deterministic_without_noise_and_not_with_it() {
        let network = Network::new(INPUTS, OUTPUTS, true, &mut random(2));
        let mut passes = [Pass::new(&network), Pass::new(&network)];
        passes.iter_mut().for_each(|pass| network.forward(&input(), None, pass));
        assert_eq!(passes[0].values, passes[1].values);
        network.forward(&input(), Some(&mut random(5)), &mut passes[1]);
        assert_ne!(passes[0].values, passes[1].values);
    }

    #[test]
    fn adam_learns_a_small_regression() {
        let mut network = Network::new(2, 1, false, &mut random(1));
        let mut pass = Pass::new(&network);
        let cases = [([0.0, 0.0], 0.0), ([0.0, 1.0], 1.0), ([1.0, 0.0], 1.0), ([1.0, 1.0], 0.0)];
        for step in 1..=1_500 {
            for (input, wanted) in &cases {
                network.forward(input, None, &mut pass);
                let error = pass.values[0] - wanted;
                network.backward(&pass, &[error], 0.0);
            }
            network.adam(5e-3, 0.25, step);
        }
        for (input, wanted) in &cases {
            network.forward(input, None, &mut pass);
            assert!((pass.values[0] - wanted).abs() < 0.05, "{input:?}: {}", pass.values[0]);
        }
    }
}
