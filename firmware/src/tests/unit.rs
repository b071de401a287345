//! The vManager Unit.

use std::vec::Vec;

use vman_core::abi::smc::FunctionId::{
    BoardInfo, CallCount, CallRevision, CallUid, ConsoleInfo, CpuInfo, EventGet, PartCreate, PartDestroy,
    PartInfo, PartNext, PartResume, PartStart, PartStop, PartSuspend, Stats, Version,
};
use vman_core::abi::smc::{
    Completion, FaultReason, FunctionId, SERVICE_UID, SmcCall, SmcError, SmcReturn, Status,
};
use vman_core::id::{CpuId, PartitionId, PhysAddr};
use vman_core::state::{Condition, Operation, PartitionState};

use crate::fake::{Core, MIB, POOL, POOL_SIZE, Rig, SECURE, board, create_args, range};
use crate::monitor::{Monitor, Outcome};

const PENDING: Result<Completion, SmcError> = Ok(Completion::Pending);
const DONE: Result<Completion, SmcError> = Ok(Completion::Done([0; 3]));
const STOPPED: u64 = 1;
const SUSPENDED: u64 = 2;
const GUEST_OFF: u64 = 3;
const FAULTED: u64 = 5;

fn status(rig: &mut Rig, id: PartitionId) -> Status {
    let [status, ..] = rig.ok(PartInfo, &[id.0.into(), 0]);
    Status::from_register(status).unwrap()
}

fn state(rig: &mut Rig, id: PartitionId) -> PartitionState {
    status(rig, id).state
}

/// A partition in `state` on CPUs 2 and 3.
fn partition_in(rig: &mut Rig, state: PartitionState) -> PartitionId {
    match state {
        PartitionState::Ready => rig.create(&[2, 3], 0, 8),
        PartitionState::Deployed => rig.deployed(&[2, 3], 0, 8),
        PartitionState::Suspended => {
            let id = rig.deployed(&[2, 3], 0, 8);
            assert_eq!(rig.call(PartSuspend, &[id.0.into()]), PENDING);
            rig.obey();
            id
        }
    }
}

#[test]
fn every_row_of_the_state_table_holds_in_the_firmware() {
    let calls = [
        (Operation::Deploy, PartStart),
        (Operation::Shutdown, PartStop),
        (Operation::Suspend, PartSuspend),
        (Operation::Restore, PartResume),
        (Operation::Destroy, PartDestroy),
    ];
    for before in PartitionState::ALL {
        for (operation, function) in calls {
            let mut rig = Rig::new();
            let id = partition_in(&mut rig, before);
            assert_eq!(state(&mut rig, id), before);
            let answer = rig.call(function, &[id.0.into(), POOL, POOL + MIB]);
            match before.after(operation) {
                Err(_) => assert_eq!(answer, Err(SmcError::InvalidState), "{before} {operation}"),
                Ok(next) => {
                    assert!(answer.is_ok(), "{before} {operation}: {answer:?}");
                    rig.obey();
                    while operation == Operation::Destroy && rig.call(function, &[id.0.into()]) == PENDING {}
                    let after = rig.call(PartInfo, &[id.0.into(), 0]);
                    match next {
                        vman_core::state::Next::Gone => assert_eq!(after, Err(SmcError::NotFound)),
                        vman_core::state::Next::State(next) => assert_eq!(state(&mut rig, id), next),
                    }
                }
            }
        }
    }
}

#[test]
fn only_the_management_partition_may_call() {
    let mut rig = Rig::new();
    rig.deployed(&[2, 3], 0, 8);
    for function in FunctionId::ALL {
        let answer = rig.smc(2, SmcCall::new(*function, &[1; 7]));
        assert_eq!(answer, Outcome::Return(SmcReturn::refused(SmcError::Denied)), "{function:?}");
    }
}

#[test]
fn created_partition_owns_its_cpus_and_its_memory_is_open() {
    let mut rig = Rig::new();
    let id = rig.create(&[2, 5], 4, 8);
    assert_eq!(id, PartitionId(1));
    assert_eq!(rig.recorder.memory[&id], (range(POOL + 4 * MIB, 8 * MIB), true));
    assert_eq!(rig.ok(CpuInfo, &[5]), [0x101, 1, 1]);
    assert_eq!(rig.ok(PartInfo, &[1, 1]), [0b10_0100, 0, 0]);
    assert_eq!(rig.ok(PartInfo, &[1, 2]), [0, 0, 0]);
    assert_eq!(rig.ok(PartInfo, &[1, 0]), [1, POOL + 4 * MIB, 8 * MIB]);
    assert_eq!(rig.ok(ConsoleInfo, &[1]), [0x1000, 4096, 0]);
}

#[test]
fn creation_refuses_what_breaks_a_rule() {
    let mut rig = Rig::new();
    rig.create(&[2], 0, 8);
    rig.psci_value(0, 0xc400_0003, [1, 0x4020_0000, 0]);
    rig.obey();
    let free = POOL + 16 * MIB;
    let cases: &[(&str, [u64; 7], SmcError)] = &[
        ("unknown flag", create_args(4, free, 2 * MIB, &[3]), SmcError::InvalidParameters),
        ("empty", create_args(0, free, 0, &[3]), SmcError::InvalidParameters),
        ("base off the granule", create_args(0, free + MIB, 2 * MIB, &[3]), SmcError::InvalidParameters),
        ("size off the granule", create_args(0, free, 3 * MIB, &[3]), SmcError::InvalidParameters),
        ("below the pool", create_args(0, POOL - 2 * MIB, 4 * MIB, &[3]), SmcError::InvalidParameters),
        ("beyond the pool", create_args(0, free, POOL_SIZE, &[3]), SmcError::InvalidParameters),
        ("wraps", create_args(0, u64::MAX - 1, 4 * MIB, &[3]), SmcError::InvalidParameters),
        ("no CPU", create_args(0, free, 2 * MIB, &[]), SmcError::InvalidParameters),
        ("CPU beyond the board", create_args(0, free, 2 * MIB, &[3, 8]), SmcError::InvalidParameters),
        ("last CPU of the ABI", create_args(0, free, 2 * MIB, &[255]), SmcError::InvalidParameters),
        ("boot CPU", create_args(0, free, 2 * MIB, &[0, 3]), SmcError::Overlap),
        ("CPU of another", create_args(0, free, 2 * MIB, &[2, 3]), SmcError::Overlap),
        ("CPU that is on", create_args(0, free, 2 * MIB, &[1, 3]), SmcError::Busy),
        ("memory of another", create_args(0, POOL + 6 * MIB, 4 * MIB, &[3]), SmcError::Overlap),
        ("secure outside the secure pool", create_args(1, free, 2 * MIB, &[3]), SmcError::InvalidParameters),
        ("normal in the secure pool", create_args(0, SECURE, 2 * MIB, &[3]), SmcError::InvalidParameters),
        ("shared, not secure", create_args(2 | 1 << 32, free, 2 * MIB, &[2]), SmcError::InvalidParameters),
        ("shared with nobody", create_args(3 | 9 << 32, SECURE, 2 * MIB, &[2]), SmcError::NotFound),
        (
            "shares what is not the other's",
            create_args(3 | 1 << 32, SECURE, 2 * MIB, &[3]),
            SmcError::InvalidParameters,
        ),
    ];
    for (name, args, error) in cases {
        assert_eq!(rig.call(PartCreate, args), Err(*error), "{name}");
        assert_eq!(rig.recorder.memory.len(), 1, "{name}");
    }
    assert_eq!(rig.create(&[3], 16, 2), PartitionId(2), "refused calls use no number");
}

#[test]
fn slots_run_out_and_come_back_but_numbers_do_not() {
    let mut rig = Rig::new();
    for (cpu, offset) in [(1, 0), (2, 2), (3, 4), (4, 6)] {
        rig.create(&[cpu], offset, 2);
    }
    let args = create_args(0, POOL + 8 * MIB, 2 * MIB, &[5]);
    assert_eq!(rig.call(PartCreate, &args), Err(SmcError::NoResources));
    assert_eq!(rig.call(PartDestroy, &[2]), DONE);
    assert_eq!(rig.create(&[5], 8, 2), PartitionId(5));
    let mut found = Vec::new();
    let mut id = 0;
    loop {
        [id, ..] = rig.ok(PartNext, &[id]);
        if id == 0 {
            break;
        }
        found.push(id);
    }
    assert_eq!(found, [1, 3, 4, 5]);
}

#[test]
fn board_may_take_fewer_partitions_than_there_is_room_for() {
    let mut rig = Rig::new();
    rig.monitor = Monitor::new(board(), PhysAddr(0), 0).with_slots(1);
    rig.monitor.on_parked(CpuId(0));
    assert_eq!(rig.ok(Version, &[]), [0x1_0000, 1, 0]);
    rig.create(&[1], 0, 2);
    assert_eq!(
        rig.call(PartCreate, &create_args(0, POOL + 2 * MIB, 2 * MIB, &[2])),
        Err(SmcError::NoResources)
    );
}

#[test]
fn start_enters_the_lowest_cpu_and_closes_the_memory() {
    let mut rig = Rig::new();
    let id = rig.create(&[5, 3], 0, 8);
    rig.ok(PartStart, &[1, POOL + 4, POOL + MIB]);
    assert!(!rig.recorder.memory[&id].1);
    assert_eq!(rig.ok(CpuInfo, &[3]), [3, 1, 2], "on pending");
    rig.obey();
    let (cpu, boot) = rig.boots[1];
    assert_eq!((cpu, boot.partition, boot.entry.0, boot.context), (CpuId(3), id, POOL + 4, POOL + MIB));
    assert_eq!(rig.ok(CpuInfo, &[3]), [3, 1, 0]);
    assert_eq!(rig.ok(Stats, &[1, 0]), [1, 0, 0]);
}

#[test]
fn start_refuses_addresses_outside_the_partition() {
    let mut rig = Rig::new();
    rig.create(&[2], 0, 8);
    for (entry, tree) in [
        (POOL - 4, POOL),
        (POOL + 8 * MIB, POOL),
        (POOL, POOL + 8 * MIB),
        (POOL, POOL - 8),
        (POOL + 2, POOL),
        (POOL, POOL + 4),
        (0, 0),
        (u64::MAX, u64::MAX),
    ] {
        assert_eq!(rig.call(PartStart, &[1, entry, tree]), Err(SmcError::InvalidParameters));
    }
    assert_eq!(rig.call(PartStart, &[7, POOL, POOL]), Err(SmcError::NotFound));
    assert_eq!(rig.call(PartStart, &[1 << 32 | 1, POOL, POOL]), Err(SmcError::InvalidParameters));
}

#[test]
fn stop_is_pending_until_every_cpu_is_proven_off() {
    let mut rig = Rig::new();
    let id = rig.deployed(&[2, 3], 0, 8);
    assert_eq!(rig.psci_value(2, 0xc400_0003, [3, POOL, 0]), 0);
    rig.obey();
    assert_eq!(rig.call(PartStop, &[1]), PENDING);
    assert_eq!(rig.call(PartStop, &[1]), PENDING);
    for refused in [PartStart, PartSuspend, PartResume, PartDestroy] {
        assert_eq!(rig.call(refused, &[1, POOL, POOL]), Err(SmcError::Busy), "{refused:?}");
    }
    rig.obey_one(CpuId(2));
    rig.obey_one(CpuId(2));
    rig.obey_one(CpuId(3));
    let pending = Status {
        state: PartitionState::Deployed,
        condition: Condition::Running,
        pending: Some(Operation::Shutdown),
    };
    assert_eq!(status(&mut rig, id), pending);
    assert_eq!(rig.event(), None);
    assert!(!rig.recorder.memory[&id].1);
    rig.obey_one(CpuId(3));
    assert_eq!(status(&mut rig, id), Status { state: PartitionState::Ready, pending: None, ..pending });
    assert_eq!(rig.event(), Some((STOPPED, 1, 0)));
    assert_eq!(rig.recorder.notified, 1);
    assert!(rig.recorder.memory[&id].1);
    assert_eq!(rig.call(PartStop, &[1]), Err(SmcError::InvalidState));
}

#[test]
fn stop_before_the_first_cpu_arrives_is_complete_at_once() {
    let mut rig = Rig::new();
    let id = rig.create(&[2], 0, 8);
    rig.ok(PartStart, &[1, POOL, POOL]);
    assert_eq!(rig.call(PartStop, &[1]), DONE);
    rig.obey();
    assert_eq!(rig.cores[2], Core::Parked);
    assert_eq!(state(&mut rig, id), PartitionState::Ready);
}

#[test]
fn suspend_holds_running_and_pending_cpus_and_resume_lets_them_go() {
    let mut rig = Rig::new();
    let id = rig.deployed(&[2, 3], 0, 8);
    assert_eq!(rig.psci_value(2, 0xc400_0003, [3, POOL + 8, 77]), 0);
    assert_eq!(rig.call(PartSuspend, &[1]), PENDING);
    assert_eq!(rig.call(PartSuspend, &[1]), PENDING);
    assert_eq!(status(&mut rig, id).pending, Some(Operation::Suspend));
    rig.obey();
    assert_eq!(state(&mut rig, id), PartitionState::Suspended);
    assert_eq!((rig.cores[2], rig.cores[3]), (Core::Held(id), Core::Parked));
    assert_eq!(rig.event(), Some((SUSPENDED, 1, 0)));
    assert_eq!(rig.call(PartResume, &[1]), DONE);
    rig.obey();
    assert_eq!((rig.cores[2], rig.cores[3]), (Core::Running(id), Core::Running(id)));
    assert_eq!(rig.boots.last().map(|(_, boot)| boot.context), Some(77));
    assert_eq!(rig.event(), None);
    assert_eq!(rig.ok(Stats, &[1, 1]), [1, 0, 0]);
}

#[test]
fn suspend_of_cpus_that_have_not_arrived_is_complete_at_once() {
    let mut rig = Rig::new();
    let id = rig.create(&[2], 0, 8);
    rig.ok(PartStart, &[1, POOL, POOL]);
    assert_eq!(rig.call(PartSuspend, &[1]), DONE);
    rig.obey();
    assert_eq!(rig.cores[2], Core::Parked);
    assert_eq!(rig.call(PartResume, &[1]), DONE);
    rig.obey();
    assert_eq!(rig.cores[2], Core::Running(id));
}

#[test]
fn suspend_again_before_a_held_cpu_has_left_is_complete_at_once() {
    let mut rig = Rig::new();
    let id = partition_in(&mut rig, PartitionState::Suspended);
    assert_eq!(rig.call(PartResume, &[1]), DONE);
    assert_eq!(rig.call(PartSuspend, &[1]), DONE);
    rig.obey();
    assert_eq!((rig.cores[2], state(&mut rig, id)), (Core::Held(id), PartitionState::Suspended));
}

#[test]
fn resume_calls_a_pending_suspend_off() {
    let mut rig = Rig::new();
    let id = rig.deployed(&[2, 3], 0, 8);
    assert_eq!(rig.call(PartSuspend, &[1]), PENDING);
    assert_eq!(rig.call(PartResume, &[1]), DONE);
    rig.obey();
    assert_eq!(state(&mut rig, id), PartitionState::Deployed);
    assert_eq!((rig.cores[2], rig.event()), (Core::Running(id), None));
}

#[test]
fn stop_overrides_a_pending_suspend_and_releases_held_cpus() {
    let mut rig = Rig::new();
    let id = rig.deployed(&[2, 3], 0, 8);
    rig.psci_value(2, 0xc400_0003, [3, POOL, 0]);
    rig.obey();
    assert_eq!(rig.call(PartSuspend, &[1]), PENDING);
    rig.obey_one(CpuId(2));
    assert_eq!(rig.call(PartStop, &[1]), PENDING);
    rig.obey();
    assert_eq!(state(&mut rig, id), PartitionState::Ready);
    assert_eq!((rig.cores[2], rig.cores[3]), (Core::Parked, Core::Parked));
    assert_eq!(rig.event(), Some((STOPPED, 1, 0)));
}

#[test]
fn suspended_partition_can_be_stopped() {
    let mut rig = Rig::new();
    let id = partition_in(&mut rig, PartitionState::Suspended);
    assert_eq!(rig.call(PartStop, &[1]), PENDING);
    let pending = status(&mut rig, id);
    assert_eq!((pending.state, pending.pending), (PartitionState::Suspended, Some(Operation::Shutdown)));
    rig.obey();
    assert_eq!(state(&mut rig, id), PartitionState::Ready);
}

#[test]
fn destroy_scrubs_in_steps_and_gives_everything_back() {
    let mut rig = Rig::new();
    let id = partition_in(&mut rig, PartitionState::Ready);
    for _ in 0..3 {
        assert_eq!(rig.call(PartDestroy, &[1]), PENDING);
        assert_eq!(status(&mut rig, id).pending, Some(Operation::Destroy));
        assert_eq!(rig.call(PartStart, &[1, POOL, POOL]), Err(SmcError::Busy));
        assert_eq!(rig.call(PartStop, &[1]), Err(SmcError::Busy));
    }
    assert!(!rig.recorder.memory[&id].1, "nobody may write what was scrubbed");
    assert_eq!(rig.call(PartDestroy, &[1]), DONE);
    let clean: Vec<_> = (0..4).map(|step| range(POOL + step * 2 * MIB, 2 * MIB)).collect();
    assert_eq!(rig.recorder.scrubbed, clean);
    assert!(rig.recorder.memory.is_empty());
    assert_eq!(rig.ok(CpuInfo, &[2]), [2, 0, 1]);
    assert_eq!(rig.call(PartDestroy, &[1]), Err(SmcError::NotFound));
    assert_eq!(
        rig.psci_value(0, 0xc400_0003, [2, 0x4020_0000, 0]),
        0,
        "the management partition may use the CPU"
    );
}

#[test]
fn faulted_partition_holds_its_cpu_and_takes_a_stop_only() {
    let mut rig = Rig::new();
    let id = rig.deployed(&[2, 3], 0, 8);
    rig.fault(2, FaultReason::Memory);
    assert_eq!(status(&mut rig, id).condition, Condition::Faulted);
    assert_eq!(rig.cores[2], Core::Held(id));
    assert_eq!(rig.event(), Some((FAULTED, 1, FaultReason::Memory as u64)));
    assert_eq!(rig.ok(PartInfo, &[1, 3]), [1, 0xbad, 0xc0de]);
    assert_eq!(rig.call(PartSuspend, &[1]), Err(SmcError::Faulted));
    assert_eq!(rig.call(PartResume, &[1]), Err(SmcError::InvalidState));
    assert_eq!(rig.call(PartStop, &[1]), PENDING);
    rig.obey();
    assert_eq!(
        (state(&mut rig, id), status(&mut rig, id).condition),
        (PartitionState::Ready, Condition::Running)
    );
    assert_eq!(rig.event(), Some((STOPPED, 1, 0)));
    assert_eq!(rig.ok(PartInfo, &[1, 3]), [0; 3]);
}

#[test]
fn fault_calls_a_pending_suspend_off() {
    let mut rig = Rig::new();
    let id = rig.deployed(&[2, 3], 0, 8);
    rig.psci_value(2, 0xc400_0003, [3, POOL, 0]);
    rig.obey();
    assert_eq!(rig.call(PartSuspend, &[1]), PENDING);
    rig.obey_one(CpuId(3));
    rig.fault(2, FaultReason::Exception);
    rig.obey();
    let status = status(&mut rig, id);
    assert_eq!((status.state, status.pending), (PartitionState::Deployed, None));
    assert_eq!((rig.cores[2], rig.cores[3]), (Core::Held(id), Core::Running(id)));
}

#[test]
fn command_joins_a_power_off_that_is_under_way() {
    let mut rig = Rig::new();
    let id = rig.deployed(&[2, 3], 0, 8);
    rig.psci(2, 0x8400_0009, [0; 3]);
    assert_eq!(rig.call(PartStop, &[1]), PENDING);
    rig.obey();
    assert_eq!(state(&mut rig, id), PartitionState::Ready);
    assert_eq!(rig.event(), Some((STOPPED, 1, 0)), "nobody restarts what was told to stop");
}

#[test]
fn guest_that_powers_off_during_a_suspend_ends_ready() {
    let mut rig = Rig::new();
    let id = rig.deployed(&[2, 3], 0, 8);
    assert_eq!(rig.call(PartSuspend, &[1]), PENDING);
    rig.psci(2, 0x8400_0008, [0; 3]);
    rig.obey();
    assert_eq!(status(&mut rig, id).pending, None);
    assert_eq!(state(&mut rig, id), PartitionState::Ready);
    assert_eq!(rig.event(), Some((GUEST_OFF, 1, 0)));
}

#[test]
fn queries_tell_the_board_and_refuse_unknown_pages() {
    let mut rig = Rig::new();
    assert_eq!(rig.ok(Version, &[]), [0x1_0000, 4, 0]);
    assert_eq!(rig.ok(BoardInfo, &[0]), [8, 2 * MIB, 0]);
    assert_eq!(rig.ok(BoardInfo, &[1]), [POOL, POOL_SIZE, 0]);
    assert_eq!(rig.ok(BoardInfo, &[2]), [SECURE, 16 * MIB, 0]);
    assert_eq!(rig.ok(BoardInfo, &[3]), [40, 0, 0]);
    assert_eq!(rig.ok(PartNext, &[0]), [0; 3]);
    assert_eq!(rig.ok(EventGet, &[]), [0; 3]);
    let uid = rig.smc(0, SmcCall::new(CallUid, &[]));
    assert_eq!(uid, Outcome::Return(SmcReturn(SERVICE_UID.map(u64::from))));
    let revision = rig.smc(0, SmcCall::new(CallRevision, &[]));
    assert_eq!(revision, Outcome::Return(SmcReturn([1, 0, 0, 0])));
    let calls = rig.smc(0, SmcCall::new(CallCount, &[]));
    assert_eq!(calls, Outcome::Return(SmcReturn([21, 0, 0, 0])));
    rig.create(&[2], 0, 2);
    for (function, args) in
        [(BoardInfo, [4, 0]), (PartInfo, [1, 4]), (Stats, [1, 8]), (CpuInfo, [8, 0]), (CpuInfo, [1 << 16, 0])]
    {
        assert_eq!(rig.call(function, &args), Err(SmcError::InvalidParameters), "{function:?}");
    }
    for function in [PartInfo, Stats, ConsoleInfo, PartStop, PartSuspend, PartResume, PartDestroy] {
        assert_eq!(rig.call(function, &[0]), Err(SmcError::NotFound), "{function:?}");
        assert_eq!(rig.call(function, &[9]), Err(SmcError::NotFound), "{function:?}");
    }
    assert_eq!(rig.ok(Stats, &[1, 5]), [7, 0, 0]);
    assert_eq!(rig.call(Stats, &[1, 4]), Err(SmcError::NotSupported));
}
