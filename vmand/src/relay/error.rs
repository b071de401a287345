//! Why a link between the two sides ends.

use std::io;
use std::path::PathBuf;

/// Why the relay cannot start, or why a link ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The port cannot be opened.
    #[error("Port {} cannot be opened", path.display())]
    Port {
        /// The port.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The other side did not greet in time.
    #[error("The other side of the port does not answer")]
    Silent,
    /// The port broke.
    #[error("The port broke")]
    Broken(#[from] io::Error),
    /// What comes out of the port is not the other side's, or no longer.
    #[error("The two sides lost each other")]
    Lost(#[from] yamux::ConnectionError),
    /// Nobody can ask for connections any more.
    #[error("The relay stops")]
    Stopping,
}
