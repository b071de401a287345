//! Who asks, and what that one may do.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use super::Failure;
use crate::api::{Id, Kind, Resource};

/// Whoever asks.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Caller {
    /// May do everything: registers users and infrastructures.
    Operator,
    /// A user: sees infrastructures and what belongs to it, changes what belongs to it.
    User(Id),
}

/// Digest of a token. The token itself is kept nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TokenDigest(pub [u8; 32]);

impl TokenDigest {
    /// Of this token.
    pub fn of(token: &str) -> Self {
        Self(Sha256::digest(token.trim()).into())
    }
}

/// A token that nobody can guess.
///
/// # Errors
/// The operating system gives no random numbers.
pub(crate) fn new_token() -> Result<String, Failure> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| Failure::Random { reason: error.to_string() })?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

/// Infrastructures, which users share and only the operator changes.
const SHARED: [Kind; 4] =
    [Kind::Compute, Kind::PhysicalNetwork, Kind::RanInfrastructure, Kind::NetworkService];

impl Caller {
    /// Name of the caller for records.
    pub(crate) fn name(&self) -> &str {
        match self {
            // No id of a user has this form.
            Self::Operator => "\0operator",
            Self::User(id) => id.as_str(),
        }
    }

    /// Whether the caller may know of a resource.
    pub fn sees(&self, resource: &Resource) -> bool {
        match self {
            Self::Operator => true,
            Self::User(id) => SHARED.contains(&resource.kind()) || resource.owner() == id,
        }
    }

    /// Whether the caller may make, change and delete this resource.
    ///
    /// # Errors
    /// What the caller would have to be.
    pub fn may_change(&self, resource: &Resource) -> Result<(), Failure> {
        let Self::User(id) = self else { return Ok(()) };
        let kind = resource.kind();
        let operators = kind != Kind::NetworkService && SHARED.contains(&kind) || kind == Kind::User;
        let reason = if operators {
            format!("Only the operator changes a {}", kind.path())
        } else if resource.owner() != id {
            format!(
                "The {} would belong to user {}, and this is the token of user {id}",
                kind.path(),
                resource.owner()
            )
        } else {
            return Ok(());
        };
        Err(Failure::Forbidden { reason })
    }
}
