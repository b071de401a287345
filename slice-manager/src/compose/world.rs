//! All resources, and who uses what.

use std::collections::BTreeMap;

use super::{CompositionError, Effect};
use crate::api::{Compute, Cpus, Id, Kind, Requirements, Resource, Size, Typed};

/// All resources by kind and id, with what follows from them kept beside: which slice has a chunk, what the chunks of a
/// compute take. Only [`World::apply`] changes it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct World {
    resources: BTreeMap<Kind, BTreeMap<Id, Resource>>,
    slice_of_chunk: BTreeMap<Id, Id>,
    taken_of_compute: BTreeMap<Id, Taken>,
}

/// What the chunks of a compute take in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Taken {
    pub(super) cpus: Cpus,
    pub(super) ram: Size,
    pub(super) storage: Size,
    chunks: usize,
}

impl World {
    /// The resource of this kind and id.
    ///
    /// # Errors
    /// There is none.
    pub fn get(&self, kind: Kind, id: &Id) -> Result<&Resource, CompositionError> {
        let found = self.resources.get(&kind).and_then(|resources| resources.get(id));
        found.ok_or_else(|| CompositionError::NotFound { kind, id: id.clone() })
    }

    /// The resource of this type and id.
    ///
    /// # Errors
    /// There is none.
    pub fn find<T: Typed>(&self, id: &Id) -> Result<&T, CompositionError> {
        T::of(self.get(T::KIND, id)?)
            .ok_or_else(|| CompositionError::NotFound { kind: T::KIND, id: id.clone() })
    }

    /// All resources of a type, by id.
    pub fn each<T: Typed>(&self) -> impl Iterator<Item = &T> {
        self.all(T::KIND).filter_map(T::of)
    }

    /// All resources of a kind, by id.
    pub fn all(&self, kind: Kind) -> impl Iterator<Item = &Resource> {
        self.resources.get(&kind).into_iter().flat_map(BTreeMap::values)
    }

    /// The resources of a kind whose ids follow `after`.
    pub fn after<'a>(&'a self, kind: Kind, after: &'a Id) -> impl Iterator<Item = &'a Resource> {
        let resources = self.resources.get(&kind).into_iter();
        resources.flat_map(move |resources| {
            resources
                .range((std::ops::Bound::Excluded(after), std::ops::Bound::Unbounded))
                .map(|(_, resource)| resource)
        })
    }

    /// The slice that has this chunk.
    pub fn slice_of_chunk(&self, chunk: &Id) -> Option<&Id> {
        self.slice_of_chunk.get(chunk)
    }

    /// What chunk this id names, of whatever kind.
    pub(super) fn chunk(&self, id: &Id) -> Result<&Resource, CompositionError> {
        let kinds = [Kind::ComputeChunk, Kind::NetworkChunk, Kind::RadioChunk];
        let found = kinds.into_iter().find_map(|kind| self.get(kind, id).ok());
        found.ok_or_else(|| CompositionError::NoSuchChunk { id: id.clone() })
    }

    pub(super) fn taken(&self, compute: &Id) -> Taken {
        self.taken_of_compute.get(compute).copied().unwrap_or_default()
    }

    /// The cores of a compute that no chunk has.
    ///
    /// # Errors
    /// There is no such compute.
    pub fn free_cpus(&self, compute: &Id) -> Result<Cpus, CompositionError> {
        let total = self.find::<Compute>(compute)?.compute_data.quota.cpus.total;
        Ok(total.saturating_sub(self.taken(compute).cpus))
    }

    /// Cores, memory and storage that the chunks of a compute have.
    pub fn provisioned(&self, compute: &Id) -> (Cpus, Size, Size) {
        let taken = self.taken(compute);
        (taken.cpus, taken.ram, taken.storage)
    }

    /// Carries out what [`super::decide`] decided.
    pub fn apply(&mut self, effects: impl IntoIterator<Item = Effect>) {
        for effect in effects {
            match effect {
                Effect::Put(resource) => self.put(*resource),
                Effect::Remove(kind, id) => drop(self.remove(kind, &id)),
            }
        }
    }

    fn put(&mut self, resource: Resource) {
        let (kind, id) = (resource.kind(), resource.id().clone());
        drop(self.remove(kind, &id));
        self.account(&resource, true);
        self.resources.entry(kind).or_default().insert(id, resource);
    }

    fn remove(&mut self, kind: Kind, id: &Id) -> Option<Resource> {
        let resource = self.resources.get_mut(&kind)?.remove(id)?;
        self.account(&resource, false);
        Some(resource)
    }

    /// Keeps what follows from a resource that comes or goes.
    fn account(&mut self, resource: &Resource, comes: bool) {
        if let Resource::ComputeChunk(chunk) = resource {
            let taken = self.taken_of_compute.entry(chunk.compute_id.clone()).or_default();
            taken.account(&chunk.requirements, comes);
            if taken.chunks == 0 {
                self.taken_of_compute.remove(&chunk.compute_id);
            }
        }
        if let Resource::Slice(slice) = resource {
            for chunk in &slice.chunk_ids {
                match comes {
                    true => drop(self.slice_of_chunk.insert(chunk.clone(), slice.id.clone())),
                    false => drop(self.slice_of_chunk.remove(chunk)),
                }
            }
        }
    }
}

impl Taken {
    fn account(&mut self, requirements: &Requirements, comes: bool) {
        let Requirements { cpus, ram, storage } = requirements;
        // The sums never exceed a compute's totals, which fit: a chunk is only put after that was checked.
        if comes {
            self.chunks += 1;
            self.cpus = self.cpus.checked_add(cpus.required).unwrap_or(self.cpus);
            self.ram = self.ram.checked_add(ram.required).unwrap_or(self.ram);
            self.storage = self.storage.checked_add(storage.required).unwrap_or(self.storage);
        } else {
            self.chunks -= 1;
            self.cpus = self.cpus.saturating_sub(cpus.required);
            self.ram = self.ram.saturating_sub(ram.required);
            self.storage = self.storage.saturating_sub(storage.required);
        }
    }

    /// Without one chunk that takes this much.
    pub(super) fn without(mut self, requirements: &Requirements) -> Self {
        self.account(requirements, false);
        self
    }
}
