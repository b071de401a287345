//! R1-R4, R6-R9, R11: what makes a slice.

use super::create::owned_by;
use super::{CompositionError, Effect, World};
use crate::api::{
    Compute, ComputeChunk, ComputeType, Id, Kind, NetworkChunk, NetworkRole, RadioService, Resource, Slice,
    Typed,
};

/// More chunks; those that are there already count as added.
pub(super) fn add(world: &World, id: &Id, chunk_ids: &[Id]) -> Result<Vec<Effect>, CompositionError> {
    let mut slice = world.find::<Slice>(id)?.clone();
    let before = slice.chunk_ids.len();
    for chunk in chunk_ids {
        if !slice.chunk_ids.contains(chunk) {
            slice.chunk_ids.push(chunk.clone());
        }
    }
    changed(world, slice, before)
}

/// Fewer chunks; those that are not there count as removed.
pub(super) fn remove(world: &World, id: &Id, chunk_ids: &[Id]) -> Result<Vec<Effect>, CompositionError> {
    let mut slice = world.find::<Slice>(id)?.clone();
    let before = slice.chunk_ids.len();
    slice.chunk_ids.retain(|chunk| !chunk_ids.contains(chunk));
    for chunk in chunk_ids {
        no_radio_service(world, &slice, chunk)?;
    }
    changed(world, slice, before)
}

fn changed(world: &World, slice: Slice, before: usize) -> Result<Vec<Effect>, CompositionError> {
    if slice.chunk_ids.len() == before {
        return Ok(Vec::new());
    }
    check(world, &slice)?;
    Ok(vec![Effect::Put(Box::new(Resource::Slice(slice)))])
}

fn no_radio_service(world: &World, slice: &Slice, chunk: &Id) -> Result<(), CompositionError> {
    let user = services(world, slice).find(|service| service.radio_chunk_id == *chunk);
    match user {
        None => Ok(()),
        Some(service) => Err(CompositionError::InUse {
            kind: Kind::RadioChunk,
            id: chunk.clone(),
            by: Kind::RadioService,
            user: service.id.clone(),
        }),
    }
}

/// All rules that a slice's set of chunks must keep.
pub(super) fn check(world: &World, slice: &Slice) -> Result<(), CompositionError> {
    let chunks = slice.chunk_ids.iter().map(|id| world.chunk(id)).collect::<Result<Vec<_>, _>>()?;
    for chunk in &chunks {
        owned_by(&slice.user_id, chunk)?;
        not_taken(world, slice, chunk.id())?;
    }
    has_compute(slice, &chunks)?;
    has_data_network(world, slice, &chunks)?;
    if services(world, slice).any(|service| service.cellular_config.is_some()) {
        has_access_network(world, slice)?;
    }
    one_radio_chunk(slice, &chunks)?;
    served_chunks_are_here(slice, &chunks)
}

fn not_taken(world: &World, slice: &Slice, chunk: &Id) -> Result<(), CompositionError> {
    match world.slice_of_chunk(chunk) {
        Some(other) if *other != slice.id => {
            Err(CompositionError::ChunkTaken { chunk: chunk.clone(), slice: other.clone() })
        }
        Some(_) | None => Ok(()),
    }
}

fn has_compute(slice: &Slice, chunks: &[&Resource]) -> Result<(), CompositionError> {
    match compute_chunks(chunks).next() {
        Some(_) => Ok(()),
        None => Err(CompositionError::NoComputeChunk { slice: slice.name.clone() }),
    }
}

fn has_data_network(world: &World, slice: &Slice, chunks: &[&Resource]) -> Result<(), CompositionError> {
    let on_openstack = compute_chunks(chunks).find(|chunk| {
        world
            .find::<Compute>(&chunk.compute_id)
            .is_ok_and(|compute| compute.compute_type == ComputeType::Openstack)
    });
    match on_openstack {
        Some(chunk) if !has_role(chunks, NetworkRole::Data) => {
            Err(CompositionError::NoDataNetwork { slice: slice.name.clone(), chunk: chunk.id.clone() })
        }
        Some(_) | None => Ok(()),
    }
}

/// R3 for a slice with a cellular service.
pub(super) fn has_access_network(world: &World, slice: &Slice) -> Result<(), CompositionError> {
    let chunks: Vec<_> = slice.chunk_ids.iter().filter_map(|id| world.chunk(id).ok()).collect();
    match has_role(&chunks, NetworkRole::Access) {
        true => Ok(()),
        false => Err(CompositionError::NoAccessNetwork { slice: slice.name.clone() }),
    }
}

fn one_radio_chunk(slice: &Slice, chunks: &[&Resource]) -> Result<(), CompositionError> {
    let count = chunks.iter().filter(|chunk| chunk.kind() == Kind::RadioChunk).count();
    match count > 1 {
        true => Err(CompositionError::TooManyRadioChunks { slice: slice.name.clone(), count }),
        false => Ok(()),
    }
}

fn served_chunks_are_here(slice: &Slice, chunks: &[&Resource]) -> Result<(), CompositionError> {
    for chunk in network_chunks(chunks) {
        if let Some(served) = &chunk.compute_chunk_id
            && !slice.chunk_ids.contains(served)
        {
            return Err(CompositionError::ServedChunkMissing {
                network_chunk: chunk.id.clone(),
                compute_chunk: served.clone(),
                slice: slice.name.clone(),
            });
        }
    }
    Ok(())
}

fn has_role(chunks: &[&Resource], role: NetworkRole) -> bool {
    network_chunks(chunks).any(|chunk| chunk.role == role)
}

fn compute_chunks<'a>(chunks: &'a [&'a Resource]) -> impl Iterator<Item = &'a ComputeChunk> {
    chunks.iter().filter_map(|chunk| ComputeChunk::of(chunk))
}

fn network_chunks<'a>(chunks: &'a [&'a Resource]) -> impl Iterator<Item = &'a NetworkChunk> {
    chunks.iter().filter_map(|chunk| NetworkChunk::of(chunk))
}

/// The computes that a slice's chunks lie on.
pub(super) fn computes<'a>(world: &'a World, slice: &'a Slice) -> impl Iterator<Item = &'a Compute> {
    let chunks = slice.chunk_ids.iter().filter_map(|id| world.find::<ComputeChunk>(id).ok());
    chunks.filter_map(|chunk| world.find::<Compute>(&chunk.compute_id).ok())
}

fn services<'a>(world: &'a World, slice: &'a Slice) -> impl Iterator<Item = &'a RadioService> {
    world.each::<RadioService>().filter(|service| service.slic3_id == slice.id)
}
