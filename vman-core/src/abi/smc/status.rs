//! Where a partition stands, in one register.

use crate::state::{Condition, Operation, PartitionState};

/// `x1` of [`super::InfoPage::Status`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// The state; it changes when the operation is complete.
    pub state: PartitionState,
    /// Whether it is faulted.
    pub condition: Condition,
    /// The operation that is under way: shutdown, suspend or destroy.
    pub pending: Option<Operation>,
}

impl Status {
    /// Bits 7..0 state (1 READY, 2 DEPLOYED, 3 SUSPENDED), bit 8 faulted, bits 23..16 pending (0 none, 1 shutdown,
    /// 2 suspend, 3 destroy-partition).
    pub const fn to_register(self) -> u64 {
        let state = match self.state {
            PartitionState::Ready => 1,
            PartitionState::Deployed => 2,
            PartitionState::Suspended => 3,
        };
        let condition = match self.condition {
            Condition::Running => 0,
            Condition::Faulted => 1 << 8,
        };
        let pending = match self.pending {
            Some(Operation::Shutdown) => 1 << 16,
            Some(Operation::Suspend) => 2 << 16,
            Some(Operation::Destroy) => 3 << 16,
            None | Some(Operation::Deploy | Operation::Reboot | Operation::Restore) => 0,
        };
        state | condition | pending
    }

    /// The inverse of [`Status::to_register`].
    pub const fn from_register(value: u64) -> Option<Self> {
        let state = match value & 0xff {
            1 => PartitionState::Ready,
            2 => PartitionState::Deployed,
            3 => PartitionState::Suspended,
            _ => return None,
        };
        let condition = if value >> 8 & 1 == 1 { Condition::Faulted } else { Condition::Running };
        let pending = match value >> 16 & 0xff {
            0 => None,
            1 => Some(Operation::Shutdown),
            2 => Some(Operation::Suspend),
            3 => Some(Operation::Destroy),
            _ => return None,
        };
        Some(Self { state, condition, pending })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_survives_the_register() {
        for state in PartitionState::ALL {
            for condition in [Condition::Running, Condition::Faulted] {
                let pending =
                    [None, Some(Operation::Shutdown), Some(Operation::Suspend), Some(Operation::Destroy)];
                for pending in pending {
                    let status = Status { state, condition, pending };
                    assert_eq!(Status::from_register(status.to_register()), Some(status));
                }
            }
        }
        assert_eq!(Status::from_register(0), None);
    }
}
