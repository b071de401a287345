//! What makes a compute chunk real.

#[cfg(feature = "server")]
mod cgroup;
mod fake;

#[cfg(feature = "server")]
pub use cgroup::Cgroup;
pub use fake::Fake;

use crate::api::{Compute, ComputeChunk, Id};
use crate::compose::{Quota, Usage};

/// The infrastructure below a compute. Every call is idempotent: after a crash the server repeats what it cannot prove.
pub trait ComputeBackend: Send {
    /// Whether anything outside the server follows. If not, a change needs no intent: writing it down is all there is.
    fn acts(&self) -> bool {
        true
    }

    /// Makes room for a chunk; one that is there already gets this chunk's quota.
    ///
    /// # Errors
    /// See [`BackendError`]; nothing is reserved then.
    fn reserve(&mut self, compute: &Compute, chunk: &ComputeChunk) -> Result<(), BackendError>;

    /// Gives a chunk another quota.
    ///
    /// # Errors
    /// See [`BackendError`]; the old quota holds then.
    fn resize(&mut self, compute: &Compute, chunk: &Id, quota: Quota) -> Result<(), BackendError>;

    /// Gives a chunk's room back. A chunk that is not there counts as released.
    ///
    /// # Errors
    /// See [`BackendError`]; the chunk is still there then.
    fn release(&mut self, compute: &Compute, chunk: &Id) -> Result<(), BackendError>;

    /// What runs in a chunk and cannot be taken from it.
    ///
    /// # Errors
    /// See [`BackendError`].
    fn usage(&mut self, compute: &Compute, chunk: &Id) -> Result<Usage, BackendError>;
}

/// Why a back end did not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BackendError {
    /// It may work later.
    #[error("The back end is not available: {reason}")]
    Unavailable {
        /// What it said.
        reason: String,
    },
    /// It will not work.
    #[error("The back end refused: {reason}")]
    Refused {
        /// What it said.
        reason: String,
    },
    /// It knows no such chunk.
    #[error("The back end does not know chunk {chunk}")]
    Unknown {
        /// The chunk.
        chunk: Id,
    },
}

impl BackendError {
    /// Whether to try again.
    pub const fn is_temporary(&self) -> bool {
        match self {
            Self::Unavailable { .. } => true,
            Self::Refused { .. } | Self::Unknown { .. } => false,
        }
    }
}
