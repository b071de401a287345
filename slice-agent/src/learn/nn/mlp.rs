//! Layers with ReLU between them.

use rand_xoshiro::Xoshiro256PlusPlus;

use super::layer::Layer;
use super::real::Real;
use super::{Layers, real};
use crate::learn::network::Network;

/// A network: ReLU after each layer but the last.
#[derive(Debug, Clone, PartialEq)]
pub struct Mlp<R> {
    layers: Vec<Layer<R>>,
}

/// What a pass leaves for the way back, and where the way back leaves its gradients.
#[derive(Debug, Clone, Default)]
pub struct Tape<R> {
    /// The input, then what each layer gives.
    values: Vec<Vec<R>>,
    /// The derivatives by the input of each layer.
    gradients: Vec<Vec<R>>,
}

impl<R: Real> Tape<R> {
    /// An empty one.
    pub fn new() -> Tape<R> {
        Tape { values: Vec::new(), gradients: Vec::new() }
    }

    /// What the last pass gave, row by row.
    pub fn output(&self) -> &[R] {
        self.values.last().map_or(&[], Vec::as_slice)
    }

    /// The derivatives by the input after a way back that wanted them.
    pub fn input_gradient(&self) -> &[R] {
        self.gradients.first().map_or(&[], Vec::as_slice)
    }
}

impl<R: Real> Mlp<R> {
    /// A network of these widths, from input to output.
    pub fn new(widths: &[usize], random: &mut Xoshiro256PlusPlus) -> Mlp<R> {
        Mlp { layers: widths.windows(2).map(|pair| Layer::new(pair[0], pair[1], random)).collect() }
    }

    /// The same with a last layer that begins near zero, as policies should.
    pub fn with_calm_head(widths: &[usize], random: &mut Xoshiro256PlusPlus) -> Mlp<R> {
        let mut mlp = Mlp::new(widths, random);
        if let Some(head) = mlp.layers.last_mut() {
            head.scale(real(0.01));
        }
        mlp
    }

    /// Takes over the weights of a network of the same widths.
    pub fn copy_weights(&mut self, from: &Mlp<R>) {
        self.layers.iter_mut().zip(&from.layers).for_each(|(layer, from)| layer.copy_weights(from));
    }

    /// Replaces the last layer by one of `outputs` values, each row of whose weights and whose biases `map` makes of the old
    /// ones.
    pub fn map_head(&mut self, outputs: usize, map: impl FnMut(&[R], &mut [R])) {
        if let Some(head) = self.layers.last_mut() {
            *head = head.mapped(outputs, map);
        }
    }

    /// Values for the rows of `input`.
    pub fn forward<'t>(&self, input: &[R], tape: &'t mut Tape<R>) -> &'t [R] {
        tape.values.resize_with(self.layers.len() + 1, Vec::new);
        tape.values[0].clear();
        tape.values[0].extend_from_slice(input);
        for (index, layer) in self.layers.iter().enumerate() {
            let (before, after) = tape.values.split_at_mut(index + 1);
            layer.forward(&before[index], &mut after[0]);
            if index + 1 < self.layers.len() {
                after[0].iter_mut().for_each(|value| *value = value.max(R::zero()));
            }
        }
        tape.output()
    }

    /// Adds the gradient of a loss with derivative `dy` by the output of the pass on `tape`; with `to_input` the tape
    /// then has its derivative by the input.
    pub fn backward(&mut self, tape: &mut Tape<R>, dy: &[R], to_input: bool) {
        tape.gradients.resize_with(self.layers.len() + 1, Vec::new);
        let last = self.layers.len();
        tape.gradients[last].clear();
        tape.gradients[last].extend_from_slice(dy);
        for (index, layer) in self.layers.iter_mut().enumerate().rev() {
            let (before, after) = tape.gradients.split_at_mut(index + 1);
            let wanted = (index > 0 || to_input).then_some(&mut before[index]);
            layer.backward(&tape.values[index], &after[0], wanted);
            if index > 0 {
                let dead =
                    before[index].iter_mut().zip(&tape.values[index]).filter(|(_, v)| **v <= R::zero());
                dead.for_each(|(gradient, _)| *gradient = R::zero());
            }
        }
    }
}

impl Mlp<f32> {
    /// The same as an agent's network, if it has its three layers; both give the same values to the last bit.
    pub fn network(&self) -> Option<Network> {
        let [first, middle, heads] = self.layers.as_slice() else { return None };
        Network::of_layers(
            [first.values(), middle.values(), heads.values()],
            first.inputs(),
            middle.outputs(),
            heads.outputs(),
        )
    }
}

impl<R: Real> Layers<R> for Mlp<R> {
    fn layers(&self) -> Vec<(String, &Layer<R>)> {
        self.layers.iter().enumerate().map(|(index, layer)| (index.to_string(), layer)).collect()
    }

    fn each_mut(&mut self, visit: &mut dyn FnMut(&mut Layer<R>)) {
        self.layers.iter_mut().for_each(visit);
    }
}

#[cfg(test)]
mod tests {
    use rand_xoshiro::rand_core::SeedableRng;

    use super::*;
    use crate::learn::nn::check;

    #[test]
    fn the_gradient_is_that_of_finite_differences() {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(3);
        let mut mlp = Mlp::<f64>::new(&[5, 17, 8, 3], &mut random);
        let input = check::normal(4 * 5, &mut random);
        let loss = |mlp: &mut Mlp<f64>, descend: bool| {
            let mut tape = Tape::new();
            let output = mlp.forward(&input, &mut tape).to_vec();
            if descend {
                mlp.backward(&mut tape, &output, false);
            }
            output.iter().map(|value| 0.5 * value * value).sum()
        };
        check::gradient(&mut mlp, loss);
    }

    #[test]
    fn the_gradient_by_the_input_is_that_of_finite_differences() {
        const H: f64 = 1e-6;
        let mut random = Xoshiro256PlusPlus::seed_from_u64(3);
        let mut mlp = Mlp::<f64>::new(&[5, 17, 3], &mut random);
        let mut input = check::normal(2 * 5, &mut random);
        let mut tape = Tape::new();
        let output = mlp.forward(&input, &mut tape).to_vec();
        mlp.backward(&mut tape, &output, true);
        let gradient = tape.input_gradient().to_vec();
        let loss = |input: &[f64]| {
            mlp.forward(input, &mut Tape::new()).iter().map(|value| 0.5 * value * value).sum::<f64>()
        };
        for index in 0..input.len() {
            let original = input[index];
            input[index] = original + H;
            let above = loss(&input);
            input[index] = original - H;
            let expected = (above - loss(&input)) / (2.0 * H);
            input[index] = original;
            assert!((gradient[index] - expected).abs() < 1e-7, "{index}: {} {expected}", gradient[index]);
        }
    }
}
