//! One error for whoever calls this crate through one door.

use crate::arbiter::ArbiterError;
use crate::env::EnvError;
use crate::traffic::{TraceError, TrafficError};

/// Why a slice environment or an agent cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The arbiter refuses.
    #[error("The arbiter cannot share")]
    Arbiter(#[from] ArbiterError),
    /// The environment refuses.
    #[error("The environment refuses")]
    Env(#[from] EnvError),
    /// Traffic cannot be made.
    #[error("The traffic cannot be made")]
    Traffic(#[from] TrafficError),
    /// A trace cannot be read.
    #[error("The trace cannot be used")]
    Trace(#[from] TraceError),
}
