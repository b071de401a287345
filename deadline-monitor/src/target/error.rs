//! Why a target is not found, or its threads are not known.

use std::io;
use std::path::PathBuf;

use super::{Target, qmp};

/// Why the threads of a target are not known.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It has ended, or never was.
    #[error("There is no {0}")]
    Gone(Target),
    /// Its threads cannot be listed.
    #[error("Cannot read {}", path.display())]
    Read {
        /// The directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A virtual machine does not tell its virtual CPUs.
    #[error("QEMU at {} does not tell its virtual CPUs", socket.display())]
    Qmp {
        /// The QMP socket.
        socket: PathBuf,
        /// Why.
        #[source]
        source: qmp::Error,
    },
}

/// Why a name leads to no target.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FindError {
    /// Nothing has this name.
    #[error("There is no {kind} {name}: {hint}")]
    Unknown {
        /// Container, pod or virtual machine.
        kind: &'static str,
        /// What was asked for.
        name: String,
        /// Where it was looked for.
        hint: String,
    },
    /// The name fits several.
    #[error("Several {kind}s begin with {name}: {}", found.join(", "))]
    Ambiguous {
        /// Container or pod.
        kind: &'static str,
        /// What was asked for.
        name: String,
        /// What it fits.
        found: Vec<String>,
    },
}
