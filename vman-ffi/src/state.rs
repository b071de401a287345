//! States and operations, and the table of what leads where (source document, Figure 19).

use std::ffi::{CStr, c_char};

use vman_core::ErrorKind;
use vman_core::device::Cause;
use vman_core::state::{Condition, Next, Operation, PartitionState};

use crate::error::{ErrorOut, Failure, vman_error};
use crate::panic::{guard, guard_value};
use crate::pointer::out;
use crate::status::vman_status;

/// Where a partition stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub enum vman_state {
    /// It does not exist any more, or there is nothing to tell.
    None = 0,
    /// It owns cores and memory; its CPUs are off.
    Ready = 1,
    /// An operating system runs on it.
    Deployed = 2,
    /// Its CPUs are held, their state is kept.
    Suspended = 3,
}

/// Whether the operating system in a partition is sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub enum vman_condition {
    /// Nothing is known against it.
    Running = 0,
    /// The firmware saw a fault that it cannot go on from: only shutdown and reboot are possible.
    Faulted = 1,
}

/// What can be asked of an existing partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub enum vman_operation {
    /// None is under way.
    None = 0,
    /// Load a kernel and start it.
    Deploy = 1,
    /// Halt the CPUs, keep the resources.
    Shutdown = 2,
    /// Halt the CPUs, load again, start again.
    Reboot = 3,
    /// Hold the CPUs with their state.
    Suspend = 4,
    /// Let held CPUs go on.
    Restore = 5,
    /// Give cores and memory back.
    Destroy = 6,
}

/// Who changed a partition's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub enum vman_cause {
    /// Nobody: the event has no cause.
    None = 0,
    /// A command.
    Command = 1,
    /// The partition's operating system.
    Guest = 2,
    /// The firmware.
    Firmware = 3,
}

impl From<PartitionState> for vman_state {
    fn from(state: PartitionState) -> Self {
        match state {
            PartitionState::Ready => Self::Ready,
            PartitionState::Deployed => Self::Deployed,
            PartitionState::Suspended => Self::Suspended,
        }
    }
}

impl From<Condition> for vman_condition {
    fn from(condition: Condition) -> Self {
        match condition {
            Condition::Running => Self::Running,
            Condition::Faulted => Self::Faulted,
        }
    }
}

impl From<Operation> for vman_operation {
    fn from(operation: Operation) -> Self {
        match operation {
            Operation::Deploy => Self::Deploy,
            Operation::Shutdown => Self::Shutdown,
            Operation::Reboot => Self::Reboot,
            Operation::Suspend => Self::Suspend,
            Operation::Restore => Self::Restore,
            Operation::Destroy => Self::Destroy,
        }
    }
}

impl From<Cause> for vman_cause {
    fn from(cause: Cause) -> Self {
        match cause {
            Cause::Command => Self::Command,
            Cause::Guest => Self::Guest,
            Cause::Firmware => Self::Firmware,
        }
    }
}

fn partition_state(number: i32) -> Option<PartitionState> {
    PartitionState::ALL.into_iter().find(|state| vman_state::from(*state) as i32 == number)
}

fn operation(number: i32) -> Option<Operation> {
    Operation::ALL.into_iter().find(|operation| vman_operation::from(*operation) as i32 == number)
}

fn condition(number: i32) -> Option<Condition> {
    let all = [Condition::Running, Condition::Faulted];
    all.into_iter().find(|condition| vman_condition::from(*condition) as i32 == number)
}

/// The state after an operation on a partition in `state` (a vman_state) and `condition` (a vman_condition);
/// `operation` is a vman_operation. Nothing is sent: the same table as in vmand and in the firmware. `*next` is
/// VMAN_STATE_NONE after the partition was destroyed.
///
/// Fails with VMAN_STATUS_INVALID_STATE where the table refuses it, VMAN_STATUS_INVALID_ARGUMENT for a number that
/// is none of the enumeration.
///
/// # Safety
/// `next` is a valid place for the answer, `error` NULL or a valid place for a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vman_state_after(
    state: i32,
    condition: i32,
    operation: i32,
    next: *mut vman_state,
    error: *mut *mut vman_error,
) -> vman_status {
    // SAFETY: promised by the caller.
    let error = unsafe { ErrorOut::new(error) };
    guard(error, || {
        // SAFETY: promised by the caller.
        let next = unsafe { out(next, "next") }?;
        let state = partition_state(state).ok_or_else(|| {
            Failure::argument("state", format_args!("{state} is no vman_state of a partition"))
        })?;
        let condition = self::condition(condition).ok_or_else(|| {
            Failure::argument("condition", format_args!("{condition} is no vman_condition"))
        })?;
        let operation = self::operation(operation).ok_or_else(|| {
            Failure::argument("operation", format_args!("{operation} is no vman_operation"))
        })?;
        match state.after_in(condition, operation) {
            Ok(Next::State(state)) => next.write(state.into()),
            Ok(Next::Gone) => next.write(vman_state::None),
            Err(refused) => return Err(Failure::new(ErrorKind::InvalidState, refused.to_string())),
        };
        Ok(())
    })
}

/// Name of a vman_state as vmand spells it ("READY"); NULL for other numbers. The text is constant.
#[unsafe(no_mangle)]
pub extern "C" fn vman_state_name(state: i32) -> *const c_char {
    guard_value(std::ptr::null(), || {
        partition_state(state).map_or(std::ptr::null(), |s| state_text(s).as_ptr())
    })
}

/// Name of a vman_operation, the same as its command ("destroy-partition"); NULL for other numbers. The text is
/// constant.
#[unsafe(no_mangle)]
pub extern "C" fn vman_operation_name(operation: i32) -> *const c_char {
    guard_value(std::ptr::null(), || {
        self::operation(operation).map_or(std::ptr::null(), |o| operation_text(o).as_ptr())
    })
}

const fn state_text(state: PartitionState) -> &'static CStr {
    match state {
        PartitionState::Ready => c"READY",
        PartitionState::Deployed => c"DEPLOYED",
        PartitionState::Suspended => c"SUSPENDED",
    }
}

const fn operation_text(operation: Operation) -> &'static CStr {
    match operation {
        Operation::Deploy => c"deploy",
        Operation::Shutdown => c"shutdown",
        Operation::Reboot => c"reboot",
        Operation::Suspend => c"suspend",
        Operation::Restore => c"restore",
        Operation::Destroy => c"destroy-partition",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_protocol() {
        for state in PartitionState::ALL {
            assert_eq!(state_text(state).to_str().unwrap(), state.to_string());
        }
        for operation in Operation::ALL {
            assert_eq!(operation_text(operation).to_str().unwrap(), operation.name());
        }
    }
}
