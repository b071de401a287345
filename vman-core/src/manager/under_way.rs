//! Operations that are under way: one a partition.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::ManagerError;
use crate::id::PartitionId;
use crate::state::Operation;

/// Which partitions are being operated on by this process. The device refuses a second operation too, but not while
/// a deployment still reads its files.
#[derive(Debug, Default)]
pub(super) struct UnderWay(Mutex<HashMap<PartitionId, Operation>>);

impl UnderWay {
    /// Notes that `operation` begins; it ends when the token is dropped.
    pub(super) fn begin(&self, id: PartitionId, operation: Operation) -> Result<Token<'_>, ManagerError> {
        let mut running = self.lock();
        if let Some(&running) = running.get(&id) {
            return Err(ManagerError::Busy { id, running });
        }
        running.insert(id, operation);
        Ok(Token { under_way: self, id })
    }

    /// What is under way on `id`.
    pub(super) fn of(&self, id: PartitionId) -> Option<Operation> {
        self.lock().get(&id).copied()
    }

    /// No panic can leave the map half changed.
    fn lock(&self) -> MutexGuard<'_, HashMap<PartitionId, Operation>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An operation that is under way.
#[derive(Debug)]
pub(super) struct Token<'a> {
    under_way: &'a UnderWay,
    id: PartitionId,
}

impl Drop for Token<'_> {
    fn drop(&mut self) {
        self.under_way.lock().remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn second_operation_is_refused_until_the_first_ends() {
        let under_way = UnderWay::default();
        let (one, two) = (PartitionId(1), PartitionId(2));
        let token = under_way.begin(one, Operation::Deploy).unwrap();
        let refused = under_way.begin(one, Operation::Shutdown).unwrap_err();
        assert_eq!(refused.to_string(), "Partition 1 is busy: deploy is under way");
        assert!(under_way.begin(two, Operation::Shutdown).is_ok());
        drop(token);
        assert_eq!(under_way.of(one), None);
        assert!(under_way.begin(one, Operation::Shutdown).is_ok());
    }
}
