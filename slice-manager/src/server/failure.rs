//! Refusals, as clients see them.

use serde::Serialize;
use utoipa::ToSchema;

use crate::backend::BackendError;
use crate::compose::CompositionError;

/// Why something was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// It breaks a composition rule.
    #[error(transparent)]
    Composition(#[from] CompositionError),
    /// The back end of a compute did not do it. Nothing has changed.
    #[error("{0}; nothing was changed")]
    Backend(#[from] BackendError),
    /// The body, the path or a header is wrong.
    #[error("{reason}")]
    Malformed {
        /// What is wrong, and where.
        reason: String,
    },
    /// The caller is not known.
    #[error("This needs a token (Authorization: Bearer)")]
    Unauthorised,
    /// The caller may not do this.
    #[error("{reason}")]
    Forbidden {
        /// What the caller would need.
        reason: String,
    },
    /// There is no such path.
    #[error("There is no {path}")]
    UnknownPath {
        /// The path.
        path: String,
    },
    /// The path is there, the method is not.
    #[error("{method} is not possible here")]
    WrongMethod {
        /// The method.
        method: String,
    },
    /// A part of the API that this server does not have.
    #[error("{group} is not implemented by this server")]
    NotImplemented {
        /// The group of the API.
        group: String,
    },
    /// `If-Match` names another state than the present one.
    #[error("The resource has changed: its entity tag is {now}")]
    Changed {
        /// The present entity tag.
        now: String,
    },
    /// An `Idempotency-Key` came with another request than before.
    #[error("This Idempotency-Key was used for another request")]
    KeyReused,
    /// The request with this `Idempotency-Key` is still being done.
    #[error("The request with this Idempotency-Key is still being done")]
    KeyBusy,
    /// The store did not take it. Nothing has changed.
    #[error("The store did not take it: {reason}; nothing was changed")]
    Store {
        /// What the store said.
        reason: String,
    },
    /// The back end did it, and the store has not confirmed it yet.
    #[error("It was done, but the store has not confirmed it yet: {reason}")]
    Unconfirmed {
        /// What the store said.
        reason: String,
    },
    /// A token cannot be made.
    #[error("The operating system gives no random numbers: {reason}")]
    Random {
        /// What it said.
        reason: String,
    },
    /// It took too long; it may still happen.
    #[error("It was not done in time; it may still be done")]
    Timeout,
    /// The server is stopping.
    #[error("The server is stopping")]
    Stopping,
}

impl Failure {
    pub(crate) fn malformed(reason: impl Into<String>) -> Self {
        Self::Malformed { reason: reason.into() }
    }

    /// HTTP status of the answer.
    pub const fn status(&self) -> u16 {
        match self {
            Self::Composition(error) => error.status(),
            Self::Backend(BackendError::Refused { .. } | BackendError::Unknown { .. }) => 409,
            Self::Malformed { .. } => 400,
            Self::Unauthorised => 401,
            Self::Forbidden { .. } => 403,
            Self::UnknownPath { .. } => 404,
            Self::WrongMethod { .. } => 405,
            Self::KeyBusy => 409,
            Self::Changed { .. } => 412,
            Self::KeyReused => 422,
            Self::NotImplemented { .. } => 501,
            Self::Backend(BackendError::Unavailable { .. })
            | Self::Store { .. }
            | Self::Unconfirmed { .. }
            | Self::Random { .. }
            | Self::Stopping => 503,
            Self::Timeout => 504,
        }
    }

    /// Short name of the rule that was broken: the last part of the `type` URI.
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::Composition(error) => error.rule(),
            Self::Backend(BackendError::Unavailable { .. }) => "backend-unavailable",
            Self::Backend(BackendError::Refused { .. } | BackendError::Unknown { .. }) => "backend-refused",
            Self::Malformed { .. } => "malformed",
            Self::Unauthorised => "unauthorised",
            Self::Forbidden { .. } => "forbidden",
            Self::UnknownPath { .. } => "unknown-path",
            Self::WrongMethod { .. } => "wrong-method",
            Self::NotImplemented { .. } => "not-implemented",
            Self::Changed { .. } => "changed",
            Self::KeyReused => "key-reused",
            Self::KeyBusy => "key-busy",
            Self::Store { .. } => "store",
            Self::Unconfirmed { .. } => "unconfirmed",
            Self::Random { .. } => "random",
            Self::Timeout => "timeout",
            Self::Stopping => "stopping",
        }
    }

    /// The body of the answer.
    pub fn problem(&self) -> Problem {
        let message = self.to_string();
        Problem {
            type_: format!("urn:aivirt:slice-manager:{}", self.rule()),
            title: self.rule(),
            status: self.status(),
            detail: message.clone(),
            message,
        }
    }
}

/// A refusal as RFC 9457 has it, with the member that clients of the i2CAT dialect read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Problem {
    /// Names the rule: `urn:aivirt:slice-manager:RULE`.
    #[serde(rename = "type")]
    pub type_: String,
    /// The rule that was broken.
    pub title: &'static str,
    /// HTTP status.
    pub status: u16,
    /// What broke the rule.
    pub detail: String,
    /// The same.
    pub message: String,
}
