//! A fully connected layer with its gradient and Adam. All sums run in a fixed order.

use rand_distr::{Distribution, Uniform};
use rand_xoshiro::Xoshiro256PlusPlus;

/// Partial sums of a dot product: a fixed number, so that vector units may be used without changing results.
const LANES: usize = 8;

/// y = x W + b. Weights lie input by input.
#[derive(Debug, Clone, PartialEq)]
pub struct Dense {
    outputs: usize,
    /// Weights, then biases.
    values: Vec<f32>,
    gradient: Vec<f32>,
    first_moment: Vec<f32>,
    second_moment: Vec<f32>,
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
        let count = (inputs + 1) * outputs;
        let zeros = || vec![0.0; count];
        let values = (0..count).map(|_| law.sample(random)).collect();
        Dense { outputs, values, gradient: zeros(), first_moment: zeros(), second_moment: zeros() }
    }

    /// Number of inputs.
    pub fn inputs(&self) -> usize {
        self.values.len() / self.outputs - 1
    }

    /// Number of outputs.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Weights (input by input), then biases.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The same, to be changed.
    pub fn values_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }

    /// The sum of gradients since the last step.
    pub fn gradient(&self) -> &[f32] {
        &self.gradient
    }

    /// Sets every bias.
    pub fn set_biases(&mut self, bias: f32) {
        let weights = self.values.len() - self.outputs;
        self.values[weights..].fill(bias);
    }

    /// y = x W + b.
    pub fn forward(&self, x: &[f32], y: &mut [f32]) {
        let (weights, biases) = self.values.split_at(self.values.len() - self.outputs);
        y.copy_from_slice(biases);
        for (x, row) in x.iter().zip(weights.chunks_exact(self.outputs)) {
            y.iter_mut().zip(row).for_each(|(y, w)| *y += x * w);
        }
    }

    /// Adds the gradient of a loss whose derivative by y is `dy`, and adds its derivative by x to `dx` if wanted.
    pub fn backward(&mut self, x: &[f32], dy: &[f32], dx: Option<&mut [f32]>) {
        let weights = self.values.len() - self.outputs;
        let (gradient, biases) = self.gradient.split_at_mut(weights);
        biases.iter_mut().zip(dy).for_each(|(b, d)| *b += d);
        for (x, row) in x.iter().zip(gradient.chunks_exact_mut(self.outputs)) {
            row.iter_mut().zip(dy).for_each(|(g, d)| *g += x * d);
        }
        if let Some(dx) = dx {
            let rows = self.values[..weights].chunks_exact(self.outputs);
            dx.iter_mut().zip(rows).for_each(|(dx, row)| *dx += dot(row, dy));
        }
    }

    /// One step of Adam with the gradient times `scale`, which is then cleared. `step` counts from 1.
    pub fn adam(&mut self, rate: f32, scale: f32, step: i32) {
        const DECAY: (f32, f32) = (0.9, 0.999);
        const EPSILON: f32 = 1e-8;
        let (first, second) = (1.0 - DECAY.0.powi(step), 1.0 - DECAY.1.powi(step));
        let moments = self.first_moment.iter_mut().zip(&mut self.second_moment);
        for ((value, gradient), (m, v)) in self.values.iter_mut().zip(&mut self.gradient).zip(moments) {
            let g = *gradient * scale;
            *m = DECAY.0 * *m + (1.0 - DECAY.0) * g;
            *v = DECAY.1 * *v + (1.0 - DECAY.1) * g * g;
            *value -= rate * (*m / first) / ((*v / second).sqrt() + EPSILON);
            *gradient = 0.0;
        }
    }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0f32; LANES];
    let (left, right) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f32 = left.remainder().iter().zip(right.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in left.zip(right) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums.iter().sum::<f32>() + rest
}
