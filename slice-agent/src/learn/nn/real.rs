//! The number type of a network.

use std::fmt::Debug;
use std::ops::{AddAssign, MulAssign, SubAssign};

use num_traits::Float;

/// A floating point type that networks can compute in: `f32` or `f64`.
pub trait Real: Float + AddAssign + SubAssign + MulAssign + Default + Debug + Send + Sync + 'static {}

impl<R: Float + AddAssign + SubAssign + MulAssign + Default + Debug + Send + Sync + 'static> Real for R {}

/// A constant in that type.
pub fn real<R: Real>(value: f64) -> R {
    R::from(value).unwrap_or_else(R::nan)
}
