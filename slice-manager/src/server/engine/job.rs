//! What is asked of the engine, and what it answers.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;
use tokio::sync::oneshot;

use super::super::Failure;
use super::super::access::{Caller, TokenDigest};
use super::super::seal::Secrets;
use crate::api::{Id, Kind, NetworkChunk, Resource, Slice, Typed as _};
use crate::compose::{Change, Quota, Usage};

/// A change that somebody asks for.
#[derive(Debug, Clone)]
pub enum Ask {
    /// A new resource with its id, and the secrets that were taken out of it.
    Create(Box<Resource>, Secrets),
    /// Another content of a resource.
    Replace(Box<Resource>),
    /// A resource less.
    Delete(Kind, Id),
    /// More chunks in a slice.
    AddChunks(Id, Vec<Id>),
    /// Fewer chunks in a slice.
    DelChunks(Id, Vec<Id>),
    /// Another quota of a compute chunk.
    Resize(Id, Quota),
    /// A token with which one acts for a user.
    Token(Id, TokenDigest),
}

/// An `Idempotency-Key`, and the digest of the request that came with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestKey {
    /// The key.
    pub key: String,
    /// Digest of method, path and body.
    pub request: [u8; 32],
}

/// What was done.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The resource; none if the API answers with none.
    pub body: Option<Value>,
}

/// A change that somebody waits for.
#[derive(Debug)]
pub struct Job {
    /// Who asks.
    pub caller: Caller,
    /// For what.
    pub ask: Ask,
    /// Only if the resource has this entity tag.
    pub if_match: Option<String>,
    /// Only once.
    pub key: Option<RequestKey>,
    /// Where the answer goes.
    pub answer: oneshot::Sender<Result<Answer, Failure>>,
    /// What the chunk uses, once it was measured.
    pub(super) usage: Option<Usage>,
}

impl Job {
    /// A change that is wanted, and where its answer will be.
    pub fn new(caller: Caller, ask: Ask) -> (Self, oneshot::Receiver<Result<Answer, Failure>>) {
        let (answer, receiver) = oneshot::channel();
        (Self { caller, ask, if_match: None, key: None, answer, usage: None }, receiver)
    }

    /// Chunks that it concerns.
    pub(super) fn touches(&self) -> Vec<&Id> {
        match &self.ask {
            Ask::Create(resource, _) | Ask::Replace(resource) => {
                let served = NetworkChunk::of(resource).and_then(|chunk| chunk.compute_chunk_id.as_ref());
                let composed = Slice::of(resource).into_iter().flat_map(|slice| &slice.chunk_ids);
                composed.chain(served).collect()
            }
            Ask::Delete(_, id) | Ask::Resize(id, _) => vec![id],
            Ask::AddChunks(_, ids) | Ask::DelChunks(_, ids) => ids.iter().collect(),
            Ask::Token(..) => Vec::new(),
        }
    }

    /// The resource that it changes.
    pub(super) fn subject(&self) -> (Kind, &Id) {
        match &self.ask {
            Ask::Create(resource, _) | Ask::Replace(resource) => (resource.kind(), resource.id()),
            Ask::Delete(kind, id) => (*kind, id),
            Ask::AddChunks(id, _) | Ask::DelChunks(id, _) => (Kind::Slice, id),
            Ask::Resize(id, _) => (Kind::ComputeChunk, id),
            Ask::Token(id, _) => (Kind::User, id),
        }
    }

    /// As the composition rules take it; tokens are none of their business.
    pub(super) fn change(&self) -> Option<Change> {
        Some(match self.ask.clone() {
            Ask::Create(resource, _) => Change::Create(resource),
            Ask::Replace(resource) => Change::Replace(resource),
            Ask::Delete(kind, id) => Change::Delete(kind, id),
            Ask::AddChunks(slice, chunk_ids) => Change::AddChunks { slice, chunk_ids },
            Ask::DelChunks(slice, chunk_ids) => Change::DelChunks { slice, chunk_ids },
            Ask::Resize(chunk, quota) => {
                Change::Resize { chunk, quota, usage: self.usage.unwrap_or_default() }
            }
            Ask::Token(..) => return None,
        })
    }

    /// Whether the answer shows the resource.
    pub(super) const fn shows(&self) -> bool {
        match &self.ask {
            Ask::Create(..) | Ask::Replace(_) | Ask::AddChunks(..) | Ask::DelChunks(..) => true,
            Ask::Delete(..) | Ask::Resize(..) | Ask::Token(..) => false,
        }
    }
}

/// Seconds since 1970.
pub(super) fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
