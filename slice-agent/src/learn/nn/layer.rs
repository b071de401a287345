//! A fully connected layer for batches, with its gradient and Adam's moments.

use rand_distr::{Distribution, StandardUniform};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::real::{Real, real};
use crate::learn::product::{Matrix, Product, Start};

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
        Layer::of(inputs, outputs, (0..count).map(uniform).collect())
    }

    fn of(inputs: usize, outputs: usize, values: Vec<R>) -> Layer<R> {
        let zeros = || vec![R::zero(); values.len()];
        let (gradient, first_moment, second_moment) = (zeros(), zeros(), zeros());
        Layer { inputs, outputs, values, gradient, first_moment, second_moment, turned: Vec::new() }
    }

    /// A layer of `outputs` outputs, whose weights of each input and whose biases `map` makes of those of this one.
    pub fn mapped(&self, outputs: usize, mut map: impl FnMut(&[R], &mut [R])) -> Layer<R> {
        let mut values = vec![R::zero(); (self.inputs + 1) * outputs];
        for (row, out) in self.values.chunks_exact(self.outputs).zip(values.chunks_exact_mut(outputs)) {
            map(row, out);
        }
        Layer::of(self.inputs, outputs, values)
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

    /// Takes over the weights and biases of a layer of the same size.
    pub fn copy_weights(&mut self, from: &Layer<R>) {
        self.values.copy_from_slice(&from.values);
    }

    /// Multiplies weights and biases, for heads that begin near zero.
    pub fn scale(&mut self, factor: R) {
        self.values.iter_mut().for_each(|value| *value *= factor);
    }

    /// Writes Y for the rows of `x` into `y`.
    pub fn forward(&self, x: &[R], y: &mut Vec<R>) {
        let (inputs, width) = (self.inputs, self.outputs);
        let (weights, biases) = self.values.split_at(inputs * width);
        y.resize(x.len() / inputs * width, R::zero());
        let (start, a) = (Start::Row(biases), Matrix::rows(x, inputs));
        Product { start, a, b: weights, b_row: width, terms: inputs, width, out: y, out_row: width }
            .compute();
    }

    /// Adds the gradient of a loss whose derivative by Y is `dy`; writes its derivative by X into `dx` if wanted.
    pub fn backward(&mut self, x: &[R], dy: &[R], dx: Option<&mut Vec<R>>) {
        let (inputs, outputs) = (self.inputs, self.outputs);
        let rows = x.len() / inputs;
        let (gradient, biases) = self.gradient.split_at_mut(inputs * outputs);
        for dy in dy.chunks_exact(outputs) {
            biases.iter_mut().zip(dy).for_each(|(b, d)| *b += *d);
        }
        let a = Matrix::rows(x, inputs).transposed();
        let product = Product {
            start: Start::Kept,
            a,
            b: dy,
            b_row: outputs,
            terms: rows,
            width: outputs,
            out: gradient,
            out_row: outputs,
        };
        product.compute();
        if let Some(dx) = dx {
            dx.resize(rows * inputs, R::zero());
            self.back(dy, dx);
        }
    }

    /// Writes the derivative by X into `dx`.
    fn back(&mut self, dy: &[R], dx: &mut [R]) {
        let (inputs, outputs) = (self.inputs, self.outputs);
        self.turned.clear();
        for output in 0..outputs {
            self.turned.extend(self.values[..inputs * outputs].iter().skip(output).step_by(outputs));
        }
        let product = Product {
            start: Start::Zero,
            a: Matrix::rows(dy, outputs),
            b: &self.turned,
            b_row: inputs,
            terms: outputs,
            width: inputs,
            out: dx,
            out_row: inputs,
        };
        product.compute();
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
