//! A small world for tests: two users, an OpenStack and a cgroup compute, one network, one radio infrastructure.

use serde_json::{Value, json};

use super::{Change, CompositionError, World, decide};
use crate::api::{Id, Kind, Resource};

pub(super) fn id(text: &str) -> Id {
    Id::new(text)
}

pub(super) fn resource(kind: Kind, json: &Value) -> Resource {
    Resource::from_json(kind, &json.to_string()).unwrap()
}

/// Carries out a change as the server does.
pub(super) fn change(world: &mut World, change: &Change) -> Result<usize, CompositionError> {
    let effects = decide(world, change)?;
    let count = effects.len();
    world.apply(effects);
    Ok(count)
}

pub(super) fn create(world: &mut World, kind: Kind, json: &Value) -> Result<usize, CompositionError> {
    change(world, &Change::Create(Box::new(resource(kind, json))))
}

pub(super) fn compute(id: &str, compute_type: &str) -> Value {
    json!({"id": id, "name": id, "user_id": "ann", "compute_type": compute_type, "compute_data": {"quota": {
        "cpus": {"total": 8}, "ram": {"total": 16, "units": "GB"}, "storage": {"total": 100, "units": "GB"}}}})
}

pub(super) fn compute_chunk(id: &str, user: &str, compute: &str, cpus: f64) -> Value {
    json!({"id": id, "name": id, "user_id": user, "compute_id": compute,
        "requirements": {"cpus": {"required": cpus}, "ram": {"required": 1024, "units": "MB"}}})
}

pub(super) fn network_chunk(id: &str, user: &str, role: &str, tag: u16, serves: Option<&str>) -> Value {
    json!({"id": id, "name": id, "user_id": user, "physical_network_id": "net", "role": role, "tag": tag,
        "compute_chunk_id": serves, "requirements": {"bandwidth": {"required": 10, "units": "MB/s"}}})
}

pub(super) fn radio_chunk(id: &str, user: &str) -> Value {
    json!({"id": id, "name": id, "user_id": user, "ran_infrastructure_id": "ran",
        "chunk_topology": {"selectedPhys": [1], "selectedLinks": []}})
}

pub(super) fn radio_service(id: &str, chunk: &str, slice: &str, cellular: bool) -> Value {
    let config = if cellular { json!({"band": 78}) } else { Value::Null };
    json!({"id": id, "name": id, "user_id": "ann", "radio_chunk_id": chunk, "slic3_id": slice, "cellular_config": config})
}

pub(super) fn slice(id: &str, user: &str, chunk_ids: &[&str]) -> Value {
    json!({"id": id, "name": id, "user_id": user, "chunk_ids": chunk_ids})
}

pub(super) fn world() -> World {
    let mut world = World::default();
    for user in ["ann", "bob"] {
        create(&mut world, Kind::User, &json!({"id": user, "name": user, "email": "a@example.org"})).unwrap();
    }
    create(&mut world, Kind::Compute, &compute("cloud", "openstack")).unwrap();
    create(&mut world, Kind::Compute, &compute("edge", "cgroup")).unwrap();
    let network = json!({"id": "net", "name": "net", "user_id": "ann", "physical_network_data":
        {"bandwidth_total": 100, "tag_range": {"init": 100, "end": 199}}});
    create(&mut world, Kind::PhysicalNetwork, &network).unwrap();
    create(&mut world, Kind::RanInfrastructure, &json!({"id": "ran", "name": "ran", "user_id": "ann"}))
        .unwrap();
    world
}
