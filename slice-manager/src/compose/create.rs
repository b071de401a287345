//! New resources, and new content of some.

use super::{CompositionError, Effect, World, quota, slice};
use crate::api::{
    Id, Kind, NetworkChunk, NetworkServiceInstance, PhysicalNetwork, RadioChunk, RadioService, Resource,
    Slice,
};

pub(super) fn decide(world: &World, resource: &Resource) -> Result<Vec<Effect>, CompositionError> {
    let (kind, id) = (resource.kind(), resource.id());
    if world.get(kind, id).is_ok() {
        return Err(CompositionError::AlreadyExists { kind, id: id.clone() });
    }
    check(world, resource)?;
    Ok(vec![Effect::Put(Box::new(resource.clone()))])
}

pub(super) fn replace(world: &World, resource: &Resource) -> Result<Vec<Effect>, CompositionError> {
    let old = world.get(resource.kind(), resource.id())?;
    if old == resource {
        return Ok(Vec::new());
    }
    check(world, resource)?;
    Ok(vec![Effect::Put(Box::new(resource.clone()))])
}

fn check(world: &World, resource: &Resource) -> Result<(), CompositionError> {
    if resource.kind() != Kind::User {
        world.get(Kind::User, resource.owner())?;
    }
    match resource {
        Resource::User(_)
        | Resource::Compute(_)
        | Resource::PhysicalNetwork(_)
        | Resource::RanInfrastructure(_)
        | Resource::NetworkService(_) => Ok(()),
        Resource::ComputeChunk(chunk) => quota::fits(world, chunk, world.taken(&chunk.compute_id)),
        Resource::NetworkChunk(chunk) => network_chunk(world, chunk),
        Resource::RadioChunk(chunk) => {
            world.get(Kind::RanInfrastructure, &chunk.ran_infrastructure_id).map(drop)
        }
        Resource::RadioService(service) => radio_service(world, service),
        Resource::Slice(slice) => slice::check(world, slice),
        Resource::NetworkServiceInstance(instance) => self::instance(world, instance),
    }
}

fn network_chunk(world: &World, chunk: &NetworkChunk) -> Result<(), CompositionError> {
    let network = world.find::<PhysicalNetwork>(&chunk.physical_network_id)?;
    if let Some(served) = &chunk.compute_chunk_id {
        owned_by(&chunk.user_id, world.get(Kind::ComputeChunk, served)?)?;
    }
    let range = network.physical_network_data.tag_range;
    if !range.contains(chunk.tag) {
        let (init, end) = (range.init, range.end);
        return Err(CompositionError::TagOutOfRange {
            network: network.id.clone(),
            tag: chunk.tag,
            init,
            end,
        });
    }
    let mut taken = 0_u64;
    for other in neighbours(world, &network.id).filter(|other| other.id != chunk.id) {
        if other.tag == chunk.tag {
            let (network, chunk) = (network.id.clone(), other.id.clone());
            return Err(CompositionError::TagTaken { network, tag: other.tag, chunk });
        }
        taken = taken.saturating_add(other.requirements.bandwidth.required);
    }
    let asked = chunk.requirements.bandwidth.required;
    let free = network.physical_network_data.bandwidth_total.saturating_sub(taken);
    match asked > free {
        true => Err(CompositionError::AboveFree {
            compute: network.id.clone(),
            what: "bandwidth",
            asked: format!("{asked} MB/s"),
            free: format!("{free} MB/s"),
        }),
        false => Ok(()),
    }
}

fn neighbours<'a>(world: &'a World, network: &'a Id) -> impl Iterator<Item = &'a NetworkChunk> {
    world.each::<NetworkChunk>().filter(move |chunk| chunk.physical_network_id == *network)
}

fn radio_service(world: &World, service: &RadioService) -> Result<(), CompositionError> {
    let slice = world.find::<Slice>(&service.slic3_id)?;
    world.find::<RadioChunk>(&service.radio_chunk_id)?;
    owned_by(&service.user_id, &Resource::Slice(slice.clone()))?;
    if !slice.chunk_ids.contains(&service.radio_chunk_id) {
        let (chunk, slice) = (service.radio_chunk_id.clone(), slice.id.clone());
        return Err(CompositionError::RadioChunkElsewhere { chunk, slice });
    }
    match service.cellular_config.is_some() {
        true => slice::has_access_network(world, slice),
        false => Ok(()),
    }
}

fn instance(world: &World, instance: &NetworkServiceInstance) -> Result<(), CompositionError> {
    let slice = world.find::<Slice>(&instance.slic3_id)?;
    owned_by(&instance.user_id, &Resource::Slice(slice.clone()))?;
    world.get(Kind::NetworkService, &instance.network_service_id)?;
    match instance.trusted && !slice::computes(world, slice).any(|compute| compute.trusted) {
        true => Err(CompositionError::NotTrusted { slice: slice.id.clone() }),
        false => Ok(()),
    }
}

/// R6: whether `resource` belongs to `user`.
pub(super) fn owned_by(user: &Id, resource: &Resource) -> Result<(), CompositionError> {
    match resource.owner() == user {
        true => Ok(()),
        false => Err(CompositionError::ForeignResource {
            kind: resource.kind(),
            id: resource.id().clone(),
            owner: resource.owner().clone(),
            user: user.clone(),
        }),
    }
}
