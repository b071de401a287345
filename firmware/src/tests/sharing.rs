//! Critical partitions.

use vman_core::abi::smc::{CpuPower, FunctionId, SmcError, Status};
use vman_core::id::{CpuId, PhysAddr};
use vman_core::plan::World;
use vman_core::state::PartitionState;

use crate::fake::{CPUS, MANAGEMENT, MIB, Rig, SECURE, SLOTS, board, create_args, range};
use crate::monitor::{Kick, Monitor};
use crate::table::Lane;

const SECURE_FLAG: u64 = 1;
const SHARED: u64 = 3;

fn state(rig: &mut Rig, id: u64) -> PartitionState {
    let [status, ..] = rig.ok(FunctionId::PartInfo, &[id, 0]);
    Status::from_register(status).unwrap().state
}

/// Partition 1 on CPUs 2 and 3, and the critical partition 2 that shares them and runs on CPU 2.
fn shared() -> Rig {
    let mut rig = Rig::new();
    rig.deployed(&[2, 3], 0, 8);
    rig.ok(FunctionId::PartCreate, &create_args(SHARED | 1 << 32, SECURE, 4 * MIB, &[2, 3]));
    rig.ok(FunctionId::PartStart, &[2, SECURE, SECURE + MIB]);
    rig
}

#[test]
fn exclusive_critical_partition_enters_the_secure_world() {
    let mut rig = Rig::new();
    rig.ok(FunctionId::PartCreate, &create_args(SECURE_FLAG, SECURE, 4 * MIB, &[4]));
    rig.ok(FunctionId::PartStart, &[1, SECURE, SECURE + MIB]);
    rig.obey();
    let (cpu, boot) = *rig.boots.last().unwrap();
    assert_eq!((cpu, boot.world, boot.entry), (CpuId(4), World::Secure, PhysAddr(SECURE)));
    assert_eq!(rig.ok(FunctionId::PartInfo, &[1, 2]), [0, SECURE_FLAG, 1]);
}

#[test]
fn pieces_of_an_image_reach_a_ready_critical_partition_and_nothing_else() {
    let mut rig = Rig::new();
    rig.ok(FunctionId::PartCreate, &create_args(SECURE_FLAG, SECURE, 4 * MIB, &[4]));
    rig.ok(FunctionId::PartLoad, &[1, 4096, MANAGEMENT + 8, 64 << 10]);
    let piece = (range(MANAGEMENT + 8, 64 << 10), range(SECURE + 4096, 64 << 10));
    assert_eq!(rig.recorder.copied, [piece]);
    let load = |rig: &mut Rig, args: [u64; 4]| rig.call(FunctionId::PartLoad, &args).unwrap_err();
    for args in [
        [1, 0, MANAGEMENT, 0],
        [1, 0, MANAGEMENT, (64 << 10) + 8],
        [1, 4, MANAGEMENT, 8],
        [1, 0, MANAGEMENT + 1, 8],
        [1, 0, MANAGEMENT, 7],
        [1, 4 * MIB - 8, MANAGEMENT, 16],
        [1, u64::MAX - 7, MANAGEMENT, 8],
        [1, 0, u64::MAX - 7, 64],
        [1, 0, SECURE, 8],
    ] {
        assert_eq!(load(&mut rig, args), SmcError::InvalidParameters, "{args:x?}");
    }
    assert_eq!(load(&mut rig, [9, 0, MANAGEMENT, 8]), SmcError::NotFound);
    rig.create(&[5], 0, 2);
    assert_eq!(load(&mut rig, [2, 0, MANAGEMENT, 8]), SmcError::NotSupported);
    rig.ok(FunctionId::PartStart, &[1, SECURE, SECURE + MIB]);
    assert_eq!(load(&mut rig, [1, 0, MANAGEMENT, 8]), SmcError::InvalidState);
    assert_eq!(rig.recorder.copied.len(), 1);
}

#[test]
fn sharer_and_host_have_power_states_of_their_own() {
    let mut rig = shared();
    let lane = Lane::sharer_of(CpuId(2));
    assert_eq!(
        rig.monitor.on_parked(lane).map(|boot| (boot.partition.0, boot.world)),
        Some((2, World::Secure))
    );
    assert_eq!(rig.ok(FunctionId::PartInfo, &[2, 2]), [0, SHARED | 1 << 32, 1]);
    assert!(rig.call(FunctionId::PartStop, &[1]).is_ok());
    rig.recorder.woken.remove(CpuId(2));
    rig.obey();
    assert_eq!((state(&mut rig, 1), state(&mut rig, 2)), (PartitionState::Ready, PartitionState::Deployed));
    assert_eq!(rig.lane_power(lane), CpuPower::On);
    assert_eq!(rig.call(FunctionId::PartDestroy, &[1]), Err(SmcError::Busy), "its CPUs are shared");
    assert!(rig.call(FunctionId::PartStop, &[2]).is_ok());
    assert_eq!(rig.monitor.on_kick(lane, &mut rig.recorder), Kick::Park);
    rig.monitor.on_off(lane, &mut rig.recorder);
    assert_eq!(state(&mut rig, 2), PartitionState::Ready);
    for id in [2, 1] {
        while rig.call(FunctionId::PartDestroy, &[id]) == Ok(vman_core::abi::smc::Completion::Pending) {}
    }
    assert!(rig.recorder.memory.is_empty());
}

#[test]
fn cpu_is_shared_once_and_never_with_a_critical_partition() {
    let mut rig = shared();
    let second = create_args(SHARED | 1 << 32, SECURE + 4 * MIB, 4 * MIB, &[3]);
    assert_eq!(rig.call(FunctionId::PartCreate, &second), Err(SmcError::Overlap));
    let of_critical = create_args(SHARED | 2 << 32, SECURE + 4 * MIB, 4 * MIB, &[3]);
    assert_eq!(rig.call(FunctionId::PartCreate, &of_critical), Err(SmcError::InvalidParameters));
}

#[test]
fn critical_partitions_are_limited() {
    let mut rig = Rig::new();
    for (cpu, offset) in [(4, 0), (5, 2)] {
        rig.ok(FunctionId::PartCreate, &create_args(SECURE_FLAG, SECURE + offset * MIB, 2 * MIB, &[cpu]));
    }
    let third = create_args(SECURE_FLAG, SECURE + 4 * MIB, 2 * MIB, &[6]);
    assert_eq!(rig.call(FunctionId::PartCreate, &third), Err(SmcError::NoResources));
}

#[test]
fn board_without_sharing_says_so() {
    let mut rig = Rig::new();
    rig.monitor = Monitor::<{ CPUS as usize }, SLOTS>::new(board(), PhysAddr(0), 0);
    rig.monitor.on_parked(CpuId(0));
    rig.create(&[2], 0, 2);
    let args = create_args(SHARED | 1 << 32, SECURE, 4 * MIB, &[2]);
    assert_eq!(rig.call(FunctionId::PartCreate, &args), Err(SmcError::NotSupported));
}
