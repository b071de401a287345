//! A fully connected layer for batches, with its gradient and Adam's moments.

use rand_distr::{Distribution, StandardUniform};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::real::{Real, real};
use crate::simd::{self, Kernel};

/// Outputs that are summed up together: a fixed number, so that vector units may be used without changing results.
const BLOCK: usize = 16;
/// Partial sums of a dot product, for the same reason.
const LANES: usize = 8;

/// Y = X W + b for rows of X. Weights lie input by input, then come the biases.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer<R> {
    inputs: usize,
    outputs: usize,
    pub(super) values: Vec<R>,
    pub(super) gradient: Vec<R>,
    pub(super) first_moment: Vec<R>,
    pub(super) second_moment: Vec<R>,
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
        Layer { inputs, outputs, values, gradient: zeros(), first_moment: zeros(), second_moment: zeros() }
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
        simd::dispatch(Forward { layer: self, x, y });
    }

    /// Adds the gradient of a loss whose derivative by Y is `dy`; writes its derivative by X into `dx` if wanted.
    pub fn backward(&mut self, x: &[R], dy: &[R], dx: Option<&mut Vec<R>>) {
        simd::dispatch(Backward { layer: self, x, dy, dx });
    }
}

struct Forward<'a, R> {
    layer: &'a Layer<R>,
    x: &'a [R],
    y: &'a mut Vec<R>,
}

impl<R: Real> Kernel for Forward<'_, R> {
    #[inline(always)]
    fn run(self) {
        let Forward { layer, x, y } = self;
        let (weights, biases) = layer.values.split_at(layer.inputs * layer.outputs);
        y.clear();
        for x in x.chunks_exact(layer.inputs) {
            let start = y.len();
            y.extend_from_slice(biases);
            for (block, y) in y[start..].chunks_mut(BLOCK).enumerate() {
                let rows = weights.chunks_exact(layer.outputs).map(|row| &row[block * BLOCK..]);
                accumulate(y, x.iter().copied().zip(rows));
            }
        }
    }
}

struct Backward<'a, R> {
    layer: &'a mut Layer<R>,
    x: &'a [R],
    dy: &'a [R],
    dx: Option<&'a mut Vec<R>>,
}

impl<R: Real> Kernel for Backward<'_, R> {
    #[inline(always)]
    fn run(self) {
        let Backward { layer, x, dy, dx } = self;
        let (inputs, outputs) = (layer.inputs, layer.outputs);
        let (gradient, biases) = layer.gradient.split_at_mut(inputs * outputs);
        for dy in dy.chunks_exact(outputs) {
            biases.iter_mut().zip(dy).for_each(|(b, d)| *b += *d);
        }
        for (input, row) in gradient.chunks_exact_mut(outputs).enumerate() {
            for (block, sums) in row.chunks_mut(BLOCK).enumerate() {
                let column = x.iter().skip(input).step_by(inputs).copied();
                accumulate(sums, column.zip(dy.chunks_exact(outputs).map(|dy| &dy[block * BLOCK..])));
            }
        }
        if let Some(dx) = dx {
            let weights = &layer.values[..inputs * outputs];
            dx.clear();
            for dy in dy.chunks_exact(outputs) {
                dx.extend(weights.chunks_exact(outputs).map(|row| dot(row, dy)));
            }
        }
    }
}

/// Adds factor times row for each pair; rows may be longer than `sums`. A full block stays in registers.
#[inline(always)]
fn accumulate<'a, R: Real>(sums: &mut [R], pairs: impl Iterator<Item = (R, &'a [R])>) {
    if let Ok(sums) = <&mut [R; BLOCK]>::try_from(&mut *sums) {
        let mut block = *sums;
        for (factor, row) in pairs.filter(|(factor, _)| !factor.is_zero()) {
            if let Some(row) = row.first_chunk::<BLOCK>() {
                for lane in 0..BLOCK {
                    block[lane] += factor * row[lane];
                }
            }
        }
        *sums = block;
        return;
    }
    for (factor, row) in pairs.filter(|(factor, _)| !factor.is_zero()) {
        sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += factor * *value);
    }
}

#[inline(always)]
fn dot<R: Real>(a: &[R], b: &[R]) -> R {
    let mut sums = [R::zero(); LANES];
    let (left, right) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let mut total = R::zero();
    left.remainder().iter().zip(right.remainder()).for_each(|(a, b)| total += *a * *b);
    for (a, b) in left.zip(right) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums.iter().for_each(|sum| total += *sum);
    total
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
