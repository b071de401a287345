//! How the driver numbers states.

use crate::state::PartitionState;

/// The number of `state`.
pub const fn number(state: PartitionState) -> u32 {
    match state {
        PartitionState::Ready => 1,
        PartitionState::Deployed => 2,
        PartitionState::Suspended => 3,
    }
}

/// The state with this number.
pub fn from_number(state: u64) -> Option<PartitionState> {
    PartitionState::ALL.into_iter().find(|known| u64::from(number(*known)) == state)
}
