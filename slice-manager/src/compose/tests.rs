//! Each rule, broken and kept; and random changes that must leave every rule kept.

use proptest::prelude::*;
use serde_json::json;

use super::fixture::{
    change, compute_chunk, create, id, network_chunk, radio_chunk, radio_service, slice, world,
};
use super::{Change, CompositionError, Quota, Usage, World};
use crate::api::{ComputeChunk, Cpus, Id, Kind, Size, SizeUnit, Slice};

fn rule(result: Result<usize, CompositionError>) -> &'static str {
    result.map_or_else(|error| error.rule(), |_| "none")
}

fn resize(world: &mut World, chunk: &str, quota: Quota, usage: Usage) -> Result<usize, CompositionError> {
    change(world, &Change::Resize { chunk: id(chunk), quota, usage })
}

#[test]
fn slice_without_a_compute_chunk_is_refused() {
    let mut world = world();
    let error = create(&mut world, Kind::Slice, &slice("video", "ann", &[])).unwrap_err();
    assert_eq!(error.to_string(), "Slice video has no compute chunk; it needs at least one");
    assert_eq!(error.rule(), "r1-compute-chunk");
}

#[test]
fn chunk_on_openstack_needs_a_data_network() {
    let mut world = world();
    create(&mut world, Kind::ComputeChunk, &compute_chunk("c1", "ann", "cloud", 2.0)).unwrap();
    assert_eq!(rule(create(&mut world, Kind::Slice, &slice("s", "ann", &["c1"]))), "r2-data-network");
    create(&mut world, Kind::NetworkChunk, &network_chunk("n1", "ann", "access-network", 100, None)).unwrap();
    assert_eq!(rule(create(&mut world, Kind::Slice, &slice("s", "ann", &["c1", "n1"]))), "r2-data-network");
    create(&mut world, Kind::NetworkChunk, &network_chunk("n2", "ann", "data-network", 101, Some("c1")))
        .unwrap();
    assert_eq!(create(&mut world, Kind::Slice, &slice("s", "ann", &["c1", "n2"])), Ok(1));
}

#[test]
fn cellular_service_needs_an_access_network() {
    let mut world = world();
    create(&mut world, Kind::ComputeChunk, &compute_chunk("c1", "ann", "edge", 2.0)).unwrap();
    create(&mut world, Kind::RadioChunk, &radio_chunk("r1", "ann")).unwrap();
    create(&mut world, Kind::NetworkChunk, &network_chunk("n1", "ann", "access-access", 100, None)).unwrap();
    create(&mut world, Kind::Slice, &slice("s", "ann", &["c1", "r1"])).unwrap();
    let cellular = radio_service("w", "r1", "s", true);
    assert_eq!(rule(create(&mut world, Kind::RadioService, &cellular)), "r3-access-network");
    change(&mut world, &Change::AddChunks { slice: id("s"), chunk_ids: vec![id("n1")] }).unwrap();
    assert_eq!(create(&mut world, Kind::RadioService, &cellular), Ok(1));
    let without = Change::DelChunks { slice: id("s"), chunk_ids: vec![id("n1")] };
    assert_eq!(rule(change(&mut world, &without)), "r3-access-network");
    let without = Change::DelChunks { slice: id("s"), chunk_ids: vec![id("r1")] };
    assert_eq!(rule(change(&mut world, &without)), "r5-in-use");
}

#[test]
fn wireless_service_needs_no_access_network() {
    let mut world = world();
    create(&mut world, Kind::ComputeChunk, &compute_chunk("c1", "ann", "edge", 2.0)).unwrap();
    create(&mut world, Kind::RadioChunk, &radio_chunk("r1", "ann")).unwrap();
    create(&mut world, Kind::Slice, &slice("s", "ann", &["c1", "r1"])).unwrap();
    assert_eq!(create(&mut world, Kind::RadioService, &radio_service("w", "r1", "s", false)), Ok(1));
}

#[test]
fn second_radio_chunk_is_refused() {
    let mut world = world();
    create(&mut world, Kind::ComputeChunk, &compute_chunk("c1", "ann", "edge", 2.0)).unwrap();
    for chunk in ["r1", "r2"] {
        create(&mut world, Kind::RadioChunk, &radio_chunk(chunk, "ann")).unwrap();
    }
    assert_eq!(
        rule(create(&mut world, Kind::Slice, &slice("s", "ann", &["c1", "r1", "r2"]))),
        "r4-one-radio-chunk"
    );
}

#[test]
fn what_somebody_uses_is_not_deleted() {
    let mut world = world();
    create(&mut world, Kind::ComputeChunk, &compute_chunk("c1", "ann", "edge", 2.0)).unwrap();
    create(&mut world, Kind::Slice, &slice("s", "ann", &["c1"])).unwrap();
    for (kind, name) in [(Kind::ComputeChunk, "c1"), (Kind::Compute, "edge"), (Kind::User, "ann")] {
        assert_eq!(rule(change(&mut world, &Change::Delete(kind, id(name)))), "r5-in-use", "{name}");
    }
    for (kind, name) in
        [(Kind::Slice, "s"), (Kind::ComputeChunk, "c1"), (Kind::Compute, "edge"), (Kind::User, "bob")]
    {
        assert_eq!(change(&mut world, &Change::Delete(kind, id(name))), Ok(1), "{name}");
    }
}

#[test]
fn error_of_a_used_resource_names_both() {
    let mut world = world();
    create(&mut world, Kind::ComputeChunk, &compute_chunk("c1", "ann", "edge", 2.0)).unwrap();
    let error = change(&mut world, &Change::Delete(Kind::Compute, id("edge"))).unwrap_err();
    assert_eq!(error.to_string(), "The compute edge is used by the compute_chunk c1");
}

#[test]
fn chunk_of_another_user_is_refused() {
    let mut world = world();
    create(&mut world, Kind::ComputeChunk, &compute_chunk("c1", "bob", "edge", 2.0)).unwrap();
    assert_eq!(rule(create(&mut world, Kind::Slice, &slice("s", "ann", &["c1"]))), "r6-one-user");
}

#[test]
fn served_compute_chunk_must_be_in_the_slice() {
    let mut world = world();
    for chunk in ["c1", "c2"] {
        create(&mut world, Kind::ComputeChunk, &compute_chunk(chunk, "ann", "edge", 1.0)).unwrap();
    }
    create(&mut world, Kind::NetworkChunk, &network_chunk("n1", "ann", "data-network", 100, Some("c2")))
        .unwrap();
    assert_eq!(rule(create(&mut world, Kind::Slice, &slice("s", "ann", &["c1", "n1"]))), "r7-served-chunk");
    create(&mut world, Kind::Slice, &slice("s", "ann", &["c1", "c2", "n1"])).unwrap();
    let without = Change::DelChunks { slice: id("s"), chunk_ids: vec![id("c2")] };
    assert_eq!(rule(change(&mut world, &without)), "r7-served-chunk");
}

#[test]
fn chunk_is_in_at_most_one_slice() {
    let mut world = world();
    create(&mut world, Kind::ComputeChunk, &compute_chunk("c1", "ann", "edge", 2.0)).unwrap();
    create(&mut world, Kind::Slice, &slice("s", "ann", &["c1"])).unwrap();
    assert_eq!(rule(create(&mut world, Kind::Slice, &slice("t", "ann", &["c1"]))), "r8-one-slice");
    change(&mut world, &Change::Delete(Kind::Slice, id("s"))).unwrap();
    assert_eq!(create(&mut world, Kind::Slice, &slice("t", "ann", &["c1"])), Ok(1));
}

#[test]
fn last_compute_chunk_cannot_be_taken_away() {
    let mut world = world();
    create(&mut world, Kind::ComputeChunk, &compute_chunk("c1", "ann", "edge", 2.0)).unwrap();
    create(&mut world, Kind::Slice, &slice("s", "ann", &["c1"])).unwrap();
    let without = Change::DelChunks { slice: id("s"), chunk_ids: vec![id("c1")] };
    assert_eq!(rule(change(&mut world, &without)), "r1-compute-chunk");
}

#[test]
fn quota_stays_between_use_and_what_is_free() {
    let mut world = world();
    create(&mut world, Kind::ComputeChunk, &compute_chunk("c1", "ann", "edge", 2.0)).unwrap();
    create(&mut world, Kind::ComputeChunk, &compute_chunk("c2", "ann", "edge", 5.0)).unwrap();
    let usage = Usage { cpus: Cpus::from_cores(1), ..Usage::default() };
    let cores = |cores| Quota::Cpus(Cpus::from_cores(cores));
    let error = resize(&mut world, "c1", cores(4), usage).unwrap_err();
    assert_eq!(error.to_string(), "Compute edge has 3 of cores free; 4 is asked for");
    assert_eq!(resize(&mut world, "c1", cores(3), usage), Ok(1));
    assert_eq!(world.free_cpus(&id("edge")), Ok(Cpus::default()));
    let half = Quota::Cpus(Cpus::from_millicores(500));
    let error = resize(&mut world, "c1", half, usage).unwrap_err();
    assert_eq!(error.to_string(), "cores of chunk c1 cannot fall to 0.5: 1 is in use");
    assert_eq!(rule(resize(&mut world, "c1", cores(0), Usage::default())), "no-cores");
    let ram = Quota::Ram(Size::new(17, SizeUnit::GB).unwrap());
    assert_eq!(rule(resize(&mut world, "c1", ram, usage)), "r10-above-free");
}

#[test]
fn what_is_so_already_changes_nothing() {
    let mut world = world();
    create(&mut world, Kind::ComputeChunk, &compute_chunk("c1", "ann", "edge", 2.0)).unwrap();
    create(&mut world, Kind::Slice, &slice("s", "ann", &["c1"])).unwrap();
    let before = world.clone();
    let add = Change::AddChunks { slice: id("s"), chunk_ids: vec![id("c1"), id("c1")] };
    assert_eq!(change(&mut world, &add), Ok(0));
    let remove = Change::DelChunks { slice: id("s"), chunk_ids: vec![id("other")] };
    assert_eq!(change(&mut world, &remove), Ok(0));
    assert_eq!(resize(&mut world, "c1", Quota::Cpus(Cpus::from_cores(2)), Usage::default()), Ok(0));
    assert_eq!(world, before);
}

#[test]
fn unknown_ids_are_named() {
    let mut world = world();
    let error = create(&mut world, Kind::ComputeChunk, &compute_chunk("c1", "eve", "edge", 1.0)).unwrap_err();
    assert_eq!((error.to_string().as_str(), error.status()), ("There is no user eve", 404));
    let error = create(&mut world, Kind::Slice, &slice("s", "ann", &["c9"])).unwrap_err();
    assert_eq!(error.to_string(), "There is no chunk c9");
}

#[test]
fn tags_are_in_range_and_unique_and_bandwidth_is_there() {
    let mut world = world();
    let chunk = |id: &str, tag| network_chunk(id, "ann", "data-network", tag, None);
    assert_eq!(rule(create(&mut world, Kind::NetworkChunk, &chunk("n1", 99))), "tag-range");
    create(&mut world, Kind::NetworkChunk, &chunk("n1", 100)).unwrap();
    assert_eq!(rule(create(&mut world, Kind::NetworkChunk, &chunk("n2", 100))), "tag-taken");
    let mut wide = chunk("n2", 101);
    wide["requirements"] = json!({"bandwidth": {"required": 91}});
    assert_eq!(rule(create(&mut world, Kind::NetworkChunk, &wide)), "r10-above-free");
}

#[test]
fn trusted_instance_needs_a_trusted_compute() {
    let mut world = world();
    create(&mut world, Kind::ComputeChunk, &compute_chunk("c1", "ann", "edge", 2.0)).unwrap();
    create(&mut world, Kind::Slice, &slice("s", "ann", &["c1"])).unwrap();
    create(&mut world, Kind::NetworkService, &json!({"id": "v", "name": "v", "user_id": "ann"})).unwrap();
    let instance = |trusted| {
        json!({"id": "i", "name": "i", "user_id": "ann", "slic3_id": "s",
        "network_service_id": "v", "trusted": trusted})
    };
    assert_eq!(rule(create(&mut world, Kind::NetworkServiceInstance, &instance(true))), "trusted");
    assert_eq!(create(&mut world, Kind::NetworkServiceInstance, &instance(false)), Ok(1));
}

/// Ids out of few, so that changes meet each other.
fn few(prefix: &'static str) -> impl Strategy<Value = String> {
    (0..5).prop_map(move |number| format!("{prefix}{number}"))
}

fn some_chunks() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(prop_oneof![few("c"), few("n"), few("r")], 0..5)
}

fn some_change() -> impl Strategy<Value = Change> {
    let user = prop_oneof![Just("ann"), Just("bob")];
    let compute = prop_oneof![Just("cloud"), Just("edge")];
    let role = prop_oneof![Just("data-network"), Just("access-network")];
    let made =
        |kind, json: &serde_json::Value| Change::Create(Box::new(super::fixture::resource(kind, json)));
    prop_oneof![
        (few("c"), user.clone(), compute, 0.0..4.0_f64).prop_map(move |(id, user, compute, cpus)| {
            made(Kind::ComputeChunk, &compute_chunk(&id, user, compute, (cpus * 10.0).round() / 10.0))
        }),
        (few("n"), user.clone(), role, 98_u16..104, prop::option::of(few("c"))).prop_map(
            move |(id, user, role, tag, serves)| {
                made(Kind::NetworkChunk, &network_chunk(&id, user, role, tag, serves.as_deref()))
            }
        ),
        (few("r"), user.clone()).prop_map(move |(id, user)| made(Kind::RadioChunk, &radio_chunk(&id, user))),
        (few("s"), user, some_chunks()).prop_map(move |(id, user, chunks)| {
            let mut chunks: Vec<_> = chunks.iter().map(String::as_str).collect();
            chunks.sort_unstable();
            chunks.dedup();
            made(Kind::Slice, &slice(&id, user, &chunks))
        }),
        (few("w"), few("r"), few("s"), any::<bool>()).prop_map(move |(id, chunk, slice, cellular)| {
            made(Kind::RadioService, &radio_service(&id, &chunk, &slice, cellular))
        }),
        (few("s"), some_chunks()).prop_map(|(slice, chunks)| Change::AddChunks {
            slice: Id::new(slice),
            chunk_ids: chunks.into_iter().map(Id::new).collect()
        }),
        (few("s"), some_chunks()).prop_map(|(slice, chunks)| Change::DelChunks {
            slice: Id::new(slice),
            chunk_ids: chunks.into_iter().map(Id::new).collect()
        }),
        (few("c"), 0_u32..9000).prop_map(|(chunk, millicores)| Change::Resize {
            chunk: Id::new(chunk),
            quota: Quota::Cpus(Cpus::from_millicores(millicores)),
            usage: Usage::default()
        }),
        (prop::sample::select(Kind::ALL), prop_oneof![few("c"), few("n"), few("r"), few("s"), few("w")])
            .prop_map(|(kind, id)| Change::Delete(kind, Id::new(id))),
    ]
}

/// Every rule, asked again in the plainest way.
fn assert_rules(world: &World) {
    for slice in world.each::<Slice>() {
        super::slice::check(world, slice).unwrap();
        for chunk in &slice.chunk_ids {
            assert_eq!(world.slice_of_chunk(chunk), Some(&slice.id));
        }
    }
    for compute in ["cloud", "edge"] {
        let chunks = world.each::<ComputeChunk>().filter(|chunk| chunk.compute_id == id(compute));
        let taken: u32 = chunks.map(|chunk| chunk.requirements.cpus.required.millicores()).sum();
        assert!(taken <= 8000, "{compute} gave away {taken} of 8000 millicores");
        assert_eq!(world.free_cpus(&id(compute)), Ok(Cpus::from_millicores(8000 - taken)));
    }
    for kind in Kind::ALL {
        for resource in world.all(*kind).filter(|resource| resource.kind() != Kind::User) {
            world.get(Kind::User, resource.owner()).unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_sequence_of_changes_breaks_a_rule(changes in prop::collection::vec(some_change(), 1..60)) {
        let mut world = world();
        for wanted in changes {
            let before = world.clone();
            match change(&mut world, &wanted) {
                Ok(_) => assert_rules(&world),
                Err(_) => prop_assert_eq!(&before, &world),
            }
            // R11 and more: what was just done is done.
            if let Change::AddChunks { .. } | Change::DelChunks { .. } | Change::Resize { .. } = wanted
                && before != world
            {
                prop_assert_eq!(change(&mut world, &wanted), Ok(0));
            }
        }
    }
}
