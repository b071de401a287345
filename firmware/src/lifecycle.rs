//! How stops, suspends and faults begin and complete. The only place that changes a partition's state.
//!
//! Nothing here waits. A stop or a suspend begins by telling every lane what to do; each lane that parks or holds
//! calls in again, and the last one completes the operation. All of this happens under the callers' one lock, so
//! "told to start, not yet there" is a safe state to be stopped or suspended in: such a lane is parked, and what it
//! finds when it looks is decided by then.

use vman_core::abi::smc::{CpuPower, EventKind, FaultReason};
use vman_core::id::{PartitionId, PhysAddr};
use vman_core::state::{Condition, PartitionState};

use crate::monitor::Monitor;
use crate::platform::Platform;
use crate::table::{Fault, Lane, LaneRecord, Partition, Phase, StopCause};

impl<const CPUS: usize, const PARTITIONS: usize> Monitor<CPUS, PARTITIONS> {
    /// READY → DEPLOYED: the lowest CPU enters `entry`.
    pub(crate) fn begin_run(
        &mut self,
        id: PartitionId,
        entry: PhysAddr,
        context: u64,
        platform: &mut impl Platform,
    ) {
        let Some(partition) = self.table.partition_mut(id) else { return };
        partition.state = PartitionState::Deployed;
        partition.counters.starts = partition.counters.starts.saturating_add(1);
        let partition = *partition;
        platform.close(id, partition.memory);
        if let Some(lane) = partition.lanes().next() {
            self.start_lane(lane, entry, context, platform);
        }
    }

    /// Makes a parked lane start.
    pub(crate) fn start_lane(
        &mut self,
        lane: Lane,
        entry: PhysAddr,
        context: u64,
        platform: &mut impl Platform,
    ) {
        if let Some(record) = self.table.lane_mut(lane) {
            record.prepare(entry, context);
            wake(lane, platform);
        }
    }

    /// Makes every lane but `except` (which parks by itself) lose its context.
    pub(crate) fn begin_stop(
        &mut self,
        id: PartitionId,
        cause: StopCause,
        except: Option<Lane>,
        platform: &mut impl Platform,
    ) {
        let Some(partition) = self.table.partition_mut(id) else { return };
        partition.phase = Phase::Stopping(cause);
        let partition = *partition;
        for lane in partition.lanes() {
            let Some(record) = self.table.lane_mut(lane) else { continue };
            match record.power {
                CpuPower::OnPending => record.reset(),
                CpuPower::On if record.held => wake(lane, platform),
                CpuPower::On if Some(lane) != except => kick(lane, platform),
                CpuPower::On | CpuPower::Off => {}
            }
        }
    }

    /// Makes every running lane hold.
    pub(crate) fn begin_suspend(&mut self, id: PartitionId, platform: &mut impl Platform) {
        let Some(partition) = self.table.partition_mut(id) else { return };
        partition.phase = Phase::Suspending;
        let partition = *partition;
        for lane in partition.lanes() {
            if self.table.lane(lane).is_some_and(LaneRecord::is_running) {
                kick(lane, platform);
            }
        }
    }

    /// SUSPENDED → DEPLOYED, or a suspend that is under way called off: held lanes go on, pending ones start.
    pub(crate) fn resume(&mut self, id: PartitionId, platform: &mut impl Platform) {
        let Some(partition) = self.table.partition_mut(id) else { return };
        partition.state = PartitionState::Deployed;
        partition.phase = Phase::Idle;
        let partition = *partition;
        for lane in partition.lanes() {
            if self.table.lane(lane).is_some_and(|record| record.held || record.power == CpuPower::OnPending)
            {
                wake(lane, platform);
            }
        }
    }

    /// The partition cannot go on; `lane` holds until a stop, a suspend that is under way is called off.
    pub(crate) fn fault(&mut self, id: PartitionId, lane: Lane, fault: Fault, platform: &mut impl Platform) {
        let Some(partition) = self.table.partition_mut(id) else { return };
        let first = partition.condition == Condition::Running;
        let suspending = partition.phase == Phase::Suspending;
        if first {
            partition.condition = Condition::Faulted;
            partition.fault = fault;
        }
        if let Some(record) = self.table.lane_mut(lane) {
            record.faulted = true;
        }
        if suspending {
            self.resume(id, platform);
        }
        if first {
            self.tell(id, EventKind::Faulted, fault.reason, platform);
        }
    }

    /// Completes what is under way if the lanes allow it. Returns whether something was completed.
    pub(crate) fn settle(&mut self, id: PartitionId, platform: &mut impl Platform) -> bool {
        let Some(partition) = self.table.partition(id).copied() else { return false };
        let off = self.table.all_lanes(&partition, |lane| lane.is_off());
        match (partition.state, partition.phase) {
            (_, Phase::Stopping(cause)) if off => self.complete_stop(&partition, cause, platform),
            (PartitionState::Deployed, Phase::Idle | Phase::Suspending) if off => {
                self.complete_stop(&partition, StopCause::GuestOff, platform);
            }
            (_, Phase::Suspending) if self.table.all_lanes(&partition, |lane| !lane.is_running()) => {
                self.complete_suspend(id, platform);
            }
            (_, Phase::Idle | Phase::Stopping(_) | Phase::Suspending | Phase::Destroying(_)) => return false,
        }
        true
    }

    fn complete_stop(&mut self, partition: &Partition, cause: StopCause, platform: &mut impl Platform) {
        for lane in partition.lanes() {
            if let Some(record) = self.table.lane_mut(lane) {
                record.reset();
            }
        }
        let Some(record) = self.table.partition_mut(partition.id) else { return };
        record.state = PartitionState::Ready;
        record.condition = Condition::Running;
        record.phase = Phase::Idle;
        record.fault = Fault::NONE;
        let event = match cause {
            StopCause::Command => EventKind::Stopped,
            StopCause::GuestOff => EventKind::GuestOff,
            StopCause::GuestReset => EventKind::GuestReset,
        };
        if cause != StopCause::Command {
            record.counters.guest_power_events = record.counters.guest_power_events.saturating_add(1);
        }
        platform.open(partition.id, partition.memory);
        self.tell(partition.id, event, FaultReason::None, platform);
    }

    fn complete_suspend(&mut self, id: PartitionId, platform: &mut impl Platform) {
        let Some(partition) = self.table.partition_mut(id) else { return };
        partition.state = PartitionState::Suspended;
        partition.phase = Phase::Idle;
        partition.counters.suspends = partition.counters.suspends.saturating_add(1);
        self.tell(id, EventKind::Suspended, FaultReason::None, platform);
    }

    fn tell(&mut self, id: PartitionId, kind: EventKind, reason: FaultReason, platform: &mut impl Platform) {
        self.events.push(id, kind, reason as u32);
        platform.notify();
    }
}

/// Makes a parked or held lane look again.
fn wake(lane: Lane, platform: &mut impl Platform) {
    if lane.shared { platform.wake_sharer(lane.cpu) } else { platform.wake(lane.cpu) }
}

/// Forces a running lane into the firmware.
fn kick(lane: Lane, platform: &mut impl Platform) {
    if lane.shared { platform.kick_sharer(lane.cpu) } else { platform.kick(lane.cpu) }
}
