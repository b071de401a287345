//! Network services and what runs of them.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{CpuQuota, Id, RamQuota, StorageQuota};

/// `/network_service`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct NetworkService {
    /// Given by the server.
    #[serde(default)]
    pub id: Id,
    /// Name.
    pub name: String,
    /// Who registered it.
    pub user_id: Id,
    /// Its descriptor; opaque.
    #[serde(default)]
    pub network_service_data: Value,
    /// Cores of one instance.
    #[serde(default)]
    pub cpus: CpuQuota,
    /// Memory of one instance.
    #[serde(default)]
    pub ram: RamQuota,
    /// Storage of one instance.
    #[serde(default)]
    pub storage: StorageQuota,
}

/// `/network_service_instance`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct NetworkServiceInstance {
    /// Given by the server.
    #[serde(default)]
    pub id: Id,
    /// Name.
    pub name: String,
    /// Who owns it.
    pub user_id: Id,
    /// The slice that it runs in.
    pub slic3_id: Id,
    /// What runs.
    pub network_service_id: Id,
    /// For people.
    #[serde(default)]
    pub description: String,
    /// Open ports; opaque.
    #[serde(default)]
    pub ports: Value,
    /// Whether it needs a trusted compute.
    #[serde(default)]
    pub trusted: bool,
    /// Where its input comes from.
    #[serde(default)]
    pub input_node_id: Option<String>,
    /// Which part lies where; opaque.
    #[serde(default)]
    pub ns_placement_data: Value,
}
