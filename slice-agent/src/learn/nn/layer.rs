//! A fully connected layer for batches, with its gradient and Adam's moments.

use rand_distr::{Distribution, StandardUniform};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::product::{Matrix, Product, transposed};
use super::real::{Real, real};

/// Y = X W + b for rows of X. Weights lie input by input, then come the biases.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer<R> {
    inputs: usize,
    outputs: usize,
    pub(super) values: Vec<R>,
    pub(super) gradient: Vec<R>,
    pub(super) first_moment: Vec<R>,
    pub(super) second_moment: Vec<R>,
    /// Memory of the way back: the weights output by output.
    turned: Vec<R>,
}

impl<R: Real> Layer<R> {
    /// A layer with weights and biases uniform in ±1/sqrt(inputs).
    pub fn new(inputs: usize, outputs: usize, random: &mut Xoshiro256PlusPlus) -> Layer<R> {
        let (inputs, outputs) = (inputs.max(1), outputs.max(1));
        let bound = (inputs as f64).sqrt().recip();
        let count = (inputs + 1) * outputs;
        let uniform = |_| {
            let chance: f64 = StandardUniform.sample(random);
            real((2.0 * chance - 1.0) * bound)
        };
        let values = (0..count).map(uniform).collect();
        let zeros = || vec![R::zero(); count];
        Layer {
            inputs,
            outputs,
            values,
            gradient: zeros(),
            first_moment: zeros(),
            second_moment: zeros(),
            turned: Vec::new(),
        }
    }

    /// Number of inputs.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Number of outputs.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Weights (input by input), then biases.
    pub fn values(&self) -> &[R] {
        &self.values
    }

    /// The same, to be changed.
    pub fn values_mut(&mut self) -> &mut [R] {
        &mut self.values
    }

    /// The sum of gradients since the last step of the optimiser.
    pub fn gradient(&self) -> &[R] {
        &self.gradient
    }

    /// Adam's first and second moments.
    pub fn moments(&self) -> (&[R], &[R]) {
        (&self.first_moment, &self.second_moment)
    }

    /// The same, to be changed.
    pub fn moments_mut(&mut self) -> (&mut [R], &mut [R]) {
        (&mut self.first_moment, &mut self.second_moment)
    }

    /// Multiplies weights and biases, for heads that begin near zero.
    pub fn scale(&mut self, factor: R) {
        self.values.iter_mut().for_each(|value| *value *= factor);
    }

    /// Writes Y for the rows of `x` into `y`.
    pub fn forward(&self, x: &[R], y: &mut Vec<R>) {
        let (inputs, width) = (self.inputs, self.outputs);
        let (weights, biases) = self.values.split_at(inputs * width);
        let rows = x.len() / inputs;
        y.clear();
        (0..rows).for_each(|_| y.extend_from_slice(biases));
        let a = Matrix { values: x, row: inputs, column: 1 };
        Product { a, b: weights, rows, terms: inputs, width, out: y }.compute();
    }

    /// Adds the gradient of a loss whose derivative by Y is `dy`; writes its derivative by X into `dx` if wanted.
    pub fn backward(&mut self, x: &[R], dy: &[R], dx: Option<&mut Vec<R>>) {
        let (inputs, outputs) = (self.inputs, self.outputs);
        let rows = x.len() / inputs;
        let (gradient, biases) = self.gradient.split_at_mut(inputs * outputs);
        for dy in dy.chunks_exact(outputs) {
            biases.iter_mut().zip(dy).for_each(|(b, d)| *b += *d);
        }
        let a = Matrix { values: x, row: 1, column: inputs };
        Product { a, b: dy, rows: inputs, terms: rows, width: outputs, out: gradient }.compute();
        if let Some(dx) = dx {
            transposed(&self.values[..inputs * outputs], outputs, &mut self.turned);
            dx.clear();
            dx.resize(rows * inputs, R::zero());
            let a = Matrix { values: dy, row: outputs, column: 1 };
            Product { a, b: &self.turned, rows, terms: outputs, width: inputs, out: dx }.compute();
        }
    }
}

#[cfg(test)]
mod tests {
    use rand_xoshiro::rand_core::SeedableRng;

    use super::*;

    /// Naive sums, one after another, for widths around the blocks.
    #[test]
    fn a_batch_is_what_the_formula_says() {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
        for (inputs, outputs) in [(1, 1), (3, 5), (7, 16), (8, 17), (20, 40)] {
            let layer = Layer::<f64>::new(inputs, outputs, &mut random);
            let x: Vec<f64> = (0..3 * inputs).map(|_| StandardUniform.sample(&mut random)).collect();
            let mut y = Vec::new();
            layer.forward(&x, &mut y);
            assert_eq!(y.len(), 3 * outputs);
            for (row, output) in (0..3).flat_map(|row| (0..outputs).map(move |output| (row, output))) {
                let bias = layer.values()[inputs * outputs + output];
                let sum: f64 =
                    (0..inputs).map(|i| x[row * inputs + i] * layer.values()[i * outputs + output]).sum();
                assert!((y[row * outputs + output] - bias - sum).abs() < 1e-12);
            }
        }
    }
}
