//! Agents that share CPU between network slices (source document, chapter 2).
//!
//! [`arbiter`] is the product's core: it grants claims, never beyond the total. [`mod@env`] is the world in which policies
//! are judged: [`traffic`], [`queue`]s and [`reward`]. [`policy`] has the policies; feature `eval` judges
//! them, feature `train` has agents that learn.

pub mod arbiter;
#[cfg(feature = "checkpoint")]
pub mod checkpoint;
pub mod e2;
pub mod env;
pub mod error;
#[cfg(feature = "eval")]
pub mod eval;
#[cfg(feature = "train")]
pub mod learn;
mod math;
pub mod policy;
pub mod queue;
mod random;
pub mod reward;
mod simd;
pub mod traffic;

pub use error::Error;
pub use simd::vectors;
