//! One partition of the simulated board: `/dev/vmanX`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use vman_core::abi::smc::{Completion, Counter, FunctionId, Status};
use vman_core::device::{
    Cause, Change, ConsoleAction, ConsoleSpan, DeviceError, LoadImage, PartitionDevice, PartitionInfo,
};
use vman_core::error::ErrorKind;
use vman_core::id::{ByteSize, PartitionId};
use vman_core::state::{Operation, PartitionState};

use super::image::Pinned;
use super::state::{State, unexpected};
use super::{Handle, Shared};

/// Pieces of memory that are scrubbed before others get their turn.
const SCRUB_BATCH: u32 = 64;

/// A handle to a partition.
#[derive(Debug, Clone)]
pub struct SimPartition {
    pub(super) handle: Arc<Handle>,
    pub(super) id: PartitionId,
}

impl PartitionDevice for SimPartition {
    fn info(&self) -> Result<PartitionInfo, DeviceError> {
        self.shared().with(|state| state.info(self.id))
    }

    fn deploy(&self, image: &LoadImage<'_>) -> Result<(), DeviceError> {
        let memory = self.shared().with(|state| {
            begin(state, self.id, Operation::Deploy)?;
            Ok(state.record(self.id)?.grant.memory)
        })?;
        // The copy takes time and needs nobody's lock.
        let pinned = Pinned::new(image, memory);
        let limit = self.shared().config.management_memory;
        self.shared().with(|state| {
            let result = pinned.and_then(|pinned| finish_deploy(state, self.id, pinned, limit));
            end(state, self.id);
            result
        })
    }

    fn control(&self, operation: Operation, timeout: Duration) -> Result<(), DeviceError> {
        if operation == Operation::Deploy {
            return Err(DeviceError::new(ErrorKind::InvalidArgument, "Deploy needs an image"));
        }
        let deadline = deadline(timeout);
        let begun = self.shared().with(|state| {
            begin(state, self.id, operation)?;
            self.ask(state, operation).inspect_err(|_| end(state, self.id))
        });
        begun?;
        let result = self.wait(operation, deadline);
        self.shared().with(|state| {
            end(state, self.id);
            Ok(())
        })?;
        result
    }

    fn console(&self, action: ConsoleAction<'_>) -> Result<ConsoleSpan, DeviceError> {
        self.shared().with(|state| match action {
            ConsoleAction::Read { position, buffer } => {
                state.record(self.id)?;
                match state.machine.board.spaces.get(&self.id) {
                    Some(space) => Ok(space.console.read(position, buffer)),
                    None => Err(DeviceError::not_found(self.id)),
                }
            }
            ConsoleAction::Write { data } => write(state, self.id, data),
        })
    }

    fn stats(&self) -> Result<Vec<(Counter, u64)>, DeviceError> {
        self.shared().with(|state| state.stats(self.id))
    }
}

impl SimPartition {
    fn shared(&self) -> &Arc<Shared> {
        &self.handle.shared
    }

    /// Tells the firmware. Nothing has changed if this is refused.
    fn ask(&self, state: &mut State, operation: Operation) -> Result<(), DeviceError> {
        let function = match operation {
            Operation::Shutdown | Operation::Reboot => FunctionId::PartStop,
            Operation::Suspend => FunctionId::PartSuspend,
            Operation::Restore => FunctionId::PartResume,
            Operation::Destroy => {
                check_unshared(state, self.id)?;
                return Ok(());
            }
            Operation::Deploy => return Ok(()),
        };
        state.call(function, &[self.id.0.into()]).map_err(unexpected)?;
        if operation == Operation::Restore {
            state.announce_state(self.id, PartitionState::Deployed, Cause::Command);
        }
        state.interrupts();
        Ok(())
    }

    /// Waits until it is complete.
    fn wait(&self, operation: Operation, deadline: Instant) -> Result<(), DeviceError> {
        match operation {
            Operation::Shutdown => self.wait_for(deadline, Operation::Shutdown).map(|_| ()),
            Operation::Reboot => {
                self.wait_for(deadline, Operation::Shutdown)?;
                self.shared().with(|state| finish_reboot(state, self.id))
            }
            Operation::Suspend => self.wait_for_suspend(deadline),
            Operation::Destroy => self.scrub(deadline),
            Operation::Restore | Operation::Deploy => Ok(()),
        }
    }

    /// Watches the firmware until `pending` is under way no more (the unit's documentation says why that is free of
    /// races).
    fn wait_for(&self, deadline: Instant, pending: Operation) -> Result<Status, DeviceError> {
        let done = self.shared().wait_until(deadline, |state| match state.status_of_record(self.id) {
            Ok(status) if status.pending == Some(pending) => None,
            other => Some(other),
        });
        done.unwrap_or_else(|| {
            let name = pending.name();
            Err(DeviceError::new(
                ErrorKind::Timeout,
                format!("CPUs of partition {} did not obey {name}", self.id),
            ))
        })
    }

    fn wait_for_suspend(&self, deadline: Instant) -> Result<(), DeviceError> {
        match self.wait_for(deadline, Operation::Suspend) {
            Ok(Status { state: PartitionState::Suspended, .. }) => Ok(()),
            Ok(Status { state, .. }) => Err(DeviceError::new(
                ErrorKind::InvalidState,
                format!("Partition {} is {state}: it stopped, reset itself or faulted meanwhile", self.id),
            )),
            Err(error) => {
                if error.kind == ErrorKind::Timeout {
                    // Nobody waits for it any more, so it shall not happen later.
                    let _ = self.shared().with(|state| {
                        state.call(FunctionId::PartResume, &[self.id.0.into()]).map_err(unexpected)
                    });
                }
                Err(error)
            }
        }
    }

    /// Gives memory back piece by piece.
    fn scrub(&self, deadline: Instant) -> Result<(), DeviceError> {
        loop {
            let complete = self.shared().with(|state| scrub_batch(state, self.id))?;
            if complete {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(DeviceError::new(
                    ErrorKind::Timeout,
                    format!("Memory of partition {} is not clean yet; ask again", self.id),
                ));
            }
        }
    }
}

/// Checks that `operation` is possible and makes the partition busy with it.
fn begin(state: &mut State, id: PartitionId, operation: Operation) -> Result<(), DeviceError> {
    if let Some(other) = state.record(id)?.busy {
        return Err(busy(id, other));
    }
    let status = state.status(id)?;
    match (status.pending, operation) {
        // Somebody gave up waiting for it; it may be asked for again.
        (Some(Operation::Shutdown), Operation::Shutdown | Operation::Reboot)
        | (Some(Operation::Destroy), Operation::Destroy)
        | (None, _) => {}
        (Some(other), _) => return Err(busy(id, other)),
    }
    status
        .state
        .after_in(status.condition, operation)
        .map_err(|refused| DeviceError::new(ErrorKind::InvalidState, refused.to_string()))?;
    state.record_mut(id)?.busy = Some(operation);
    Ok(())
}

/// The partition, if it still exists, is busy no more.
fn end(state: &mut State, id: PartitionId) {
    let Some(record) = state.records.get_mut(&id) else { return };
    let was = record.busy.take();
    // A reboot that nobody waits for any more has become a shutdown.
    if was == Some(Operation::Reboot)
        && let Ok(status) = state.status(id)
    {
        state.announce_state(id, status.state, Cause::Command);
    }
}

fn busy(id: PartitionId, operation: Operation) -> DeviceError {
    DeviceError::new(ErrorKind::Busy, format!("Partition {id} is busy with {operation}"))
}

fn finish_deploy(
    state: &mut State,
    id: PartitionId,
    pinned: Pinned,
    limit: ByteSize,
) -> Result<(), DeviceError> {
    // The copy of what was deployed before has no use any more.
    state.record_mut(id)?.image = None;
    let others = state.pinned_bytes();
    let wanted = ByteSize(pinned.bytes);
    if others.saturating_add(wanted.0) > limit.0 {
        let used = ByteSize(others);
        return Err(DeviceError::new(
            ErrorKind::NoResources,
            format!(
                "Copy of {wanted} does not fit the management partition's {limit}, {used} of which hold images"
            ),
        ));
    }
    state.record_mut(id)?.image = Some(pinned);
    state.machine.resets.remove(&id);
    state.load_and_start(id)?;
    state.announce_state(id, PartitionState::Deployed, Cause::Command);
    state.interrupts();
    Ok(())
}

fn finish_reboot(state: &mut State, id: PartitionId) -> Result<(), DeviceError> {
    state.machine.resets.remove(&id);
    match state.load_and_start(id) {
        Ok(()) => {
            state.announce(id, Change::Rebooted(Cause::Command));
            state.interrupts();
            Ok(())
        }
        Err(error) => {
            state.announce_state(id, PartitionState::Ready, Cause::Command);
            Err(error)
        }
    }
}

/// Scrubs some pieces. Returns whether the partition is gone.
fn scrub_batch(state: &mut State, id: PartitionId) -> Result<bool, DeviceError> {
    for _ in 0..SCRUB_BATCH {
        match state.call(FunctionId::PartDestroy, &[id.0.into()]).map_err(unexpected)? {
            Completion::Pending => {}
            Completion::Done(_) => {
                let record = state.records.remove(&id).ok_or_else(|| DeviceError::not_found(id))?;
                state.machine.resets.remove(&id);
                state.forget_links(id);
                state
                    .book
                    .give_back(&record.grant)
                    .map_err(|error| DeviceError::new(error.kind(), error.to_string()))?;
                state.announce(id, Change::Destroyed);
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// A host's CPUs cannot go under the critical partition that shares them.
fn check_unshared(state: &State, id: PartitionId) -> Result<(), DeviceError> {
    match state.records.iter().find(|(_, other)| other.shared_with == Some(id)) {
        Some((sharer, _)) => Err(DeviceError::new(
            ErrorKind::Busy,
            format!("CPUs of partition {id} are shared by partition {sharer}"),
        )),
        None => Ok(()),
    }
}

fn write(state: &mut State, id: PartitionId, data: &[u8]) -> Result<ConsoleSpan, DeviceError> {
    let status = state.status_of_record(id)?;
    if status.state == PartitionState::Ready {
        return Err(DeviceError::new(
            ErrorKind::InvalidState,
            format!("Partition {id} is {}; nobody reads its console", status.state),
        ));
    }
    let Some(space) = state.machine.board.spaces.get_mut(&id) else {
        return Err(DeviceError::not_found(id));
    };
    let span = space.console.write(data);
    state.machine.read_typed(id);
    state.machine.run();
    state.interrupts();
    let end = state.machine.board.spaces.get(&id).map_or(span.end, |space| space.console.end());
    Ok(ConsoleSpan { end, ..span })
}

/// Far enough for everybody if the clock cannot count that far.
fn deadline(timeout: Duration) -> Instant {
    const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
    Instant::now() + timeout.min(YEAR)
}
