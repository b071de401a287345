//! How the driver numbers operations.

use crate::state::Operation;

/// The number of `operation`.
pub const fn number(operation: Operation) -> u32 {
    match operation {
        Operation::Deploy => 1,
        Operation::Shutdown => 2,
        Operation::Reboot => 3,
        Operation::Suspend => 4,
        Operation::Restore => 5,
        Operation::Destroy => 6,
    }
}

/// The operation with this number; `None` also for 0, no operation.
pub fn from_number(operation: u64) -> Option<Operation> {
    Operation::ALL.into_iter().find(|known| u64::from(number(*known)) == operation)
}
