//! Budgets for whole control groups: the quota of the fair scheduler, or the group's own reservation where the kernel
//! has one.
//!
//! A reservation for each thread guarantees; a quota only limits. Which of them works on a machine for a target is
//! found out, not assumed: [`choose`] says what it takes and why it does not take the others.

mod choice;
mod file;
mod hcbs;
mod quota;

pub use choice::{Capability, Choice, Kind, UnknownActuator, choose};
pub use hcbs::Hcbs;
pub use quota::Quota;

use std::fmt::Debug;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Sets the budget of one control group.
pub trait GroupActuator: Debug + Send {
    /// Sets Q for each period; it may exceed the period where the group may run on several CPUs.
    ///
    /// # Errors
    /// The kernel refuses, or the group is gone.
    fn set(&mut self, runtime: Duration) -> Result<(), Error>;

    /// Puts back what was set before.
    ///
    /// # Errors
    /// The kernel refuses, or the group is gone.
    fn restore(&mut self) -> Result<(), Error>;
}

/// A group's budget was not set.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The group has ended.
    #[error("The control group of {} is gone", path.display())]
    Gone {
        /// The file.
        path: PathBuf,
    },
    /// The kernel refuses the value.
    #[error("{} does not take \"{value}\": {rule}", path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// What was written.
        value: String,
        /// What the kernel's answer means here.
        rule: &'static str,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// The file cannot be read.
    #[error("Cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}
