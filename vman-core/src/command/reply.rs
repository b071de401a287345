//! Replies. They gain members with time; readers ignore what they do not know.

use serde::{Deserialize, Serialize};

use super::base64_bytes;
use super::host::HostRecord;
use super::link::{LinkRecord, Links};
use super::partition::{Created, PartitionRecord, Partitions, Stats};
use crate::error::{Error, ErrorKind};

/// The `return` of a command.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Reply {
    /// Commands without a result: `{}`.
    Done {},
    /// `create-partition`.
    Created(Created),
    /// `query-version`.
    Version(VersionRecord),
    /// `query-host`.
    Host(Box<HostRecord>),
    /// `query-partitions`.
    Partitions(Partitions),
    /// `query-partition`.
    Partition(Box<PartitionRecord>),
    /// `query-stats`.
    Stats(Stats),
    /// `create-link`.
    Link(LinkRecord),
    /// `query-links`.
    Links(Links),
    /// `image-put`, when the image is complete or another piece is awaited.
    Image(Image),
    /// `image-list`.
    Images(Images),
    /// `console-read`.
    Console(ConsoleChunk),
}

/// `query-version`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionRecord {
    /// Version of this protocol: 1.
    pub protocol: u32,
    /// Version of the daemon.
    pub version: String,
    /// Version of the firmware's vManager service, `major.minor`.
    pub firmware: String,
    /// Whether paths in `deploy` mean files of the client's machine.
    pub paths: Paths,
    /// Whether the board is simulated.
    pub simulated: bool,
}

/// Whose files the paths in `deploy` name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Paths {
    /// The client's: it runs on the daemon's machine.
    Local,
    /// The daemon's alone: clients upload with `image-put`.
    Remote,
}

/// An image in the store, or on its way into it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// SHA-256, 64 hexadecimal digits.
    pub digest: String,
    /// Bytes of the whole image.
    pub size: u64,
    /// Bytes that have come; equal to `size` when it is complete.
    pub received: u64,
}

/// `image-list`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Images {
    /// Complete images.
    pub images: Vec<Image>,
    /// Bytes that the store may hold.
    pub capacity: u64,
    /// Bytes that it holds.
    pub used: u64,
}

/// A piece of a console.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsoleChunk {
    /// Position of the first byte; later than asked if older bytes were dropped.
    pub position: u64,
    /// The bytes.
    #[serde(with = "base64_bytes")]
    pub data: Vec<u8>,
    /// Position behind the last byte that the partition has printed.
    pub end: u64,
}

/// The `error` of a reply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{desc}")]
pub struct ErrorReply {
    /// [`ErrorKind::name`].
    pub class: String,
    /// For people.
    pub desc: String,
}

impl ErrorReply {
    /// A refusal of this kind.
    pub fn new(kind: ErrorKind, desc: impl Into<String>) -> Self {
        Self { class: kind.name().into(), desc: desc.into() }
    }

    /// The kind; a class that this version does not know is [`ErrorKind::Internal`].
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::from_name(&self.class).unwrap_or(ErrorKind::Internal)
    }
}

impl From<&Error> for ErrorReply {
    /// The whole chain of causes in one text.
    fn from(error: &Error) -> Self {
        let mut desc = error.to_string();
        let mut cause = std::error::Error::source(error);
        while let Some(error) = cause {
            desc.push_str(": ");
            desc.push_str(&error.to_string());
            cause = error.source();
        }
        Self::new(error.kind(), desc)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reply_without_result_is_an_empty_object() {
        assert_eq!(serde_json::to_string(&Reply::Done {}).unwrap(), "{}");
    }
}
