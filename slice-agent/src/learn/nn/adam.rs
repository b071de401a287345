//! The optimiser of all learners.

use super::Layers;
use super::layer::Layer;
use super::real::{Real, real};
use crate::simd::{Kernel, dispatch};

/// Adam with a bound on the norm of the gradient.
#[derive(Debug, Clone, PartialEq)]
pub struct Adam {
    /// Size of a step.
    rate: f64,
    /// Gradients that are longer are shortened to this norm.
    norm: f64,
    /// Steps done.
    steps: i32,
}

const DECAY: (f64, f64) = (0.9, 0.999);
const EPSILON: f64 = 1e-8;

impl Adam {
    /// An optimiser of steps of size `rate`, whose gradients together are at most `norm` long.
    pub const fn new(rate: f64, norm: f64) -> Adam {
        Adam { rate, norm, steps: 0 }
    }

    /// Steps done.
    pub const fn steps(&self) -> i32 {
        self.steps
    }

    /// As if `steps` steps had been done.
    pub const fn set_steps(&mut self, steps: i32) {
        self.steps = steps;
    }

    /// One step down the gradients of the model's layers, which are then cleared.
    pub fn descend<R: Real>(&mut self, model: &mut impl Layers<R>) {
        self.steps = self.steps.saturating_add(1);
        let length = length(model);
        let bound = real::<R>(self.norm);
        let scale = if length > bound { bound / length } else { R::one() };
        let corrected = |decay: f64| real::<R>((1.0 - decay.powi(self.steps)).recip());
        let (first, second) = (corrected(DECAY.0), corrected(DECAY.1));
        let rate = real(self.rate);
        model.each_mut(&mut |layer| dispatch(Step { layer, rate, scale, first, second }));
    }
}

fn length<R: Real>(model: &mut impl Layers<R>) -> R {
    let mut sum = R::zero();
    model.each_mut(&mut |layer| layer.gradient.iter().for_each(|gradient| sum += *gradient * *gradient));
    sum.sqrt()
}

/// The step of one layer.
struct Step<'a, R> {
    layer: &'a mut Layer<R>,
    rate: R,
    scale: R,
    first: R,
    second: R,
}

impl<R: Real> Kernel for Step<'_, R> {
    #[inline(always)]
    fn run(self) {
        let Step { layer, rate, scale, first, second } = self;
        let (beta, gamma) = (real::<R>(DECAY.0), real::<R>(DECAY.1));
        let (rest_beta, rest_gamma) = (R::one() - beta, R::one() - gamma);
        let epsilon = real::<R>(EPSILON);
        let moments = layer.first_moment.iter_mut().zip(&mut layer.second_moment);
        for ((value, gradient), (m, v)) in layer.values.iter_mut().zip(&mut layer.gradient).zip(moments) {
            let g = *gradient * scale;
            *m = beta * *m + rest_beta * g;
            *v = gamma * *v + rest_gamma * g * g;
            *value -= rate * (*m * first) / ((*v * second).sqrt() + epsilon);
            *gradient = R::zero();
        }
    }
}

#[cfg(test)]
mod tests {
    use rand_xoshiro::Xoshiro256PlusPlus;
    use rand_xoshiro::rand_core::SeedableRng;

    use super::*;
    use crate::learn::nn::{Layers, Mlp, Tape};

    #[test]
    fn adam_learns_exclusive_or() {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
        let mut mlp = Mlp::<f32>::new(&[2, 16, 1], &mut random);
        let (input, wanted) = ([0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0], [0.0, 1.0, 1.0, 0.0]);
        let (mut adam, mut tape) = (Adam::new(5e-3, 10.0), Tape::new());
        for _ in 0..2_000 {
            let output = mlp.forward(&input, &mut tape);
            let errors: Vec<_> = output.iter().zip(wanted).map(|(value, wanted)| value - wanted).collect();
            mlp.backward(&mut tape, &errors, false);
            adam.descend(&mut mlp);
        }
        let output = mlp.forward(&input, &mut tape);
        assert!(output.iter().zip(wanted).all(|(value, wanted)| (value - wanted).abs() < 0.05), "{output:?}");
    }

    #[test]
    fn the_first_step_has_the_rates_size_however_long_the_gradient() {
        for size in [1e-3f64, 1.0, 1e3] {
            let mut mlp = Mlp::<f64>::new(&[1, 1], &mut Xoshiro256PlusPlus::seed_from_u64(1));
            let before = mlp.layers()[0].1.values().to_vec();
            mlp.each_mut(&mut |layer| layer.backward(&[1.0], &[size], None));
            Adam::new(0.1, 10.0).descend(&mut mlp);
            let layer = mlp.layers()[0].1;
            let moved = before.iter().zip(layer.values()).all(|(b, a)| (b - a - 0.1).abs() < 1e-5);
            assert!(moved && layer.gradient() == [0.0, 0.0]);
        }
    }
}
