//! Compares gradients with finite differences in double precision.

use rand_distr::{Distribution, StandardNormal};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::Layers;

/// Distance of a finite difference.
const H: f64 = 1e-6;
/// The greatest relative error that is allowed.
const TOLERANCE: f64 = 1e-5;

/// Normal values.
pub(crate) fn normal(count: usize, random: &mut Xoshiro256PlusPlus) -> Vec<f64> {
    (0..count).map(|_| StandardNormal.sample(random)).collect()
}

/// Calls `loss` with true once, which must add the gradient, and compares it, value by value, with differences of losses.
pub(crate) fn gradient<M: Layers<f64>>(model: &mut M, mut loss: impl FnMut(&mut M, bool) -> f64) {
    loss(model, true);
    let layers: Vec<_> =
        model.layers().iter().map(|(name, layer)| (name.clone(), layer.gradient().to_vec())).collect();
    for (place, (name, gradient)) in layers.iter().enumerate() {
        let scale = gradient.iter().fold(0.0f64, |scale, value| scale.max(value.abs()));
        assert!(scale > 1e-9, "layer {name} has no gradient");
        for index in (0..gradient.len()).step_by(1 + gradient.len() / 97) {
            let original = model.layers()[place].1.values()[index];
            let mut at = |value: f64, model: &mut M| {
                let mut number = 0;
                model.each_mut(&mut |layer| {
                    if number == place {
                        layer.values_mut()[index] = value;
                    }
                    number += 1;
                });
                loss(model, false)
            };
            let expected = (at(original + H, model) - at(original - H, model)) / (2.0 * H);
            at(original, model);
            let error = (gradient[index] - expected).abs();
            assert!(
                error <= TOLERANCE * scale.max(1e-2),
                "layer {name}, value {index}: {} is {expected}",
                gradient[index]
            );
        }
    }
}
