//! Resources as answers show them.

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::api::{Compute, Kind, RadioService, Resource, SizeQuota, Slice, Typed as _};
use crate::compose::World;

/// A resource with what follows from others: quotas in use, a slice's chunks by kind.
pub(crate) fn render(world: &World, resource: &Resource) -> Value {
    match resource {
        Resource::Compute(compute) => render_compute(world, compute),
        Resource::Slice(slice) => render_slice(world, slice),
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

fn plain(resource: &Resource) -> Value {
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
    plain(&Resource::Compute(shown))
}

fn render_slice(world: &World, slice: &Slice) -> Value {
    let kinds = [Kind::ComputeChunk, Kind::NetworkChunk, Kind::RadioChunk];
    let of_kind = |kind| -> Value {
        let found = slice.chunk_ids.iter().filter_map(|id| world.get(kind, id).ok());
        found.map(plain).collect()
    };
    let chunks: Map<String, Value> =
        kinds.into_iter().map(|kind| (kind.path().to_owned(), of_kind(kind))).collect();
    let services = world
        .all(Kind::RadioService)
        .filter(|service| RadioService::of(service).is_some_and(|service| service.slic3_id == slice.id));
    json!({
        "id": slice.id, "name": slice.name, "user_id": slice.user_id, "chunks": chunks,
        "activation_status": "configured", "radio_service": services.map(plain).collect::<Value>(),
    })
}

/// Entity tag of an answer: two that are equal have the same.
pub(crate) fn entity_tag(body: &Value) -> String {
    let digest = Sha256::digest(body.to_string());
    let half: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{half}\"")
}
