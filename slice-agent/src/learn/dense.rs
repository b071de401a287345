//! A fully connected layer for batches, and what its learning remembers. All sums run in a fixed order.

use rand_distr::{Distribution, Uniform};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::product::{COLUMNS, Matrix, Product, Start};
use crate::checkpoint::{CheckpointError, Reader, Stateful, Writer};
use crate::simd::{Kernel, dispatch};

/// Y = X W + b for rows of X. Weights lie input by input, then the biases; each row is padded with zeros.
#[derive(Debug, Clone, PartialEq)]
pub struct Dense {
    inputs: usize,
    outputs: usize,
    values: Vec<f32>,
}

/// `count` rounded up to whole tiles.
pub(super) const fn padded(count: usize) -> usize {
    count.next_multiple_of(COLUMNS)
}

impl Dense {
    /// A layer with weights and biases uniform in ±1/sqrt(inputs).
    ///
    /// # Panics
    /// There are no inputs.
    pub fn new(inputs: usize, outputs: usize, random: &mut Xoshiro256PlusPlus) -> Dense {
        assert!(inputs > 0, "a layer needs inputs");
        let bound = (inputs as f32).sqrt().recip();
        let law = Uniform::new(-bound, bound).expect("the bound is positive and finite");
        let mut values = vec![0.0; (inputs + 1) * padded(outputs)];
        for row in values.chunks_exact_mut(padded(outputs)) {
            row[..outputs].iter_mut().for_each(|value| *value = law.sample(random));
        }
        Dense { inputs, outputs, values }
    }

    /// Takes over the weights and biases of a layer of the same size.
    pub fn copy_weights(&mut self, from: &Dense) {
        self.values.copy_from_slice(&from.values);
    }

    /// Number of inputs.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Number of outputs.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Length of a row of Y: the number of outputs, padded.
    pub fn row(&self) -> usize {
        padded(self.outputs)
    }

    /// The weight from an input to an output; the biases are those of the input after the last.
    pub fn value(&self, input: usize, output: usize) -> f32 {
        self.values[input * self.row() + output]
    }

    /// The same, to be changed.
    pub fn value_mut(&mut self, input: usize, output: usize) -> &mut f32 {
        let place = input * self.row() + output;
        &mut self.values[place]
    }

    /// Writes Y for the rows of `x`, in rows of [`Dense::row`]; of each the first `width` outputs, padded.
    pub fn forward(&self, x: &[f32], width: usize, y: &mut [f32]) {
        let row = self.row();
        let (weights, biases) = self.values.split_at(self.inputs * row);
        Product {
            start: Start::Row(biases),
            a: Matrix::rows(x, self.inputs),
            b: weights,
            b_row: row,
            terms: self.inputs,
            width: padded(width),
            out: y,
            out_row: row,
        }
        .compute();
    }

    fn store_outputs(&self, outputs: std::ops::Range<usize>, to: &mut Writer<'_>) {
        let weights: Vec<f32> =
            outputs.clone().flat_map(|o| (0..self.inputs).map(move |i| self.value(i, o))).collect();
        let biases: Vec<f32> = outputs.map(|output| self.value(self.inputs, output)).collect();
        to.tensor("weight", &[biases.len(), self.inputs], &weights);
        to.list("bias", &biases);
    }

    /// Stores some outputs as a layer of their own, as PyTorch's `nn.Linear` has it: `weight` of shape (outputs,
    /// inputs) and `bias`.
    pub(super) fn store_part(&self, name: &str, outputs: std::ops::Range<usize>, to: &mut Writer<'_>) {
        self.store_outputs(outputs, &mut to.part(name));
    }

    /// Takes them back.
    pub(super) fn restore_part(
        &mut self,
        name: &str,
        outputs: std::ops::Range<usize>,
        from: &mut Reader<'_>,
    ) -> Result<(), CheckpointError> {
        let mut from = from.part(name);
        let mut weights = vec![0.0; outputs.len() * self.inputs];
        from.tensor("weight", &[outputs.len(), self.inputs], &mut weights)?;
        let mut biases = vec![0.0; outputs.len()];
        from.tensor("bias", &[outputs.len()], &mut biases)?;
        for (index, output) in outputs.enumerate() {
            for input in 0..self.inputs {
                *self.value_mut(input, output) = weights[index * self.inputs + input];
            }
            *self.value_mut(self.inputs, output) = biases[index];
        }
        Ok(())
    }
}

/// The gradient of a layer, and what Adam remembers of those before.
#[derive(Debug, Clone, PartialEq)]
pub struct Descent {
    gradient: Vec<f32>,
    first_moment: Vec<f32>,
    second_moment: Vec<f32>,
    /// The weights output by output, for the way back.
    transposed: Vec<f32>,
}

impl Descent {
    /// The descent of `layer`.
    pub fn new(layer: &Dense) -> Descent {
        let zeros = || vec![0.0; layer.values.len()];
        let transposed = vec![0.0; layer.row() * padded(layer.inputs)];
        Descent { gradient: zeros(), first_moment: zeros(), second_moment: zeros(), transposed }
    }

    /// The gradient, as the weights lie.
    pub fn gradient(&self) -> &[f32] {
        &self.gradient
    }

    /// Computes the gradient of a loss whose derivative by Y is `dy` (rows of [`Dense::row`], zero in the padding).
    pub fn gather(&mut self, layer: &Dense, x: &[f32], dy: &[f32]) {
        let row = layer.row();
        let batch = dy.len() / row;
        let (weights, biases) = self.gradient.split_at_mut(layer.inputs * row);
        Product {
            start: Start::Zero,
            a: Matrix::rows(x, layer.inputs).transposed(),
            b: dy,
            b_row: row,
            terms: batch,
            width: row,
            out: weights,
            out_row: row,
        }
        .compute();
        biases.fill(0.0);
        for dy in dy.chunks_exact(row) {
            biases.iter_mut().zip(dy).for_each(|(sum, d)| *sum += d);
        }
    }

    /// Writes the derivative by X into `dx`, in rows of the inputs, which must be whole tiles.
    pub fn back(&mut self, layer: &Dense, dy: &[f32], dx: &mut [f32]) {
        let (row, back_row) = (layer.row(), padded(layer.inputs));
        for (input, weights) in layer.values.chunks_exact(row).take(layer.inputs).enumerate() {
            let column = self.transposed[input..].iter_mut().step_by(back_row);
            column.zip(weights).for_each(|(place, weight)| *place = *weight);
        }
        Product {
            start: Start::Zero,
            a: Matrix::rows(dy, row),
            b: &self.transposed,
            b_row: back_row,
            terms: layer.outputs,
            width: back_row,
            out: dx,
            out_row: back_row,
        }
        .compute();
    }

    /// One step of Adam on `layer` with the gradient times `scale`. `step` counts from 1.
    pub fn adam(&mut self, layer: &mut Dense, rate: f32, scale: f32, step: u32) {
        let (first, second) = (1.0 - power(FIRST_DECAY, step), 1.0 - power(SECOND_DECAY, step));
        dispatch(Adam {
            values: &mut layer.values,
            gradient: &self.gradient,
            first_moment: &mut self.first_moment,
            second_moment: &mut self.second_moment,
            scale,
            rate: rate / first,
            second: second.recip(),
        });
    }
}

const FIRST_DECAY: f32 = 0.9;
const SECOND_DECAY: f32 = 0.999;

/// By repeated squaring, so that it has the same bits everywhere.
fn power(mut base: f32, mut exponent: u32) -> f32 {
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

struct Adam<'a> {
    values: &'a mut [f32],
    gradient: &'a [f32],
    first_moment: &'a mut [f32],
    second_moment: &'a mut [f32],
    scale: f32,
    rate: f32,
    second: f32,
}

impl Kernel for Adam<'_> {
    #[inline(always)]
    fn run(self) {
        const EPSILON: f32 = 1e-8;
        let moments = self.first_moment.iter_mut().zip(self.second_moment);
        for ((value, gradient), (m, v)) in self.values.iter_mut().zip(self.gradient).zip(moments) {
            let g = gradient * self.scale;
            *m = FIRST_DECAY * *m + (1.0 - FIRST_DECAY) * g;
            *v = SECOND_DECAY * *v + (1.0 - SECOND_DECAY) * (g * g);
            *value -= self.rate * *m / ((*v * self.second).sqrt() + EPSILON);
        }
    }
}

impl Stateful for Descent {
    fn store(&self, to: &mut Writer<'_>) {
        to.list("first_moment", &self.first_moment);
        to.list("second_moment", &self.second_moment);
    }

    fn restore(&mut self, from: &mut Reader<'_>) -> Result<(), CheckpointError> {
        let count = [self.first_moment.len()];
        from.tensor("first_moment", &count, &mut self.first_moment)?;
        from.tensor("second_moment", &count, &mut self.second_moment)
    }
}
