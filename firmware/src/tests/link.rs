//! Links between partitions.

use vman_core::abi::smc::FunctionId::{LinkCreate, LinkInfo, PartCreate, PartDestroy, PartSuspend};
use vman_core::abi::smc::{Completion, LINKS_MAX, SmcError};
use vman_core::id::PartitionId;

use crate::fake::{MIB, POOL, Rig, SECURE, create_args, range};

const PENDING: Result<Completion, SmcError> = Ok(Completion::Pending);
/// Above the partitions of these tests.
const PLACE: u64 = POOL + 32 * MIB;

/// Two partitions that are READY, and a link between them.
fn linked() -> Rig {
    let mut rig = Rig::new();
    rig.create(&[2], 0, 2);
    rig.create(&[3], 2, 2);
    assert_eq!(rig.ok(LinkCreate, &[1, 2, PLACE]), [0; 3]);
    rig
}

/// Destroys a partition; how many calls it took.
fn destroy(rig: &mut Rig, id: u64) -> u32 {
    let mut calls = 1;
    while rig.call(PartDestroy, &[id]) == PENDING {
        calls += 1;
    }
    calls
}

#[test]
fn link_is_zeroed_memory_of_the_pool_that_both_see() {
    let mut rig = linked();
    let memory = range(PLACE, 2 * MIB);
    assert_eq!(rig.recorder.links[&memory], ([PartitionId(1), PartitionId(2)], true));
    assert_eq!(rig.recorder.scrubbed, [memory]);
    assert_eq!(rig.ok(LinkInfo, &[0]), [1 | 2 << 32, PLACE, 2 * MIB]);
    for beyond in [1, 8, u64::MAX] {
        assert_eq!(rig.ok(LinkInfo, &[beyond]), [0; 3]);
    }
}

#[test]
fn memory_of_a_link_is_nobody_elses() {
    let mut rig = linked();
    let args = create_args(0, PLACE - 2 * MIB, 4 * MIB, &[4]);
    assert_eq!(rig.call(PartCreate, &args), Err(SmcError::Overlap));
    assert_eq!(rig.call(LinkCreate, &[1, 2, PLACE]), Err(SmcError::Overlap));
    assert_eq!(rig.call(LinkCreate, &[1, 2, POOL + 2 * MIB]), Err(SmcError::Overlap), "a partition's");
}

#[test]
fn link_that_breaks_a_rule_is_refused_and_changes_nothing() {
    let mut rig = linked();
    rig.deployed(&[4], 4, 2);
    rig.ok(PartCreate, &create_args(1, SECURE, 2 * MIB, &[5]));
    let next = PLACE + 2 * MIB;
    let cases = [
        ("with itself", [1, 1, next], SmcError::InvalidParameters),
        ("off the granule", [1, 2, next + MIB], SmcError::InvalidParameters),
        ("outside the pool", [1, 2, POOL - 2 * MIB], SmcError::InvalidParameters),
        ("in secure memory", [1, 2, SECURE + 4 * MIB], SmcError::InvalidParameters),
        ("wraps", [1, 2, 0u64.wrapping_sub(2 * MIB)], SmcError::InvalidParameters),
        ("with the management partition", [0, 1, next], SmcError::NotFound),
        ("with nobody", [1, 9, next], SmcError::NotFound),
        ("no number", [1 << 32, 2, next], SmcError::InvalidParameters),
        ("with one that runs", [1, 3, next], SmcError::InvalidState),
        ("with a critical one", [1, 4, next], SmcError::NotSupported),
    ];
    for (name, args, error) in cases {
        assert_eq!(rig.call(LinkCreate, &args), Err(error), "{name}");
        assert_eq!(rig.recorder.links.len(), 1, "{name}");
    }
}

#[test]
fn links_are_gone_and_zeroed_when_either_partition_is_destroyed() {
    for (first, second) in [(1, 2), (2, 1)] {
        let mut rig = linked();
        rig.ok(LinkCreate, &[2, 1, PLACE + 4 * MIB]);
        rig.recorder.scrubbed.clear();
        assert_eq!(destroy(&mut rig, first), 3, "its memory, which is one piece, and two links");
        assert!(rig.recorder.links.is_empty(), "the recorder takes back what was unmapped and zeroed only");
        assert_eq!(rig.ok(LinkInfo, &[0]), [0; 3]);
        assert_eq!(destroy(&mut rig, second), 1);
        rig.create(&[2], 32, 2);
    }
}

#[test]
fn link_is_unmapped_before_anything_of_a_destroyed_partition_is_zeroed() {
    let mut rig = Rig::new();
    rig.create(&[2], 0, 8);
    rig.create(&[3], 8, 2);
    rig.ok(LinkCreate, &[1, 2, PLACE]);
    assert_eq!(rig.call(PartDestroy, &[1]), PENDING);
    assert!(rig.recorder.links.values().all(|(_, mapped)| !mapped));
    assert_eq!(rig.call(LinkCreate, &[1, 2, PLACE + 2 * MIB]), Err(SmcError::Busy), "it is being destroyed");
    destroy(&mut rig, 2);
    destroy(&mut rig, 1);
    assert!(rig.recorder.links.is_empty());
}

#[test]
fn links_are_bounded() {
    let mut rig = linked();
    for number in 1..LINKS_MAX as u64 {
        rig.ok(LinkCreate, &[1, 2, PLACE + number * 2 * MIB]);
    }
    let next = PLACE + LINKS_MAX as u64 * 2 * MIB;
    assert_eq!(rig.call(LinkCreate, &[1, 2, next]), Err(SmcError::NoResources));
    assert_eq!(rig.call(PartSuspend, &[1]), Err(SmcError::InvalidState), "a link changes no state");
}
