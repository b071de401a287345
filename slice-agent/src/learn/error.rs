//! Why a training cannot be done.

use crate::env::EnvError;

/// Why a training cannot be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LearnError {
    /// A setting breaks its rule.
    #[error("{name} is {value}, it must be {rule}")]
    OutOfRange {
        /// Which setting.
        name: &'static str,
        /// Its value.
        value: f64,
        /// What it must be.
        rule: &'static str,
    },
    /// No learner has this name.
    #[error("There is no learner {name:?}; there are: {}", known.join(", "))]
    Unknown {
        /// The name.
        name: String,
        /// The names that there are.
        known: Vec<&'static str>,
    },
    /// The learner talks, the world has no messages.
    #[error("{learner} needs at least {least} messages, the world has {messages}")]
    FewMessages {
        /// Name of the learner.
        learner: &'static str,
        /// What it needs.
        least: usize,
        /// What there is.
        messages: usize,
    },
    /// The learner cannot learn from a log.
    #[error("{learner} learns from what it does itself, not from a log")]
    NeedsWorld {
        /// Name of the learner.
        learner: &'static str,
    },
    /// A log of episodes does not fit.
    #[error("Line {line} of the log: {rule}")]
    Log {
        /// Line in the file, from 1.
        line: u64,
        /// The rule that is broken.
        rule: String,
    },
    /// A log is no table.
    #[error("The log cannot be read as CSV")]
    Csv(#[from] csv::Error),
    /// The world refuses.
    #[error("The environment refuses")]
    Env(#[from] EnvError),
}

/// The error of `name` unless `holds`.
pub(crate) fn check(
    name: &'static str,
    value: f64,
    holds: bool,
    rule: &'static str,
) -> Result<(), LearnError> {
    if holds && value.is_finite() { Ok(()) } else { Err(LearnError::OutOfRange { name, value, rule }) }
}
