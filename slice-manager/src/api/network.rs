//! Physical networks: what network chunks are cut from.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Id;

/// `/physical_network`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct PhysicalNetwork {
    /// Given by the server.
    #[serde(default)]
    pub id: Id,
    /// Name.
    pub name: String,
    /// Who registered it.
    pub user_id: Id,
    /// Addresses for data, in CIDR notation.
    #[serde(default)]
    pub data_subnetpool: Option<String>,
    /// Addresses for management, in CIDR notation.
    #[serde(default)]
    pub mgmt_subnetpool: Option<String>,
    /// What it can carry.
    pub physical_network_data: PhysicalNetworkData,
    /// Opaque.
    #[serde(default)]
    pub local_network_data: Value,
}

/// What a physical network can carry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct PhysicalNetworkData {
    /// Bandwidth that chunks may take in all, in MB/s.
    pub bandwidth_total: u64,
    /// Tags (VLANs) that chunks may have.
    pub tag_range: TagRange,
}

/// `{"init": N, "end": N}`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct TagRange {
    /// The first.
    pub init: u16,
    /// The last.
    pub end: u16,
}

impl TagRange {
    /// Whether `tag` is one of them.
    pub const fn contains(self, tag: u16) -> bool {
        self.init <= tag && tag <= self.end
    }
}
