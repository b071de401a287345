//! Rules that a change can break.

use crate::api::{Cpus, Id, Kind, Size};

/// A broken rule. `rule` names it, the text says what broke it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CompositionError {
    /// R1.
    #[error("Slice {slice} has no compute chunk; it needs at least one")]
    NoComputeChunk {
        /// The slice's name.
        slice: String,
    },
    /// R2.
    #[error("Slice {slice} has compute chunk {chunk} on OpenStack but no network chunk of role data-network")]
    NoDataNetwork {
        /// The slice's name.
        slice: String,
        /// The chunk that needs it.
        chunk: Id,
    },
    /// R3.
    #[error("Slice {slice} has a cellular radio service but no network chunk of role access-network")]
    NoAccessNetwork {
        /// The slice's name.
        slice: String,
    },
    /// R4.
    #[error("Slice {slice} has {count} radio chunks; at most one is allowed")]
    TooManyRadioChunks {
        /// The slice's name.
        slice: String,
        /// How many.
        count: usize,
    },
    /// R5.
    #[error("The {} {id} is used by the {} {user}", kind.path(), by.path())]
    InUse {
        /// What is used.
        kind: Kind,
        /// Which.
        id: Id,
        /// What uses it.
        by: Kind,
        /// Which.
        user: Id,
    },
    /// R6.
    #[error("The {} {id} belongs to user {owner}, not to user {user}", kind.path())]
    ForeignResource {
        /// What it is.
        kind: Kind,
        /// Which.
        id: Id,
        /// Whose it is.
        owner: Id,
        /// Who asked.
        user: Id,
    },
    /// R7.
    #[error(
        "Network chunk {network_chunk} serves compute chunk {compute_chunk}, which is not in slice {slice}"
    )]
    ServedChunkMissing {
        /// The network chunk.
        network_chunk: Id,
        /// What it serves.
        compute_chunk: Id,
        /// The slice's name.
        slice: String,
    },
    /// R8.
    #[error("Chunk {chunk} is in slice {slice} already; a chunk is in at most one slice")]
    ChunkTaken {
        /// The chunk.
        chunk: Id,
        /// The slice that has it.
        slice: Id,
    },
    /// R10, from below.
    #[error("{what} of chunk {chunk} cannot fall to {asked}: {used} is in use")]
    BelowUse {
        /// The chunk.
        chunk: Id,
        /// Which quota.
        what: &'static str,
        /// What was asked for.
        asked: String,
        /// What is in use.
        used: String,
    },
    /// R10, from above.
    #[error("Compute {compute} has {free} of {what} free; {asked} is asked for")]
    AboveFree {
        /// The compute.
        compute: Id,
        /// Which quota.
        what: &'static str,
        /// What was asked for.
        asked: String,
        /// What is free.
        free: String,
    },
    /// A chunk of no cores at all.
    #[error("A compute chunk needs more than 0 cores")]
    NoCores,
    /// An id that names nothing.
    #[error("There is no {} {id}", kind.path())]
    NotFound {
        /// What was looked for.
        kind: Kind,
        /// Its id.
        id: Id,
    },
    /// An id that is no chunk of any kind.
    #[error("There is no chunk {id}")]
    NoSuchChunk {
        /// The id.
        id: Id,
    },
    /// The id is taken.
    #[error("There is a {} {id} already", kind.path())]
    AlreadyExists {
        /// What it is.
        kind: Kind,
        /// Its id.
        id: Id,
    },
    /// A tag outside the network's range.
    #[error("Tag {tag} is outside the range {init} to {end} of physical network {network}")]
    TagOutOfRange {
        /// The network.
        network: Id,
        /// The tag.
        tag: u16,
        /// The range's first.
        init: u16,
        /// The range's last.
        end: u16,
    },
    /// A tag that another chunk has.
    #[error("Tag {tag} of physical network {network} is taken by network chunk {chunk}")]
    TagTaken {
        /// The network.
        network: Id,
        /// The tag.
        tag: u16,
        /// Who has it.
        chunk: Id,
    },
    /// A trusted instance needs a trusted compute.
    #[error("Slice {slice} has no chunk on a trusted compute, which a trusted instance needs")]
    NotTrusted {
        /// The slice.
        slice: Id,
    },
    /// A radio service on a chunk that its slice does not have.
    #[error("Radio chunk {chunk} is not in slice {slice}")]
    RadioChunkElsewhere {
        /// The chunk.
        chunk: Id,
        /// The slice.
        slice: Id,
    },
}

impl CompositionError {
    /// Short name of the rule: the last part of its `type` URI in answers.
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::NoComputeChunk { .. } => "r1-compute-chunk",
            Self::NoDataNetwork { .. } => "r2-data-network",
            Self::NoAccessNetwork { .. } => "r3-access-network",
            Self::TooManyRadioChunks { .. } => "r4-one-radio-chunk",
            Self::InUse { .. } => "r5-in-use",
            Self::ForeignResource { .. } => "r6-one-user",
            Self::ServedChunkMissing { .. } => "r7-served-chunk",
            Self::ChunkTaken { .. } => "r8-one-slice",
            Self::BelowUse { .. } => "r10-below-use",
            Self::AboveFree { .. } => "r10-above-free",
            Self::NoCores => "no-cores",
            Self::NotFound { .. } | Self::NoSuchChunk { .. } => "not-found",
            Self::AlreadyExists { .. } => "already-exists",
            Self::TagOutOfRange { .. } => "tag-range",
            Self::TagTaken { .. } => "tag-taken",
            Self::NotTrusted { .. } => "trusted",
            Self::RadioChunkElsewhere { .. } => "radio-chunk-elsewhere",
        }
    }

    /// HTTP status of the answer.
    pub const fn status(&self) -> u16 {
        match self {
            Self::NotFound { .. } | Self::NoSuchChunk { .. } => 404,
            Self::NoCores | Self::TagOutOfRange { .. } => 400,
            Self::NoComputeChunk { .. }
            | Self::NoDataNetwork { .. }
            | Self::NoAccessNetwork { .. }
            | Self::TooManyRadioChunks { .. }
            | Self::InUse { .. }
            | Self::ForeignResource { .. }
            | Self::ServedChunkMissing { .. }
            | Self::ChunkTaken { .. }
            | Self::BelowUse { .. }
            | Self::AboveFree { .. }
            | Self::AlreadyExists { .. }
            | Self::TagTaken { .. }
            | Self::NotTrusted { .. }
            | Self::RadioChunkElsewhere { .. } => 409,
        }
    }

    pub(super) fn above_free_cpus(compute: &Id, asked: Cpus, free: Cpus) -> Self {
        let what = "cores";
        Self::AboveFree { compute: compute.clone(), what, asked: asked.to_string(), free: free.to_string() }
    }

    pub(super) fn above_free(compute: &Id, what: &'static str, asked: Size, free: Size) -> Self {
        Self::AboveFree { compute: compute.clone(), what, asked: asked.to_string(), free: free.to_string() }
    }
}
