//! What can go wrong, as a person and as a machine read it.

use std::io;
use std::path::PathBuf;

use serde_json::{Value, json};
use vman_core::client::ClientError;
use vman_core::{Error, ErrorKind};

use crate::exit;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// vmand or the device refused, or cannot be reached.
    #[error(transparent)]
    Core(#[from] Error),
    /// A refusal, and what to do about it.
    #[error("{error}")]
    Advised {
        /// The refusal.
        #[source]
        error: Error,
        /// A clause.
        advice: String,
    },
    /// Neither vmand nor a device is there.
    #[error("No vmand at {} and no device {}", socket.display(), device.display())]
    NoTarget {
        /// Where vmand was looked for.
        socket: PathBuf,
        /// Which device was looked for.
        device: PathBuf,
        /// What connecting said.
        source: ClientError,
    },
    /// The device does not exist or may not be opened.
    #[error("Device {} cannot be opened", path.display())]
    Device {
        /// The device.
        path: PathBuf,
        /// Why.
        source: vman_core::device::DeviceError,
    },
    /// A name or UUID that no partition has.
    #[error("There is no partition with the name or UUID {0:?}")]
    NoSuchPartition(String),
    /// The directory for manual pages cannot be written to.
    #[error("Directory {} cannot be written to", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The terminal cannot be used.
    #[error("Terminal cannot be used")]
    Terminal(#[source] io::Error),
    /// The output cannot be written; a closed pipe is no error to speak of.
    #[error("Output cannot be written")]
    Output(#[from] io::Error),
}

impl Failure {
    /// The kind, `None` if the output could not be written.
    pub fn kind(&self) -> Option<ErrorKind> {
        match self {
            Self::Core(error) | Self::Advised { error, .. } => Some(error.kind()),
            Self::NoTarget { source, .. } => Some(source.kind()),
            Self::Device { source, .. } => Some(source.kind),
            Self::NoSuchPartition(_) => Some(ErrorKind::NotFound),
            Self::Directory { source, .. } => Some(os_kind(source)),
            Self::Terminal(_) => Some(ErrorKind::Internal),
            Self::Output(_) => None,
        }
    }

    /// Whether the reader of our output has gone: the end, but no failure.
    pub fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    /// Exit status.
    pub fn exit_code(&self) -> u8 {
        if self.is_closed_pipe() { exit::OK } else { self.kind().map_or(exit::OUTPUT, exit::code) }
    }

    /// The error and its causes in one line.
    pub fn text(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            let clause = error.to_string();
            if !text.ends_with(&clause) {
                text = format!("{text}: {clause}");
            }
            cause = error.source();
        }
        text
    }

    /// What to do about it, as a clause.
    pub fn advice(&self) -> Option<String> {
        let fixed = match self {
            Self::Advised { advice, .. } => return Some(advice.clone()),
            Self::NoTarget { .. } => {
                "start vmand, load the vManager driver, or try the simulated board with --device sim"
            }
            Self::NoSuchPartition(_) => "`vmanctl list` shows those that exist",
            Self::Core(Error::Client(ClientError::Connect { source, .. })) => connect_advice(source.kind())?,
            Self::Core(_)
            | Self::Device { .. }
            | Self::Directory { .. }
            | Self::Terminal(_)
            | Self::Output(_) => return None,
        };
        Some(fixed.into())
    }

    /// `{"error": {"class": C, "desc": text, "advice": clause}}`.
    pub fn to_json(&self) -> Value {
        let kind = self.kind().unwrap_or(ErrorKind::Internal);
        let class = if let Self::Core(Error::Remote(reply))
        | Self::Advised { error: Error::Remote(reply), .. } = self
        {
            &reply.class
        } else {
            kind.name()
        };
        let mut error = json!({ "class": class, "desc": self.text() });
        if let Some(advice) = self.advice() {
            error["advice"] = advice.into();
        }
        json!({ "error": error })
    }
}

fn connect_advice(kind: io::ErrorKind) -> Option<&'static str> {
    let absent = [io::ErrorKind::NotFound, io::ErrorKind::ConnectionRefused];
    if kind == io::ErrorKind::PermissionDenied {
        return Some("run it as root or as a member of vmand's group");
    }
    absent.contains(&kind).then_some("is vmand running?")
}

fn os_kind(error: &io::Error) -> ErrorKind {
    error.raw_os_error().map_or(ErrorKind::Internal, ErrorKind::from_errno)
}

#[cfg(test)]
mod tests {
    use super::*;
    use vman_core::command::ErrorReply;

    #[test]
    fn closed_pipe_ends_without_an_error() {
        let closed = Failure::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert!(closed.is_closed_pipe());
        assert_eq!(closed.exit_code(), exit::OK);
        assert_eq!(Failure::from(io::Error::from(io::ErrorKind::StorageFull)).exit_code(), exit::OUTPUT);
    }

    #[test]
    fn text_gives_the_whole_chain_once() {
        let refused = io::Error::from_raw_os_error(111);
        let source = ClientError::Connect { path: "/x".into(), source: refused };
        let failure = Failure::NoTarget { socket: "/x".into(), device: "/dev/v".into(), source };
        let text = failure.text();
        assert!(text.starts_with(
            "No vmand at /x and no device /dev/v: No connection to vmand at /x: Connection refused"
        ));
        assert_eq!(text.matches("Connection refused").count(), 1);
    }

    #[test]
    fn class_that_nobody_knows_is_passed_on() {
        let reply = ErrorReply { class: "Overheated".into(), desc: "Too hot".into() };
        let failure = Failure::from(Error::from(reply));
        assert_eq!(failure.to_json(), json!({"error": {"class": "Overheated", "desc": "Too hot"}}));
        assert_eq!(failure.exit_code(), exit::code(ErrorKind::Internal));
    }
}
