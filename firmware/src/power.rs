//! The Power Management Unit: PSCI 1.1 (Arm DEN 0022) and the queries of the SMC Calling Convention 1.2 (DEN 0028).
//!
//! A partition sees its own CPUs only. Its `SYSTEM_OFF` and `SYSTEM_RESET` are caught: they stop the partition, not
//! the machine. The management partition's reach the machine.

use arm_psci::{
    AffinityInfo, EntryPoint, ErrorCode, FeatureFlagsCpuSuspend, Function, FunctionId, MigrateInfoType,
    Mpidr, PowerState, PsciFeature, Version,
};
use vman_core::abi::smc::{CpuPower, SmcCall, SmcReturn};
use vman_core::id::{self, PartitionId, PhysAddr};

use crate::monitor::{Monitor, Outcome};
use crate::platform::Platform;
use crate::table::{Lane, LaneRecord, StopCause};

/// `SMCCC_VERSION`.
const SMCCC_VERSION: u32 = 0x8000_0000;
/// `SMCCC_ARCH_FEATURES`.
const SMCCC_ARCH_FEATURES: u32 = 0x8000_0001;
/// Version 1.2 of the convention.
const SMCCC_1_2: u64 = 0x1_0002;
/// An instruction's alignment in bytes.
const INSTRUCTION: u64 = 4;

impl<const CPUS: usize, const PARTITIONS: usize> Monitor<CPUS, PARTITIONS> {
    /// A call that is none of the vManager service.
    pub(crate) fn power_call(
        &mut self,
        lane: Lane,
        owner: PartitionId,
        call: SmcCall,
        platform: &mut impl Platform,
    ) -> Outcome {
        #[allow(clippy::cast_possible_truncation, reason = "the convention: W0 holds the identifier")]
        match call.function as u32 {
            SMCCC_VERSION => value(SMCCC_1_2),
            SMCCC_ARCH_FEATURES => arch_features(call.args[0]),
            function if is_implemented(function) => {
                let [a, b, c, ..] = call.args;
                match Function::try_from(&[u64::from(function), a, b, c]) {
                    Ok(function) => self.psci(lane, owner, function, platform),
                    Err(error) => refused(error.into()),
                }
            }
            _ => refused(ErrorCode::NotSupported),
        }
    }

    fn psci(
        &mut self,
        lane: Lane,
        owner: PartitionId,
        call: Function,
        platform: &mut impl Platform,
    ) -> Outcome {
        match call {
            Function::Version => value(u32::from(Version { major: 1, minor: 1 }).into()),
            Function::Features { psci_func_id } => features(psci_func_id),
            Function::MigrateInfoType => value(u32::from(MigrateInfoType::MigrationNotRequired).into()),
            Function::CpuSuspend { state: PowerState::StandbyOrRetention(_), .. } => {
                Outcome::Standby(SmcReturn::SUCCESS)
            }
            Function::CpuSuspend { state: PowerState::PowerDown(_), .. } => {
                refused(ErrorCode::InvalidParameters)
            }
            Function::CpuOff => self.cpu_off(lane, owner),
            Function::CpuOn { target_cpu, entry } => {
                answer(self.cpu_on(lane, owner, target_cpu, entry, platform).map(|()| 0))
            }
            Function::AffinityInfo { mpidr, lowest_affinity_level: 0 } => {
                answer(self.affinity_info(lane, owner, mpidr, platform))
            }
            Function::AffinityInfo { .. } => refused(ErrorCode::InvalidParameters),
            Function::SystemOff => self.system_off(lane, owner, platform),
            Function::SystemReset => self.system_reset(lane, owner, platform),
            Function::Migrate { .. }
            | Function::MigrateInfoUpCpu { .. }
            | Function::SystemOff2 { .. }
            | Function::SystemReset2 { .. }
            | Function::MemProtect { .. }
            | Function::MemProtectCheckRange { .. }
            | Function::CpuFreeze
            | Function::CpuDefaultSuspend { .. }
            | Function::NodeHwState { .. }
            | Function::SystemSuspend { .. }
            | Function::SetSuspendMode { .. }
            | Function::StatResidency { .. }
            | Function::StatCount { .. } => refused(ErrorCode::NotSupported),
        }
    }

    /// The management partition keeps one CPU at least; the last CPU of another one powers it off.
    fn cpu_off(&mut self, lane: Lane, owner: PartitionId) -> Outcome {
        let stays = |other: &LaneRecord| other.owner == owner && !other.is_off() && !other.leaving;
        let others = self.board.cpus.iter().map(Lane::from).filter(|other| *other != lane);
        if owner.is_management() && !others.filter_map(|other| self.table.lane(other)).any(stays) {
            return refused(ErrorCode::Denied);
        }
        if let Some(record) = self.table.lane_mut(lane) {
            record.leaving = true;
        }
        Outcome::Park
    }

    fn cpu_on(
        &mut self,
        lane: Lane,
        owner: PartitionId,
        target: Mpidr,
        entry: EntryPoint,
        platform: &mut impl Platform,
    ) -> Result<(), ErrorCode> {
        let target = self.own_lane(lane, owner, target, platform)?;
        let address = PhysAddr(entry.entry_point_address());
        if !self.may_enter(owner, address) {
            return Err(ErrorCode::InvalidAddress);
        }
        match self.table.lane(target).map(|record| record.power) {
            Some(CpuPower::Off) => {
                self.start_lane(target, address, entry.context_id(), platform);
                Ok(())
            }
            Some(CpuPower::OnPending) => Err(ErrorCode::OnPending),
            Some(CpuPower::On) => Err(ErrorCode::AlreadyOn),
            None => Err(ErrorCode::InvalidParameters),
        }
    }

    fn affinity_info(
        &self,
        lane: Lane,
        owner: PartitionId,
        target: Mpidr,
        platform: &impl Platform,
    ) -> Result<u64, ErrorCode> {
        let target = self.own_lane(lane, owner, target, platform)?;
        let info = match self.table.lane(target).map(|record| record.power) {
            Some(CpuPower::On) => AffinityInfo::On,
            Some(CpuPower::OnPending) => AffinityInfo::OnPending,
            Some(CpuPower::Off) | None => AffinityInfo::Off,
        };
        Ok(u32::from(info).into())
    }

    fn system_off(&mut self, lane: Lane, owner: PartitionId, platform: &mut impl Platform) -> Outcome {
        if owner.is_management() {
            platform.system_off();
        } else {
            self.begin_stop(owner, StopCause::GuestOff, Some(lane), platform);
        }
        Outcome::Park
    }

    fn system_reset(&mut self, lane: Lane, owner: PartitionId, platform: &mut impl Platform) -> Outcome {
        if owner.is_management() {
            platform.system_reset();
        } else {
            self.begin_stop(owner, StopCause::GuestReset, Some(lane), platform);
        }
        Outcome::Park
    }

    /// The CPU with this affinity, if it belongs to the caller's partition.
    fn own_lane(
        &self,
        caller: Lane,
        owner: PartitionId,
        target: Mpidr,
        platform: &impl Platform,
    ) -> Result<Lane, ErrorCode> {
        let cpu = platform.cpu(id::Mpidr(target.into())).ok_or(ErrorCode::InvalidParameters)?;
        let lane = Lane { cpu, shared: caller.shared };
        match self.table.lane(lane) {
            Some(record) if record.owner == owner && self.board.cpus.contains(cpu) => Ok(lane),
            Some(_) | None => Err(ErrorCode::InvalidParameters),
        }
    }

    /// Whether a CPU of `owner` may start at `address`: in its own memory, for the management partition in none of
    /// the others' and not in secure memory.
    fn may_enter(&self, owner: PartitionId, address: PhysAddr) -> bool {
        let inside = match self.table.partition(owner) {
            Some(partition) => partition.memory.contains(address),
            None => {
                !self.board.secure_memory.contains(address)
                    && !self.table.iter().any(|other| other.memory.contains(address))
            }
        };
        inside && address.0.is_multiple_of(INSTRUCTION)
    }
}

/// The PSCI functions that are implemented; the others are [`ErrorCode::NotSupported`] whatever their arguments.
fn is_implemented(function: u32) -> bool {
    use FunctionId::{
        AffinityInfo32, AffinityInfo64, CpuOff, CpuOn32, CpuOn64, CpuSuspend32, CpuSuspend64,
        MigrateInfoType, PsciFeatures, PsciVersion, SystemOff, SystemReset,
    };
    let implemented = [
        PsciVersion,
        PsciFeatures,
        CpuSuspend32,
        CpuSuspend64,
        CpuOff,
        CpuOn32,
        CpuOn64,
        AffinityInfo32,
        AffinityInfo64,
        MigrateInfoType,
        SystemOff,
        SystemReset,
    ];
    implemented.into_iter().any(|known| u32::from(known) == function)
}

fn features(feature: PsciFeature) -> Outcome {
    match feature {
        PsciFeature::SmcccVersion => value(0),
        PsciFeature::PsciFunction(FunctionId::CpuSuspend32 | FunctionId::CpuSuspend64) => {
            value(FeatureFlagsCpuSuspend::EXTENDED_POWER_STATE.bits().into())
        }
        PsciFeature::PsciFunction(function) if is_implemented(function.into()) => value(0),
        PsciFeature::PsciFunction(_) => refused(ErrorCode::NotSupported),
    }
}

fn arch_features(function: u64) -> Outcome {
    #[allow(clippy::cast_possible_truncation, reason = "the convention: W1 holds the identifier")]
    match function as u32 {
        SMCCC_VERSION | SMCCC_ARCH_FEATURES => value(0),
        _ => refused(ErrorCode::NotSupported),
    }
}

fn answer(result: Result<u64, ErrorCode>) -> Outcome {
    match result {
        Ok(result) => value(result),
        Err(error) => refused(error),
    }
}

const fn value(x0: u64) -> Outcome {
    Outcome::Return(SmcReturn([x0, 0, 0, 0]))
}

fn refused(error: ErrorCode) -> Outcome {
    value(error.into())
}
