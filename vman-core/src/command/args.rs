//! Arguments of commands, strict: unknown names are refused, every spelling of the source document is accepted.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::codec::CodecError;
use super::{base64_bytes, memory_size::memory_size};
use crate::id::{ByteSize, PartitionId};

/// `create-partition` (3.2.1.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreatePartition {
    /// Number of physical cores, at least 1.
    pub cores: u32,
    /// Whether the partition is critical.
    #[serde(default)]
    pub secure: bool,
    /// Memory in GiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memsize: Option<u64>,
    /// Memory in MiB, instead of `memsize`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memsize_mib: Option<u64>,
    /// Sent by Figure 15; only 0 has a meaning: none.
    #[serde(default, skip_serializing)]
    pub primary: Option<u64>,
    /// Unique name of at most 63 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Unique identity for other management systems.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uuid: Option<Uuid>,
    /// Non-secure partition over whose cores a critical one has strict priority.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared_with: Option<PartitionId>,
}

impl CreatePartition {
    /// The memory asked for.
    ///
    /// # Errors
    /// [`CodecError::Arguments`] unless exactly one spelling is given and it is neither 0 nor beyond 64 bits.
    pub fn memory(&self) -> Result<ByteSize, CodecError> {
        memory_size(self.memsize, self.memsize_mib)
    }
}

/// `create-link`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateLink {
    /// A READY partition.
    pub first: PartitionId,
    /// Another one.
    pub second: PartitionId,
}

/// `deploy` (3.2.1.2). Files are paths or `image:sha256:HEX`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deploy {
    /// The partition.
    #[serde(alias = "id")]
    pub partition_id: PartitionId,
    /// arm64 kernel image, uncompressed.
    pub kernel: String,
    /// Device tree blob; made from the board's tree when missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dtb: Option<String>,
    /// Initial RAM disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initrd: Option<String>,
    /// Kernel command line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cmdline: Option<String>,
}

/// The partition that a command is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// The partition.
    #[serde(alias = "partition_id")]
    pub id: PartitionId,
}

/// `shutdown` (3.2.1.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shutdown {
    /// The partition.
    #[serde(alias = "partition_id")]
    pub id: PartitionId,
    /// Forced unless said otherwise.
    #[serde(default)]
    pub mode: ShutdownMode,
    /// How long to wait for the CPUs to be off, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
}

/// How a partition is shut down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ShutdownMode {
    /// Halt the CPUs.
    #[default]
    Forced,
    /// Ask the operating system; boards may answer Unsupported.
    Graceful,
}

/// `image-put`: one piece of an image; the image exists when its last piece has come and the digest fits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImagePut {
    /// SHA-256 of the whole image, 64 hexadecimal digits.
    pub digest: String,
    /// Length of the whole image in bytes.
    pub size: u64,
    /// Where this piece begins.
    pub offset: u64,
    /// The piece, at most 512 KiB.
    #[serde(with = "base64_bytes")]
    pub data: Vec<u8>,
}

/// `image-delete`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageDelete {
    /// SHA-256 of the image, 64 hexadecimal digits.
    pub digest: String,
}

/// `console-read`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsoleRead {
    /// The partition.
    #[serde(alias = "partition_id")]
    pub id: PartitionId,
    /// First byte wanted, counted over everything ever printed; the oldest kept byte when missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<u64>,
    /// Most bytes wanted, 64 KiB when missing, at most 512 KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<u32>,
}

/// `console-write`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsoleWrite {
    /// The partition.
    #[serde(alias = "partition_id")]
    pub id: PartitionId,
    /// What is typed.
    #[serde(with = "base64_bytes")]
    pub data: Vec<u8>,
}

/// `console-attach`: the connection then carries one [`super::ConsoleChunk`] a line, and takes
/// [`ConsoleInput`] lines, `{"data": base64}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsoleAttach {
    /// The partition.
    #[serde(alias = "partition_id")]
    pub id: PartitionId,
    /// First byte wanted; what comes from now on when missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<u64>,
}

/// A line that an attached console takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsoleInput {
    /// What is typed.
    #[serde(with = "base64_bytes")]
    pub data: Vec<u8>,
}

/// `hello`: a relay states the role of the peer that it has authenticated. Taken on the relay's transport only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hello {
    /// The peer's role.
    pub role: Role,
}

/// What a peer may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Everything.
    Operator,
    /// Queries only, no console.
    Observer,
}
