//! Why a checkpoint cannot be written or used.

use std::path::PathBuf;

/// Why a checkpoint cannot be written or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// A file cannot be read or written; what was there before is still whole.
    #[error("Cannot {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
    /// The file holds something else, or is cut off.
    #[error("It is no whole safetensors file")]
    NotSafetensors(#[source] safetensors::SafeTensorError),
    /// It is larger than any checkpoint.
    #[error("It has {bytes} bytes, a checkpoint has at most {limit}")]
    TooLarge {
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// The header was written by a later release.
    #[error("It has format version {found}, this release reads up to {known}")]
    LaterVersion {
        /// Of the file.
        found: u32,
        /// The latest one known.
        known: u32,
    },
    /// The header is not what this program writes.
    #[error("Its header is broken")]
    BrokenHeader(#[from] serde_json::Error),
    /// Content and seal differ.
    #[error("Its content does not match its seal: the file was damaged or changed")]
    BrokenSeal,
    /// A tensor has a type that checkpoints do not have.
    #[error("Tensor {name} has the type {dtype}, known are F32, F64, U8, U32, U64")]
    UnknownType {
        /// Name of the tensor.
        name: String,
        /// Its type.
        dtype: String,
    },
    /// It is good for something else.
    #[error("It holds {found}, {wanted} is needed")]
    OtherKind {
        /// What it holds.
        found: &'static str,
        /// What is needed.
        wanted: &'static str,
    },
    /// The header says nothing of it.
    #[error("Its header says nothing of {0}")]
    NoDescription(String),
    /// The header says something unexpected of it.
    #[error("Its header says something unexpected of {name}")]
    BadDescription {
        /// Of what.
        name: String,
        /// What is unexpected.
        #[source]
        source: serde_json::Error,
    },
    /// A tensor is missing.
    #[error("It has no tensor {0}")]
    Missing(String),
    /// A tensor is there that nothing asked for.
    #[error("It has a tensor {0} that nothing here needs")]
    Unexpected(String),
    /// A tensor is not what is needed.
    #[error("Tensor {name} is {found}, {wanted} is needed")]
    OtherShape {
        /// Name of the tensor.
        name: String,
        /// Its type and shape.
        found: String,
        /// Type and shape that are needed.
        wanted: String,
    },
    /// A value cannot be.
    #[error("Tensor {name} holds {value}, it must be {rule}")]
    BadValue {
        /// Name of the tensor.
        name: String,
        /// The value.
        value: String,
        /// What it must be.
        rule: &'static str,
    },
}
