//! Radio access infrastructures and services.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Id;

/// `/ran_infrastructure`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct RanInfrastructure {
    /// Given by the server.
    #[serde(default)]
    pub id: Id,
    /// Name.
    pub name: String,
    /// Who registered it.
    pub user_id: Id,
    /// Where it is; opaque.
    #[serde(default)]
    pub location: Value,
    /// How to reach its controller; credentials are sealed before they are stored.
    #[serde(default)]
    pub ran_infrastructure_data: Value,
}

/// Which radios and links a radio chunk has; the members are spelt as the API spells them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct ChunkTopology {
    /// Radios.
    pub selected_phys: Vec<Value>,
    /// Links.
    #[serde(default)]
    pub selected_links: Vec<Value>,
}

/// `/ran_infrastructure/{id}/radio_chunk/{id}/radio_service`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct RadioService {
    /// Given by the server.
    #[serde(default)]
    pub id: Id,
    /// Name.
    pub name: String,
    /// Who owns it.
    pub user_id: Id,
    /// The chunk that it runs on; given by the path.
    #[serde(default)]
    pub radio_chunk_id: Id,
    /// The slice that it serves.
    pub slic3_id: Id,
    /// Its settings if it is Wi-Fi.
    #[serde(default)]
    pub wifi_config: Option<Value>,
    /// Its radio.
    #[serde(default)]
    pub selected_root_phy: Option<Value>,
    /// Its settings if it is cellular.
    #[serde(default)]
    pub cellular_config: Option<Value>,
    /// Its core network.
    #[serde(default)]
    pub core_id: Option<String>,
    /// Address of its core network.
    #[serde(default)]
    pub core_floating_ip: Option<String>,
    /// Its address server.
    #[serde(default)]
    pub dhcp_id: Option<String>,
}
