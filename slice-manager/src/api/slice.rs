//! Slices.

use serde::{Deserialize, Serialize};

use super::Id;

/// `/slic3` as it is kept. Answers group `chunk_ids` by kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct Slice {
    /// Given by the server.
    #[serde(default)]
    pub id: Id,
    /// Name.
    pub name: String,
    /// Who owns it.
    pub user_id: Id,
    /// Its chunks.
    pub chunk_ids: Vec<Id>,
}

/// Body of `/slic3/{id}/add_chunks` and `/slic3/{id}/del_chunks`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct ChunkIds {
    /// The chunks.
    pub chunk_ids: Vec<Id>,
}
