//! The Power Management Unit.

use std::vec::Vec;

use vman_core::abi::smc::{CpuPower, FunctionId, SmcReturn, Status};
use vman_core::id::CpuId;
use vman_core::state::PartitionState;

use crate::fake::{Core, MIB, POOL, Rig, SECURE};
use crate::monitor::Outcome;

const VERSION: u32 = 0x8400_0000;
const CPU_SUSPEND: u32 = 0xc400_0001;
const CPU_OFF: u32 = 0x8400_0002;
const CPU_ON: u32 = 0xc400_0003;
const CPU_ON_32: u32 = 0x8400_0003;
const AFFINITY_INFO: u32 = 0xc400_0004;
const MIGRATE_INFO_TYPE: u32 = 0x8400_0006;
const SYSTEM_OFF: u32 = 0x8400_0008;
const SYSTEM_RESET: u32 = 0x8400_0009;
const FEATURES: u32 = 0x8400_000a;
const NOT_SUPPORTED: i64 = -1;
const INVALID_PARAMETERS: i64 = -2;
const DENIED: i64 = -3;
const ALREADY_ON: i64 = -4;
const ON_PENDING: i64 = -5;
const INVALID_ADDRESS: i64 = -9;
const GUEST_OFF: u64 = 3;
const GUEST_RESET: u64 = 4;
const ENTRY: u64 = 0x4020_0000;

fn state(rig: &mut Rig) -> PartitionState {
    let [status, ..] = rig.ok(FunctionId::PartInfo, &[1, 0]);
    Status::from_register(status).unwrap().state
}

#[test]
fn versions_and_features_are_told() {
    let mut rig = Rig::new();
    assert_eq!(rig.psci_value(0, VERSION, [0; 3]), 0x1_0001);
    assert_eq!(rig.psci_value(0, 0x8000_0000, [0; 3]), 0x1_0002);
    assert_eq!(rig.psci_value(0, 0x8000_0001, [0x8000_0000, 0, 0]), 0);
    assert_eq!(rig.psci_value(0, 0x8000_0001, [0x8000_8000, 0, 0]), NOT_SUPPORTED);
    assert_eq!(rig.psci_value(0, MIGRATE_INFO_TYPE, [0; 3]), 2);
    assert_eq!(rig.psci_value(0, FEATURES, [u64::from(CPU_SUSPEND), 0, 0]), 2);
    for implemented in [VERSION, CPU_OFF, CPU_ON, CPU_ON_32, AFFINITY_INFO, SYSTEM_OFF, FEATURES, 0x8000_0000]
    {
        assert_eq!(rig.psci_value(0, FEATURES, [implemented.into(), 0, 0]), 0, "{implemented:#x}");
    }
    for missing in [0x8400_0005u32, 0x8400_0013, 0xc400_000e, 0x8400_0001 + 0x100, 0] {
        assert_eq!(rig.psci_value(0, FEATURES, [missing.into(), 0, 0]), NOT_SUPPORTED, "{missing:#x}");
    }
}

#[test]
fn unknown_calls_are_not_supported_whatever_their_arguments() {
    let mut rig = Rig::new();
    for function in
        [0x8400_0005, 0xc400_0005, 0xc400_0012, 0x8400_0015, 0xc400_0014, 0xc300_0013, 0x8200_0001, 0]
    {
        assert_eq!(rig.psci_value(0, function, [u64::MAX; 3]), NOT_SUPPORTED, "{function:#x}");
    }
}

#[test]
fn management_cpus_come_and_go() {
    let mut rig = Rig::new();
    assert_eq!(rig.psci_value(0, AFFINITY_INFO, [0x101, 0, 0]), 1);
    assert_eq!(rig.psci_value(0, CPU_ON, [0x101, ENTRY, 5]), 0);
    assert_eq!(rig.psci_value(0, CPU_ON, [0x101, ENTRY, 5]), ON_PENDING);
    assert_eq!(rig.psci_value(0, AFFINITY_INFO, [0x101, 0, 0]), 2);
    rig.obey();
    assert_eq!(rig.psci_value(0, CPU_ON, [0x101, ENTRY, 5]), ALREADY_ON);
    assert_eq!(rig.psci_value(0, AFFINITY_INFO, [0x101, 0, 0]), 0);
    assert_eq!(rig.psci(5, CPU_OFF, [0; 3]), Outcome::Park);
    assert_eq!(rig.psci_value(0, AFFINITY_INFO, [0x101, 0, 0]), 0, "not off before it has parked");
    rig.obey();
    assert_eq!(rig.psci_value(0, AFFINITY_INFO, [0x101, 0, 0]), 1);
    assert_eq!(rig.psci_value(0, CPU_OFF, [0; 3]), DENIED, "the last CPU stays");
}

#[test]
fn management_cpus_that_leave_together_do_not_leave_nobody() {
    let mut rig = Rig::new();
    rig.psci_value(0, CPU_ON, [1, ENTRY, 0]);
    rig.obey();
    assert_eq!(rig.psci(1, CPU_OFF, [0; 3]), Outcome::Park);
    assert_eq!(rig.psci_value(0, CPU_OFF, [0; 3]), DENIED, "CPU 1 is still on, but on its way out");
}

#[test]
fn wrong_targets_levels_and_addresses_are_refused() {
    let mut rig = Rig::new();
    rig.create(&[2, 3], 0, 8);
    for target in [2u64, 3, 4, 0x200, 1 << 24, u64::MAX] {
        assert_eq!(rig.psci_value(0, CPU_ON, [target, ENTRY, 0]), INVALID_PARAMETERS, "{target:#x}");
        assert_eq!(rig.psci_value(0, AFFINITY_INFO, [target, 0, 0]), INVALID_PARAMETERS, "{target:#x}");
    }
    for level in [1, 2, 3, 4, u64::MAX] {
        assert_eq!(rig.psci_value(0, AFFINITY_INFO, [1, level, 0]), INVALID_PARAMETERS);
    }
    for entry in [POOL, POOL + 8 * MIB - 4, SECURE, ENTRY + 2] {
        assert_eq!(rig.psci_value(0, CPU_ON, [1, entry, 0]), INVALID_ADDRESS, "{entry:#x}");
    }
}

#[test]
fn partition_sees_its_own_cpus_only() {
    let mut rig = Rig::new();
    rig.deployed(&[2, 3], 0, 8);
    for foreign in [0u64, 1, 0x100] {
        assert_eq!(rig.psci_value(2, CPU_ON, [foreign, POOL, 0]), INVALID_PARAMETERS);
        assert_eq!(rig.psci_value(2, AFFINITY_INFO, [foreign, 0, 0]), INVALID_PARAMETERS);
    }
    for outside in [POOL - 4, POOL + 8 * MIB, ENTRY, 0] {
        assert_eq!(rig.psci_value(2, CPU_ON, [3, outside, 0]), INVALID_ADDRESS);
    }
    assert_eq!(rig.psci_value(2, CPU_ON_32, [3, POOL + MIB, 9]), 0);
    rig.obey();
    let (cpu, boot) = *rig.boots.last().unwrap();
    assert_eq!((cpu, boot.entry.0, boot.context), (CpuId(3), POOL + MIB, 9));
    assert_eq!(rig.ok(FunctionId::PartInfo, &[1, 2]), [0, 0, 2]);
}

#[test]
fn standby_returns_and_power_down_states_are_refused() {
    let mut rig = Rig::new();
    assert_eq!(rig.psci(0, CPU_SUSPEND, [0; 3]), Outcome::Standby(SmcReturn::SUCCESS));
    assert_eq!(rig.psci_value(0, CPU_SUSPEND, [1 << 30, ENTRY, 0]), INVALID_PARAMETERS);
    assert_eq!(rig.psci_value(0, CPU_SUSPEND, [1 << 31, ENTRY, 0]), INVALID_PARAMETERS);
}

#[test]
fn last_cpu_off_powers_the_partition_off() {
    let mut rig = Rig::new();
    rig.deployed(&[2, 3], 0, 8);
    rig.psci_value(2, CPU_ON, [3, POOL, 0]);
    rig.obey();
    rig.psci(2, CPU_OFF, [0; 3]);
    rig.obey();
    assert_eq!(state(&mut rig), PartitionState::Deployed);
    rig.psci(3, CPU_OFF, [0; 3]);
    assert_eq!(state(&mut rig), PartitionState::Deployed, "not before it has parked");
    rig.obey();
    assert_eq!(state(&mut rig), PartitionState::Ready);
    assert_eq!(rig.event(), Some((GUEST_OFF, 1, 0)));
}

#[test]
fn power_off_and_reset_of_a_partition_stop_it_and_not_the_machine() {
    for (call, event) in [(SYSTEM_OFF, GUEST_OFF), (SYSTEM_RESET, GUEST_RESET)] {
        let mut rig = Rig::new();
        rig.deployed(&[2, 3], 0, 8);
        rig.psci_value(2, CPU_ON, [3, POOL, 0]);
        rig.obey();
        assert_eq!(rig.psci(3, call, [0; 3]), Outcome::Park);
        assert_eq!(rig.psci(2, VERSION, [0; 3]), Outcome::Park, "it may not go on");
        assert_eq!(state(&mut rig), PartitionState::Deployed);
        rig.obey();
        assert_eq!(state(&mut rig), PartitionState::Ready);
        assert_eq!(rig.event(), Some((event, 1, 0)));
        assert_eq!(rig.event(), None);
        assert_eq!((rig.recorder.system_offs, rig.recorder.system_resets), (0, 0));
        assert_eq!(rig.ok(FunctionId::Stats, &[1, 2]), [1, 0, 0]);
    }
}

#[test]
fn power_off_and_reset_of_the_management_partition_reach_the_machine() {
    let mut rig = Rig::new();
    assert_eq!(rig.psci(0, SYSTEM_OFF, [0; 3]), Outcome::Park);
    assert_eq!((rig.recorder.system_offs, rig.recorder.system_resets), (1, 0));
    let mut rig = Rig::new();
    assert_eq!(rig.psci(0, SYSTEM_RESET, [0; 3]), Outcome::Park);
    assert_eq!((rig.recorder.system_offs, rig.recorder.system_resets), (0, 1));
}

#[test]
fn spurious_kicks_and_parks_lose_no_start() {
    let mut rig = Rig::new();
    rig.create(&[2], 0, 8);
    rig.ok(FunctionId::PartStart, &[1, POOL, POOL]);
    rig.ask(CpuId(2), vman_core::id::PartitionId(1));
    assert_eq!(rig.cores[2], Core::Parking, "a CPU that has not started has nothing to go on with");
    rig.obey();
    assert_eq!(rig.lane_power(CpuId(2).into()), CpuPower::On);
    let running: Vec<_> = rig.cores.iter().filter(|core| matches!(core, Core::Running(_))).collect();
    assert_eq!(running.len(), 2);
}
