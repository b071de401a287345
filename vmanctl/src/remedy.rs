//! What to do about a refusal.

use std::fmt;

use vman_core::id::PartitionId;
use vman_core::state::{Condition, Next, Operation, PartitionState};

/// The way from where a partition stands to where an operation is possible.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remedy {
    /// The partition is already what the operation would make of it.
    NothingToDo,
    /// The operation is possible by now.
    Retry,
    /// These operations come first.
    First(Vec<Operation>),
}

/// The shortest way to a state that takes `wanted`, from the state table alone; `None` if the table has none.
pub fn remedy(state: PartitionState, condition: Condition, wanted: Operation) -> Option<Remedy> {
    if is_reached(state, wanted) {
        return Some(Remedy::NothingToDo);
    }
    let mut ways = vec![(state, condition, Vec::new())];
    let mut next = 0;
    while let Some((state, condition, way)) = ways.get(next).cloned() {
        if state.after_in(condition, wanted).is_ok() {
            return Some(if way.is_empty() { Remedy::Retry } else { Remedy::First(way) });
        }
        for operation in Operation::ALL {
            let Ok(Next::State(state)) = state.after_in(condition, operation) else { continue };
            let condition = Condition::Running;
            if !ways.iter().any(|(seen, fault, _)| (*seen, *fault) == (state, condition)) {
                ways.push((state, condition, [way.as_slice(), &[operation]].concat()));
            }
        }
        next += 1;
    }
    None
}

/// Whether a partition in `state` is what `wanted` would make of it. Deploying and rebooting do more than change the
/// state, so they are never done already.
const fn is_reached(state: PartitionState, wanted: Operation) -> bool {
    match wanted {
        Operation::Shutdown => matches!(state, PartitionState::Ready),
        Operation::Suspend => matches!(state, PartitionState::Suspended),
        Operation::Restore => matches!(state, PartitionState::Deployed),
        Operation::Deploy | Operation::Reboot | Operation::Destroy => false,
    }
}

/// A clause to stand behind the refusal.
#[derive(Debug, Clone, Copy)]
pub struct Advice<'a> {
    /// Name of the program that the command lines begin with.
    pub program: &'a str,
    /// The partition.
    pub id: PartitionId,
    /// What to do.
    pub remedy: &'a Remedy,
}

impl fmt::Display for Advice<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.remedy {
            Remedy::NothingToDo => f.write_str("nothing to do"),
            Remedy::Retry => f.write_str("its state has changed meanwhile, try again"),
            Remedy::First(operations) => {
                let mut before = "run ";
                for operation in operations {
                    write!(f, "{before}`{} {}`", self.program, Line(*operation, self.id))?;
                    before = ", then ";
                }
                f.write_str(" first")
            }
        }
    }
}

/// The command line of an operation.
struct Line(Operation, PartitionId);

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let options = match self.0 {
            Operation::Deploy => " --kernel FILE",
            Operation::Shutdown
            | Operation::Reboot
            | Operation::Suspend
            | Operation::Restore
            | Operation::Destroy => "",
        };
        write!(f, "{}{options} {}", self.0, self.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Operation::{Deploy, Destroy, Reboot, Restore, Shutdown, Suspend};
    use PartitionState::{Deployed, Ready, Suspended};

    fn advice(state: PartitionState, condition: Condition, wanted: Operation) -> String {
        let remedy = remedy(state, condition, wanted).unwrap();
        Advice { program: "vmanctl", id: PartitionId(3), remedy: &remedy }.to_string()
    }

    #[test]
    fn every_refused_pair_has_its_advice() {
        const DEPLOY: &str = "run `vmanctl deploy --kernel FILE 3` first";
        const SHUTDOWN: &str = "run `vmanctl shutdown 3` first";
        const NOTHING: &str = "nothing to do";
        let refused = [
            (Ready, Shutdown, NOTHING),
            (Ready, Reboot, DEPLOY),
            (Ready, Suspend, DEPLOY),
            (Ready, Restore, "run `vmanctl deploy --kernel FILE 3`, then `vmanctl suspend 3` first"),
            (Deployed, Deploy, SHUTDOWN),
            (Deployed, Restore, NOTHING),
            (Deployed, Destroy, SHUTDOWN),
            (Suspended, Deploy, SHUTDOWN),
            (Suspended, Reboot, "run `vmanctl restore 3` first"),
            (Suspended, Suspend, NOTHING),
            (Suspended, Destroy, SHUTDOWN),
        ];
        for (state, operation, expected) in refused {
            assert_eq!(advice(state, Condition::Running, operation), expected, "{state} {operation}");
        }
        let pairs =
            PartitionState::ALL.into_iter().flat_map(|state| Operation::ALL.map(|wanted| (state, wanted)));
        let of_table: Vec<_> = pairs.filter(|(state, wanted)| state.after(*wanted).is_err()).collect();
        assert_eq!(of_table.len(), refused.len());
        assert!(refused.iter().all(|(state, wanted, _)| of_table.contains(&(*state, *wanted))));
    }

    #[test]
    fn faulted_partition_is_told_to_reboot_or_to_shut_down() {
        let faulted = |wanted| advice(Deployed, Condition::Faulted, wanted);
        assert_eq!(faulted(Suspend), "run `vmanctl reboot 3` first");
        assert_eq!(faulted(Deploy), "run `vmanctl shutdown 3` first");
        assert_eq!(faulted(Destroy), "run `vmanctl shutdown 3` first");
    }

    #[test]
    fn following_the_advice_makes_the_operation_possible() {
        for state in PartitionState::ALL {
            for wanted in Operation::ALL {
                follow(state, Condition::Running, wanted);
                if state != Ready {
                    follow(state, Condition::Faulted, wanted);
                }
            }
        }
    }

    #[test]
    fn nothing_is_advised_where_the_table_has_no_way() {
        assert_eq!(remedy(Ready, Condition::Faulted, Deploy), None);
    }

    fn follow(mut state: PartitionState, mut condition: Condition, wanted: Operation) {
        match remedy(state, condition, wanted).unwrap() {
            Remedy::NothingToDo => assert!(state.after(wanted).is_err(), "{state} {wanted}"),
            Remedy::Retry => assert!(state.after_in(condition, wanted).is_ok(), "{state} {wanted}"),
            Remedy::First(operations) => {
                assert!(state.after_in(condition, wanted).is_err(), "{state} {wanted}");
                for operation in operations {
                    let Next::State(next) = state.after_in(condition, operation).unwrap() else {
                        panic!("gone")
                    };
                    (state, condition) = (next, Condition::Running);
                }
                assert!(state.after_in(condition, wanted).is_ok(), "{wanted}");
            }
        }
    }
}
