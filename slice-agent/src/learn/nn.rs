//! Small networks with a backward pass written by hand, for whole batches, in any floating point type.
//!
//! Agents compute in `f32`; the same code in `f64` lets tests compare every gradient with finite differences to 1e-5.
//! All sums run in a fixed order, whatever the width of the machine's vector units.

mod adam;
mod layer;
mod mlp;
mod real;
pub mod softmax;
pub mod state;

pub use adam::Adam;
pub use layer::Layer;
pub use mlp::{Mlp, Tape};
pub use real::{Real, real};

/// What has layers, each with a name: networks, and what is made of several.
pub trait Layers<R: Real> {
    /// The layers by name, always in the same order.
    fn layers(&self) -> Vec<(String, &Layer<R>)>;

    /// Calls `visit` with each layer in the same order, to be changed.
    fn each_mut(&mut self, visit: &mut dyn FnMut(&mut Layer<R>));
}

/// Index of the greatest of the `allowed` values; the first of equal ones, and 0 when none is allowed.
pub fn greatest<R: Real>(values: &[R], allowed: impl Fn(usize) -> bool) -> usize {
    let mut best: Option<usize> = None;
    for index in (0..values.len()).filter(|index| allowed(*index)) {
        if best.is_none_or(|best| values[index] > values[best]) {
            best = Some(index);
        }
    }
    best.unwrap_or(0)
}

/// Huber loss with bound 1, and its derivative.
pub fn huber<R: Real>(error: R) -> (R, R) {
    let (one, half) = (R::one(), real::<R>(0.5));
    let size = error.abs();
    let loss = if size <= one { half * error * error } else { size - half };
    (loss, error.max(-one).min(one))
}

#[cfg(test)]
pub(crate) mod check;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greatest_of_what_is_allowed_is_found() {
        let values = [1.0, 5.0, 5.0, 9.0];
        assert_eq!(greatest(&values, |_| true), 3);
        assert_eq!(greatest(&values, |index| index < 3), 1);
        assert_eq!(greatest(&values, |_| false), 0);
    }

    #[test]
    fn huber_is_square_within_one_and_straight_beyond() {
        for (error, loss, slope) in [(0.5, 0.125, 0.5), (-1.0, 0.5, -1.0), (3.0, 2.5, 1.0), (-4.0, 3.5, -1.0)]
        {
            assert_eq!(huber(error), (loss, slope));
        }
    }
}
