//! What this node can still take: the kernel's admission test in advance, and how likely shared CPU time stays free.
//!
//! [`Books`] answers as the kernel would. That answer can be outdated when it is used, because others ask the kernel
//! too; so a promise is kept by a [`Hold`]: threads that sleep under the very reservation, which the kernel has
//! admitted. [`UseHistory`] tells what reserved tasks leave unused, with a risk that holds whatever the distribution.

mod books;
mod hold;
mod risk;

pub use books::{Books, Refusal, Responses};
pub use hold::{Hold, HoldError};
pub use risk::{Quantiles, Reclaimable, UseHistory};
