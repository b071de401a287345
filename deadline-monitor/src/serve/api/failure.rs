//! Refusals.

use std::error::Error;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ErrorKind;

/// Why something was not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What kind of refusal it is.
    pub kind: ErrorKind,
    /// One clause which names the rule that was broken.
    pub detail: String,
}

impl Failure {
    /// A refusal.
    pub fn new(kind: ErrorKind, detail: impl Into<String>) -> Failure {
        Failure { kind, detail: detail.into() }
    }

    /// A refusal told by an error and its causes.
    pub fn because(kind: ErrorKind, error: &dyn Error) -> Failure {
        Failure { kind, detail: chain(error) }
    }

    pub(crate) fn argument(detail: impl Into<String>) -> Failure {
        Failure::new(ErrorKind::InvalidArgument, detail)
    }

    pub(crate) fn not_found(detail: impl Into<String>) -> Failure {
        Failure::new(ErrorKind::NotFound, detail)
    }
}

/// An error and its causes in one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let (mut text, mut cause) = (error.to_string(), error.source());
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

macro_rules! failure_of {
    ($($error:ty),* $(,)?) => {$(
        impl From<$error> for Failure {
            fn from(error: $error) -> Failure {
                Failure::because(error.kind(), &error)
            }
        }
    )*};
}

failure_of!(
    crate::sched::Error,
    crate::target::Error,
    crate::monitor::Error,
    crate::monitor::ReconfigureError,
    crate::budget::ConfigError,
    crate::budget::ParamsError,
);

impl From<crate::state::Error> for Failure {
    fn from(error: crate::state::Error) -> Failure {
        Failure::because(ErrorKind::Internal, &error)
    }
}

/// A refusal as RFC 9457 has it (`application/problem+json`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// Names the kind: `urn:aivirt:error:KIND`.
    #[serde(rename = "type")]
    pub type_: String,
    /// The HTTP status in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// The kind of refusal, the same in all interfaces of the project.
    pub kind: String,
    /// The rule that was broken.
    pub detail: String,
}
