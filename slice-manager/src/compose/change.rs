//! What clients ask for, and what it does.

use crate::api::{Cpus, Id, Kind, Resource, Size};

/// A change that a client asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// A new resource, with its id.
    Create(Box<Resource>),
    /// Another content of a resource that is there: radio chunks and radio services.
    Replace(Box<Resource>),
    /// A resource less.
    Delete(Kind, Id),
    /// More chunks in a slice.
    AddChunks {
        /// The slice.
        slice: Id,
        /// The chunks.
        chunk_ids: Vec<Id>,
    },
    /// Fewer chunks in a slice.
    DelChunks {
        /// The slice.
        slice: Id,
        /// The chunks.
        chunk_ids: Vec<Id>,
    },
    /// Another quota of a compute chunk.
    Resize {
        /// The chunk.
        chunk: Id,
        /// The new quota.
        quota: Quota,
        /// What runs in the chunk, as its back end measures it.
        usage: Usage,
    },
}

/// One quota of a compute chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quota {
    /// Cores.
    Cpus(Cpus),
    /// Memory.
    Ram(Size),
    /// Storage.
    Storage(Size),
}

/// What is in use inside a compute chunk and cannot be taken from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Cores that are bound, such as those of running servers.
    pub cpus: Cpus,
    /// Memory.
    pub ram: Size,
    /// Storage.
    pub storage: Size,
}

/// What a change does to the world.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// The resource is there with this content.
    Put(Box<Resource>),
    /// The resource is gone.
    Remove(Kind, Id),
}
