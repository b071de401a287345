//! Why vmand cannot start.

use std::path::PathBuf;

use vman_core::ErrorKind;
use vman_core::device::DeviceError;

/// An error and its causes in one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Why vmand cannot start or go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The configuration file cannot be read.
    #[error("Configuration file {} cannot be read", path.display())]
    ConfigFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The configuration file breaks a rule; the source names line and column.
    #[error("Configuration file {} is wrong", path.display())]
    ConfigSyntax {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: toml::de::Error,
    },
    /// A value of the configuration breaks a rule.
    #[error("Configuration: {0}")]
    ConfigValue(String),
    /// A live daemon answers on the socket path.
    #[error("Socket {} is in use by a running daemon: stop it or choose another --socket", .0.display())]
    SocketInUse(PathBuf),
    /// What stands at the socket path is no socket.
    #[error("{} exists and is no socket: remove it or choose another --socket", .0.display())]
    NotASocket(PathBuf),
    /// The socket cannot be made.
    #[error("Cannot listen on {}", path.display())]
    Listen {
        /// The socket path.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The image store cannot be used.
    #[error("Image store {} cannot be used", path.display())]
    Store {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The device cannot be used; the source says what to do about it.
    #[error("Device {name} cannot be used")]
    Device {
        /// As given with `--device`.
        name: String,
        /// Why.
        source: DeviceError,
    },
    /// The simulated board of another process cannot be used.
    #[error(
        "No simulated board at {}: start vman-sim first, or take one in this process with --device sim",
        path.display()
    )]
    Simulator {
        /// Its socket.
        path: PathBuf,
        /// Why.
        source: DeviceError,
    },
    /// This build has no simulator.
    #[error(
        "Device {0} asks for the simulated board, which this build of vmand does not have (feature `sim`)"
    )]
    NoSimulator(String),
    /// A system call failed.
    #[error("{action} failed")]
    System {
        /// What was tried.
        action: &'static str,
        /// Why.
        source: std::io::Error,
    },
}

impl Error {
    /// What kind of error it is.
    pub fn kind(&self) -> ErrorKind {
        let io = |source: &std::io::Error| {
            source.raw_os_error().map_or(ErrorKind::Internal, ErrorKind::from_errno)
        };
        match self {
            Self::ConfigFile { source, .. }
            | Self::Listen { source, .. }
            | Self::Store { source, .. }
            | Self::System { source, .. } => io(source),
            Self::ConfigSyntax { .. } | Self::ConfigValue(_) => ErrorKind::InvalidArgument,
            Self::SocketInUse(_) => ErrorKind::Busy,
            Self::NotASocket(_) => ErrorKind::AlreadyExists,
            Self::Device { source, .. } | Self::Simulator { source, .. } => source.kind,
            Self::NoSimulator(_) => ErrorKind::Unsupported,
        }
    }
}
