//! Agents that share CPU between network slices (source document, chapter 2).
//!
//! [`arbiter`] is the product's core: it grants claims, never beyond the total. [`infer`] lets trained agents act. These two
//! need neither the standard library nor an allocator.
//!
//! Feature `std`: [`mod@env`] is the world in which policies are judged: [`traffic`], [`queue`]s and [`reward`]. [`policy`] has
//! the policies. Feature `eval` judges them, feature `train` has agents that learn, feature `checkpoint` their files.
#![cfg_attr(not(feature = "std"), no_std)]

pub mod arbiter;
pub mod infer;

#[cfg(feature = "checkpoint")]
pub mod checkpoint;
#[cfg(feature = "std")]
pub mod e2;
#[cfg(feature = "std")]
pub mod env;
#[cfg(feature = "std")]
pub mod error;
#[cfg(feature = "eval")]
pub mod eval;
#[cfg(feature = "train")]
pub mod learn;
#[cfg(feature = "std")]
mod math;
#[cfg(feature = "std")]
pub mod policy;
#[cfg(feature = "std")]
pub mod queue;
#[cfg(feature = "std")]
mod random;
#[cfg(feature = "std")]
pub mod reward;
#[cfg(feature = "std")]
mod simd;
#[cfg(feature = "train")]
pub mod study;
#[cfg(feature = "std")]
pub mod traffic;

#[cfg(feature = "std")]
pub use error::Error;
#[cfg(feature = "std")]
pub use simd::vectors;

/// The example of docs/learners.md, compiled and run with the other examples.
#[cfg(all(doctest, feature = "train"))]
#[doc = include_str!("../../docs/learners.md")]
struct LearnersPage;
