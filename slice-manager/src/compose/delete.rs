//! R5: what somebody uses is not deleted.

use super::{CompositionError, Effect, World};
use crate::api::{Id, Kind, Resource};

pub(super) fn decide(world: &World, kind: Kind, id: &Id) -> Result<Vec<Effect>, CompositionError> {
    world.get(kind, id)?;
    match user_of(world, kind, id) {
        None => Ok(vec![Effect::Remove(kind, id.clone())]),
        Some(user) => {
            Err(CompositionError::InUse { kind, id: id.clone(), by: user.kind(), user: user.id().clone() })
        }
    }
}

/// A resource that refers to this one.
fn user_of<'a>(world: &'a World, kind: Kind, id: &Id) -> Option<&'a Resource> {
    let owns =
        |resource: &Resource| kind == Kind::User && resource.kind() != Kind::User && resource.owner() == id;
    let uses = |resource: &&Resource| owns(resource) || references(resource).contains(&Some((kind, id)));
    Kind::ALL.iter().find_map(|other| world.all(*other).find(uses)).or_else(|| slice_of(world, id))
}

fn slice_of<'a>(world: &'a World, chunk: &Id) -> Option<&'a Resource> {
    world.slice_of_chunk(chunk).and_then(|slice| world.get(Kind::Slice, slice).ok())
}

/// What a resource refers to, beside its owner and a slice's chunks.
fn references(resource: &Resource) -> [Option<(Kind, &Id)>; 2] {
    match resource {
        Resource::User(_)
        | Resource::Compute(_)
        | Resource::PhysicalNetwork(_)
        | Resource::RanInfrastructure(_)
        | Resource::Slice(_)
        | Resource::NetworkService(_) => [None, None],
        Resource::ComputeChunk(chunk) => [Some((Kind::Compute, &chunk.compute_id)), None],
        Resource::NetworkChunk(chunk) => [
            Some((Kind::PhysicalNetwork, &chunk.physical_network_id)),
            chunk.compute_chunk_id.as_ref().map(|id| (Kind::ComputeChunk, id)),
        ],
        Resource::RadioChunk(chunk) => [Some((Kind::RanInfrastructure, &chunk.ran_infrastructure_id)), None],
        Resource::RadioService(service) => {
            [Some((Kind::RadioChunk, &service.radio_chunk_id)), Some((Kind::Slice, &service.slic3_id))]
        }
        Resource::NetworkServiceInstance(instance) => [
            Some((Kind::Slice, &instance.slic3_id)),
            Some((Kind::NetworkService, &instance.network_service_id)),
        ],
    }
}
