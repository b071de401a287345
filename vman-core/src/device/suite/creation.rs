//! Creation, and what it is refused for.

use std::sync::Barrier;

use uuid::Uuid;

use super::scene::{PATIENCE, Scene, kind, release};
use super::{Images, Verdict};
use crate::device::{CreateRequest, ManagerDevice, NAME_MAX, PartitionDevice};
use crate::error::ErrorKind;
use crate::id::{ByteSize, PartitionId};
use crate::plan::World;
use crate::state::Operation;

/// Requests that no board can meet are refused by kind, and cost nothing.
pub fn impossible_requests_are_refused<D: ManagerDevice, I: Images>(device: &D, images: &I) -> Verdict {
    let scene = Scene::new(device, images);
    let good = || scene.request(1);
    let all = u32::try_from(scene.host.cpus.len()).unwrap();
    let half = ByteSize(scene.memory().0 + scene.host.granule.0 / 2);
    let above = ByteSize(scene.host.memory.total.0 + scene.host.granule.0);
    let cases = [
        ("no cores", CreateRequest { cores: 0, ..good() }, ErrorKind::InvalidArgument),
        ("every core", CreateRequest { cores: all, ..good() }, ErrorKind::NoResources),
        ("2^32 - 1 cores", CreateRequest { cores: u32::MAX, ..good() }, ErrorKind::NoResources),
        ("no memory", CreateRequest { memory: ByteSize(0), ..good() }, ErrorKind::InvalidArgument),
        ("half a granule", CreateRequest { memory: half, ..good() }, ErrorKind::InvalidArgument),
        ("too much memory", CreateRequest { memory: above, ..good() }, ErrorKind::NoResources),
        (
            "2^64 - 1 bytes",
            CreateRequest { memory: ByteSize(u64::MAX), ..good() },
            ErrorKind::InvalidArgument,
        ),
        ("long name", CreateRequest { name: "n".repeat(NAME_MAX + 1), ..good() }, ErrorKind::InvalidArgument),
        ("shares with nobody", shared(&good(), 4242), ErrorKind::NotFound),
    ];
    for (what, request, expected) in cases {
        assert_eq!(kind(device.create(&request)), expected, "{what}");
        scene.assert_empty();
    }
    let longest = CreateRequest { name: "n".repeat(NAME_MAX), ..good() };
    release(&device.open(device.create(&longest).unwrap()).unwrap());
    let host = scene.create(1);
    let not_secure = CreateRequest { world: World::NonSecure, ..shared(&good(), host.info().unwrap().id.0) };
    assert_eq!(kind(device.create(&not_secure)), ErrorKind::InvalidArgument);
    release(&host);
    scene.assert_empty();
    Verdict::Passed
}

fn shared(good: &CreateRequest, host: u32) -> CreateRequest {
    CreateRequest { world: World::Secure, shared_with: Some(PartitionId(host)), ..good.clone() }
}

/// Names and UUIDs are unique while their partition exists.
pub fn duplicates_are_refused<D: ManagerDevice, I: Images>(device: &D, images: &I) -> Verdict {
    let scene = Scene::new(device, images);
    let with = |name: &str, uuid| CreateRequest {
        name: name.into(),
        uuid: Uuid::from_u128(uuid),
        ..scene.request(1)
    };
    let first = device.open(device.create(&with("web", 7)).unwrap()).unwrap();
    assert_eq!(kind(device.create(&with("web", 8))), ErrorKind::AlreadyExists);
    assert_eq!(kind(device.create(&with("db", 7))), ErrorKind::AlreadyExists);
    let nameless = [device.create(&with("", 0)).unwrap(), device.create(&with("", 0)).unwrap()];
    release(&first);
    let again = device.create(&with("web", 7)).unwrap();
    for id in nameless.into_iter().chain([again]) {
        release(&device.open(id).unwrap());
    }
    scene.assert_empty();
    Verdict::Passed
}

/// Partitions are created until something runs out; when they go, everything is there again.
pub fn exhausted_resources_come_back<D: ManagerDevice, I: Images>(device: &D, images: &I) -> Verdict {
    let scene = Scene::new(device, images);
    let mut created = Vec::new();
    let refused = loop {
        match device.create(&scene.request(1)) {
            Ok(id) => created.push(id),
            Err(error) => break error,
        }
    };
    assert_eq!(refused.kind, ErrorKind::NoResources);
    assert!(!created.is_empty());
    let listed: Vec<PartitionId> = device.list().unwrap().into_iter().map(|info| info.id).collect();
    assert_eq!(listed, created, "by rising number");
    for id in &created {
        release(&device.open(*id).unwrap());
    }
    scene.assert_empty();
    let cores = scene.available();
    release(&scene.create(cores));
    scene.assert_empty();
    Verdict::Passed
}

/// Numbers rise, also when partitions go.
pub fn numbers_are_not_used_again<D: ManagerDevice, I: Images>(device: &D, images: &I) -> Verdict {
    let scene = Scene::new(device, images);
    let mut last = PartitionId(0);
    for _ in 0..5 {
        let partition = scene.create(1);
        let id = partition.info().unwrap().id;
        assert!(id > last, "{id} after {last}");
        last = id;
        partition.control(Operation::Destroy, PATIENCE).unwrap();
    }
    scene.assert_empty();
    Verdict::Passed
}

/// However many ask at once, every core is given once.
pub fn racing_clients_share_the_last_cores<D: ManagerDevice, I: Images>(device: &D, images: &I) -> Verdict {
    let scene = Scene::new(device, images);
    let cores = scene.available();
    for _ in 0..10 {
        let racers = 4;
        let barrier = Barrier::new(racers);
        let results: Vec<_> = std::thread::scope(|scope| {
            let race = || {
                barrier.wait();
                device.create(&scene.request(cores))
            };
            let threads: Vec<_> = (0..racers).map(|_| scope.spawn(race)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let (winners, losers): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
        assert_eq!(winners.len(), 1);
        assert!(losers.into_iter().all(|lost| kind(lost) == ErrorKind::NoResources));
        release(&device.open(winners.into_iter().next().unwrap().unwrap()).unwrap());
    }
    scene.assert_empty();
    Verdict::Passed
}

/// Critical partitions take secure memory; a board without it says so.
pub fn critical_partitions_have_a_pool_of_their_own<D: ManagerDevice, I: Images>(
    device: &D,
    images: &I,
) -> Verdict {
    let scene = Scene::new(device, images);
    let total = scene.host.secure_memory.total;
    let secure = |memory| CreateRequest { world: World::Secure, memory, ..scene.request(1) };
    let granule = scene.host.granule;
    if total == ByteSize::ZERO {
        let refused = kind(device.create(&secure(granule)));
        assert_eq!(refused, ErrorKind::Unsupported);
        return Verdict::Passed;
    }
    let above = ByteSize(total.0 + granule.0);
    assert_eq!(kind(device.create(&secure(above))), ErrorKind::NoResources);
    let partition = device.open(device.create(&secure(granule)).unwrap()).unwrap();
    let info = partition.info().unwrap();
    assert_eq!((info.world, info.memory.size()), (World::Secure, granule));
    let host = device.host().unwrap();
    assert_eq!(host.secure_memory.free.0, total.0 - granule.0);
    assert_eq!(host.memory, scene.host.memory);
    release(&partition);
    scene.assert_empty();
    Verdict::Passed
}
