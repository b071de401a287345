//! The state table against a model written as a table.

use vman_core::state::{Condition, Next, Operation, PartitionState};

/// Columns are [`Operation::ALL`].
const TABLE: [[Option<Next>; 6]; 3] = {
    const READY: Option<Next> = Some(Next::State(PartitionState::Ready));
    const DEPLOYED: Option<Next> = Some(Next::State(PartitionState::Deployed));
    const SUSPENDED: Option<Next> = Some(Next::State(PartitionState::Suspended));
    [
        [DEPLOYED, None, None, None, None, Some(Next::Gone)],
        [None, READY, DEPLOYED, SUSPENDED, None, None],
        [None, READY, None, None, DEPLOYED, None],
    ]
};

/// Each byte is an operation, with a fault before it if it is odd.
pub fn run(data: &[u8]) {
    let mut state = PartitionState::Ready;
    for byte in data {
        let column = usize::from(byte / 2) % Operation::ALL.len();
        let operation = Operation::ALL[column];
        let row = PartitionState::ALL.iter().position(|known| *known == state).expect("ALL is complete");
        let expected = TABLE[row][column];
        assert_eq!(state.after(operation).ok(), expected);
        let condition = if byte % 2 == 1 { Condition::Faulted } else { Condition::Running };
        match state.after_in(condition, operation) {
            Ok(next) => {
                assert!(expected == Some(next) && condition.allows(operation));
                match next {
                    Next::State(next) => state = next,
                    Next::Gone => return,
                }
            }
            Err(refused) => {
                assert!(expected.is_none() || !condition.allows(operation));
                assert!(refused.to_string().contains(&state.to_string()));
            }
        }
    }
}
