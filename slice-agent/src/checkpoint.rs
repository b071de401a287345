//! State of agents as files: safetensors, which PyTorch reads and writes, with JSON metadata in their header.
//!
//! Whatever has state implements [`Stateful`]: it puts named tensors into a [`Writer`] and takes them back from a
//! [`Reader`]. [`Checkpoint`] is the file: of kind [`Kind::Weights`] for acting and for other programs, of kind
//! [`Kind::Training`] for going on bit by bit where a training stopped.
//!
//! A file is written beside its place and then moved there, so that the old one stays whole whatever happens. It is
//! sealed with a digest of its content; a file of another program has no seal and is accepted as weights.
//!
//! ```
//! use slice_agent::checkpoint::{Checkpoint, CheckpointError, Kind, Reader, Stateful, Writer};
//!
//! struct Counter { count: u64, weights: [f32; 2] }
//!
//! impl Stateful for Counter {
//!     fn store(&self, to: &mut Writer<'_>) {
//!         to.put("count", self.count);
//!         to.tensor("weights", &[2], &self.weights);
//!     }
//!     fn restore(&mut self, from: &mut Reader<'_>) -> Result<(), CheckpointError> {
//!         self.count = from.take("count")?;
//!         from.tensor("weights", &[2], &mut self.weights)
//!     }
//! }
//!
//! let mut file = Checkpoint::new(Kind::Training);
//! file.store("counter", &Counter { count: 7, weights: [0.5, -1.0] });
//! let file = Checkpoint::from_bytes(&file.to_bytes()?)?;
//! let mut counter = Counter { count: 0, weights: [0.0; 2] };
//! file.restore("counter", &mut counter)?;
//! assert_eq!((counter.count, counter.weights), (7, [0.5, -1.0]));
//! # Ok::<(), CheckpointError>(())
//! ```

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

mod error;
mod file;
mod format;
mod reader;
mod tensor;
mod writer;

pub use error::CheckpointError;
pub use file::write_whole;
pub use reader::Reader;
pub use tensor::{Number, Tensor};
pub use writer::Writer;

/// What a checkpoint is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Weights for acting: what the networks know, and nothing of how they learnt it.
    Weights,
    /// The whole state of a training.
    Training,
}

impl Kind {
    /// Its name in the file.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Weights => "weights",
            Kind::Training => "training",
        }
    }
}

/// State that can be put into a checkpoint and taken back.
pub trait Stateful {
    /// Puts all of it under names into `to`.
    fn store(&self, to: &mut Writer<'_>);

    /// Takes it back; shapes must be those that [`Stateful::store`] of an equal configuration writes.
    ///
    /// # Errors
    /// A tensor is missing, has another shape or type, or holds a value that cannot be.
    fn restore(&mut self, from: &mut Reader<'_>) -> Result<(), CheckpointError>;
}

/// Tensors and metadata: the content of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    kind: Kind,
    metadata: BTreeMap<String, Value>,
    tensors: BTreeMap<String, Tensor>,
}

impl Checkpoint {
    /// An empty one.
    pub fn new(kind: Kind) -> Checkpoint {
        Checkpoint { kind, metadata: BTreeMap::new(), tensors: BTreeMap::new() }
    }

    /// What it is good for.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Refuses a checkpoint that is good for something else.
    ///
    /// # Errors
    /// It is.
    pub fn expect(&self, kind: Kind) -> Result<(), CheckpointError> {
        if self.kind == kind {
            return Ok(());
        }
        Err(CheckpointError::OtherKind { found: self.kind.name(), wanted: kind.name() })
    }

    /// Names and tensors, in the order of their names.
    pub fn tensors(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.tensors.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }

    /// Puts a tensor under `name`, instead of one that was there.
    pub fn insert(&mut self, name: &str, tensor: Tensor) {
        self.tensors.insert(name.to_owned(), tensor);
    }

    /// Puts something about the tensors into the header.
    ///
    /// # Errors
    /// It cannot be written as JSON.
    pub fn describe(&mut self, name: &str, value: &impl Serialize) -> Result<(), CheckpointError> {
        self.metadata.insert(name.to_owned(), serde_json::to_value(value)?);
        Ok(())
    }

    /// What was put into the header under `name`.
    ///
    /// # Errors
    /// Nothing was, or something of another shape.
    pub fn description<T: DeserializeOwned>(&self, name: &str) -> Result<T, CheckpointError> {
        let value = self.metadata.get(name).ok_or_else(|| CheckpointError::NoDescription(name.to_owned()))?;
        let parsed = serde_json::from_value(value.clone());
        parsed.map_err(|source| CheckpointError::BadDescription { name: name.to_owned(), source })
    }

    /// Puts all state of `what` under names that begin with `part` and a dot; an empty `part` adds nothing.
    pub fn store(&mut self, part: &str, what: &(impl Stateful + ?Sized)) {
        what.store(&mut Writer::new(&mut self.tensors).part(part));
    }

    /// Takes it back into `what`.
    ///
    /// # Errors
    /// As [`Stateful::restore`], or there are tensors under `part` that `what` did not take.
    pub fn restore(&self, part: &str, what: &mut (impl Stateful + ?Sized)) -> Result<(), CheckpointError> {
        let mut taken = std::collections::BTreeSet::new();
        let mut reader = Reader::new(&self.tensors, &mut taken);
        what.restore(&mut reader.part(part))?;
        let prefix = if part.is_empty() { String::new() } else { format!("{part}.") };
        let left = self.tensors.keys().find(|name| name.starts_with(&prefix) && !taken.contains(*name));
        left.map_or(Ok(()), |name| Err(CheckpointError::Unexpected(name.clone())))
    }
}

#[cfg(test)]
mod tests;
