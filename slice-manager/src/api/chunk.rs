//! Chunks: shares of infrastructures.

use serde::{Deserialize, Serialize};

use super::{Bandwidth, ChunkTopology, Id, Requirements};

/// `/compute_chunk`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct ComputeChunk {
    /// Given by the server.
    #[serde(default)]
    pub id: Id,
    /// Name.
    pub name: String,
    /// Who owns it.
    pub user_id: Id,
    /// Account inside the compute.
    #[serde(default)]
    pub username: Option<String>,
    /// Password of that account: taken, sealed, never shown.
    #[serde(default, skip_serializing)]
    #[cfg_attr(feature = "server", schema(write_only))]
    pub password: Option<String>,
    /// For people.
    #[serde(default)]
    pub description: String,
    /// The compute that it is a share of.
    pub compute_id: Id,
    /// How much of it.
    pub requirements: Requirements,
    /// Where in the compute.
    #[serde(default)]
    pub availability_zone: Option<String>,
    /// External networks that it reaches.
    #[serde(default)]
    pub available_ext_net: Vec<String>,
}

/// What a network chunk is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub enum NetworkRole {
    /// Between compute chunks.
    #[serde(rename = "data-network")]
    Data,
    /// Between radio and compute. The public client spells it `access-access`.
    #[serde(rename = "access-network", alias = "access-access")]
    Access,
}

/// `/network_chunk`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct NetworkChunk {
    /// Given by the server.
    #[serde(default)]
    pub id: Id,
    /// Name.
    pub name: String,
    /// Who owns it.
    pub user_id: Id,
    /// The network that it is a share of.
    pub physical_network_id: Id,
    /// The compute chunk that it serves.
    #[serde(default)]
    pub compute_chunk_id: Option<Id>,
    /// How much of it.
    pub requirements: NetworkRequirements,
    /// What it is for.
    pub role: NetworkRole,
    /// Its tag (VLAN).
    pub tag: u16,
    /// Its addresses, in CIDR notation.
    #[serde(default)]
    pub cidr: Option<String>,
    /// Its network in OpenStack; the API spells it so.
    #[serde(default, rename = "os_netowrk_id")]
    pub os_network_id: Option<String>,
}

/// What a network chunk takes of its network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct NetworkRequirements {
    /// Bandwidth.
    pub bandwidth: Bandwidth,
}

/// `/ran_infrastructure/{id}/radio_chunk`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct RadioChunk {
    /// Given by the server.
    #[serde(default)]
    pub id: Id,
    /// Name.
    pub name: String,
    /// Who owns it.
    pub user_id: Id,
    /// The infrastructure that it is a share of; given by the path.
    #[serde(default)]
    pub ran_infrastructure_id: Id,
    /// Which radios and links.
    pub chunk_topology: ChunkTopology,
    /// Its controller.
    #[serde(default)]
    pub ran_controller_id: Option<String>,
}
