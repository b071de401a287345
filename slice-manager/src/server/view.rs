//! Resources as answers show them.

use serde::Serialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

use crate::api::{
    Compute, ComputeChunk, Id, NetworkChunk, RadioChunk, RadioService, Resource, SizeQuota, Slice, Typed,
};
use crate::compose::World;

/// The only status that a slice has here: it is composed at once.
const ACTIVE: &str = "configured";

/// A slice as answers show it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SliceView {
    id: Id,
    name: String,
    user_id: Id,
    chunks: Chunks,
    activation_status: &'static str,
    radio_service: Vec<RadioService>,
}

/// A slice's chunks by kind.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Chunks {
    compute_chunk: Vec<ComputeChunk>,
    network_chunk: Vec<NetworkChunk>,
    radio_chunk: Vec<RadioChunk>,
}

/// A resource with what follows from others: quotas in use, a slice's chunks by kind.
pub(crate) fn render(world: &World, resource: &Resource) -> Value {
    match resource {
        Resource::Compute(compute) => render_compute(world, compute),
        Resource::Slice(slice) => plain(&render_slice(world, slice)),
        Resource::User(_)
        | Resource::PhysicalNetwork(_)
        | Resource::RanInfrastructure(_)
        | Resource::ComputeChunk(_)
        | Resource::NetworkChunk(_)
        | Resource::RadioChunk(_)
        | Resource::RadioService(_)
        | Resource::NetworkService(_)
        | Resource::NetworkServiceInstance(_) => plain(resource),
    }
}

fn plain(resource: &impl Serialize) -> Value {
    // Resources were read from JSON, so that they have a JSON form.
    serde_json::to_value(resource).unwrap_or_default()
}

fn render_compute(world: &World, compute: &Compute) -> Value {
    let (cpus, ram, storage) = world.provisioned(&compute.id);
    let mut shown = compute.clone();
    let quota = &mut shown.compute_data.quota;
    quota.cpus.provisioned = cpus;
    quota.ram = SizeQuota { provisioned: quota.ram.units.count(ram), ..quota.ram };
    quota.storage = SizeQuota { provisioned: quota.storage.units.count(storage), ..quota.storage };
    plain(&shown)
}

fn render_slice(world: &World, slice: &Slice) -> SliceView {
    let services = world.each::<RadioService>().filter(|service| service.slic3_id == slice.id);
    SliceView {
        id: slice.id.clone(),
        name: slice.name.clone(),
        user_id: slice.user_id.clone(),
        chunks: Chunks {
            compute_chunk: chunks(world, slice),
            network_chunk: chunks(world, slice),
            radio_chunk: chunks(world, slice),
        },
        activation_status: ACTIVE,
        radio_service: services.cloned().collect(),
    }
}

fn chunks<T: Typed + Clone>(world: &World, slice: &Slice) -> Vec<T> {
    slice.chunk_ids.iter().filter_map(|id| world.find::<T>(id).ok().cloned()).collect()
}

/// Entity tag of an answer: two that are equal have the same.
pub(crate) fn entity_tag(body: &Value) -> String {
    let digest = Sha256::digest(body.to_string());
    let half: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{half}\"")
}
