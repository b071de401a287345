//! Users.

use serde::{Deserialize, Serialize};

use super::Id;

/// `/user`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct User {
    /// Given by the server.
    #[serde(default)]
    pub id: Id,
    /// Name.
    pub name: String,
    /// Address.
    pub email: String,
}
