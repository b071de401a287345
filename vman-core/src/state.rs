//! The state machine of a partition (source document, Figure 19).

use core::fmt;

/// Where a partition stands. A destroyed partition is gone and has no state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "std", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "UPPERCASE"))]
pub enum PartitionState {
    /// It owns cores and memory; its CPUs are off.
    Ready,
    /// An operating system runs on it.
    Deployed,
    /// Its CPUs are held, their state is kept.
    Suspended,
}

impl PartitionState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Ready, Self::Deployed, Self::Suspended];
}

/// What can be asked of an existing partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "std", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Operation {
    /// Load a kernel and start it (3.2.1.2).
    Deploy,
    /// Halt the CPUs, keep the resources (3.2.1.5).
    Shutdown,
    /// Halt the CPUs, reload, start again (3.2.1.4).
    Reboot,
    /// Hold the CPUs with their state (3.2.1.6).
    Suspend,
    /// Let held CPUs go on (3.2.1.7).
    Restore,
    /// Give cores and memory back (3.2.1.3).
    #[cfg_attr(feature = "std", serde(rename = "destroy-partition"))]
    Destroy,
}

impl Operation {
    /// Every operation.
    pub const ALL: [Self; 6] =
        [Self::Deploy, Self::Shutdown, Self::Reboot, Self::Suspend, Self::Restore, Self::Destroy];

    /// The name of the operation's command (source document, 3.2.1).
    pub const fn name(self) -> &'static str {
        match self {
            Self::Deploy => "deploy",
            Self::Shutdown => "shutdown",
            Self::Reboot => "reboot",
            Self::Suspend => "suspend",
            Self::Restore => "restore",
            Self::Destroy => "destroy-partition",
        }
    }
}

/// What a partition is after an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Next {
    /// It is in this state.
    State(PartitionState),
    /// It exists no more.
    Gone,
}

/// Whether the operating system in a partition is sound. A crash is no state of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "std", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "lowercase"))]
pub enum Condition {
    /// Nothing is known against it.
    #[default]
    Running,
    /// The firmware saw a fault that the operating system cannot go on from.
    Faulted,
}

impl Condition {
    /// Whether a partition in this condition may be asked for `operation`, whatever its state: a faulted partition
    /// takes shutdown and reboot only.
    pub const fn allows(self, operation: Operation) -> bool {
        match self {
            Self::Running => true,
            Self::Faulted => matches!(operation, Operation::Shutdown | Operation::Reboot),
        }
    }
}

/// An operation that a partition's state or condition does not allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Partition {}", self.clause())]
pub enum InvalidTransition {
    /// The state table refuses it.
    State {
        /// The state that the partition is in.
        state: PartitionState,
        /// What was asked.
        operation: Operation,
    },
    /// The partition is faulted.
    Faulted {
        /// The state that the partition is in.
        state: PartitionState,
        /// What was asked.
        operation: Operation,
    },
}

impl InvalidTransition {
    /// The refusal without its subject: `is DEPLOYED; destroy-partition needs READY`.
    pub const fn clause(self) -> impl fmt::Display {
        Clause(self)
    }
}

struct Clause(InvalidTransition);

impl fmt::Display for Clause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            InvalidTransition::State { state, operation } => {
                write!(f, "is {state}; {operation} needs {}", Needed(operation))
            }
            InvalidTransition::Faulted { state, operation } => {
                write!(f, "is {state} and faulted; only shutdown and reboot are possible, not {operation}")
            }
        }
    }
}

impl PartitionState {
    /// The state after `operation`.
    ///
    /// # Errors
    /// [`InvalidTransition::State`] where the table refuses the pair.
    pub const fn after(self, operation: Operation) -> Result<Next, InvalidTransition> {
        use Operation::{Deploy, Destroy, Reboot, Restore, Shutdown, Suspend};
        use PartitionState::{Deployed, Ready, Suspended};
        match (self, operation) {
            (Ready, Deploy) | (Deployed, Reboot) | (Suspended, Restore) => Ok(Next::State(Deployed)),
            (Deployed | Suspended, Shutdown) => Ok(Next::State(Ready)),
            (Deployed, Suspend) => Ok(Next::State(Suspended)),
            (Ready, Destroy) => Ok(Next::Gone),
            (Ready, Shutdown | Reboot | Suspend | Restore)
            | (Deployed, Deploy | Restore | Destroy)
            | (Suspended, Deploy | Reboot | Suspend | Destroy) => {
                Err(InvalidTransition::State { state: self, operation })
            }
        }
    }

    /// The state after `operation` on a partition in `condition`.
    ///
    /// # Errors
    /// [`InvalidTransition`] where the table or the condition refuses it.
    pub const fn after_in(
        self,
        condition: Condition,
        operation: Operation,
    ) -> Result<Next, InvalidTransition> {
        match self.after(operation) {
            Ok(next) if condition.allows(operation) => Ok(next),
            Ok(_) => Err(InvalidTransition::Faulted { state: self, operation }),
            Err(refused) => Err(refused),
        }
    }
}

/// The states that an operation starts from, as a clause.
struct Needed(Operation);

impl fmt::Display for Needed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for state in PartitionState::ALL {
            if state.after(self.0).is_ok() {
                write!(f, "{separator}{state}")?;
                separator = " or ";
            }
        }
        Ok(())
    }
}

impl fmt::Display for PartitionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ready => "READY",
            Self::Deployed => "DEPLOYED",
            Self::Suspended => "SUSPENDED",
        })
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Running => "running",
            Self::Faulted => "faulted",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table as it stands in the documents: rows are states, columns are [`Operation::ALL`].
    const TABLE: [(PartitionState, [Option<Next>; 6]); 3] = {
        use PartitionState::{Deployed, Ready, Suspended};
        const D: Option<Next> = Some(Next::State(Deployed));
        const R: Option<Next> = Some(Next::State(Ready));
        const S: Option<Next> = Some(Next::State(Suspended));
        [
            (Ready, [D, None, None, None, None, Some(Next::Gone)]),
            (Deployed, [None, R, D, S, None, None]),
            (Suspended, [None, R, None, None, D, None]),
        ]
    };

    #[test]
    fn every_row_of_the_state_table_holds() {
        for (state, row) in TABLE {
            for (operation, expected) in Operation::ALL.into_iter().zip(row) {
                assert_eq!(state.after(operation).ok(), expected, "{state} {operation}");
            }
        }
    }

    #[test]
    fn faulted_partition_takes_shutdown_and_reboot_only() {
        for operation in Operation::ALL {
            let allowed = PartitionState::Deployed.after_in(Condition::Faulted, operation).is_ok();
            assert_eq!(allowed, matches!(operation, Operation::Shutdown | Operation::Reboot), "{operation}");
        }
    }

    #[test]
    fn refusal_names_the_state_and_what_is_needed() {
        let refused = PartitionState::Deployed.after(Operation::Destroy).unwrap_err();
        assert_eq!(refused.to_string(), "Partition is DEPLOYED; destroy-partition needs READY");
        let refused = PartitionState::Ready.after(Operation::Shutdown).unwrap_err();
        assert_eq!(refused.to_string(), "Partition is READY; shutdown needs DEPLOYED or SUSPENDED");
    }
}
