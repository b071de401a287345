//! Computes: infrastructures that compute chunks are cut from.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Cpus, Id, Size, SizeUnit};

/// What drives a compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub enum ComputeType {
    /// OpenStack: projects, quotas and servers.
    Openstack,
    /// fog05.
    Fos,
    /// Kubernetes: a namespace with quota and limits.
    Kubernetes,
    /// Control groups of this machine.
    Cgroup,
    /// Containers of this machine, run by podman.
    Podman,
    /// Groups of `SCHED_DEADLINE` budgets.
    Deadline,
    /// Nothing at all: for tests.
    Fake,
}

impl ComputeType {
    /// As the API spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Openstack => "openstack",
            Self::Fos => "fos",
            Self::Kubernetes => "kubernetes",
            Self::Cgroup => "cgroup",
            Self::Podman => "podman",
            Self::Deadline => "deadline",
            Self::Fake => "fake",
        }
    }
}

/// `/compute`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct Compute {
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
    /// What drives it.
    pub compute_type: ComputeType,
    /// Whether chunks for trusted applications may lie here.
    #[serde(default)]
    pub trusted: bool,
    /// How to reach it and what it has.
    pub compute_data: ComputeData,
    /// Networks that chunks here may use.
    #[serde(default)]
    pub available_phy_net: Vec<Id>,
}

/// What a compute has, and how to reach it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct ComputeData {
    /// What chunks may take in all.
    pub quota: ComputeQuota,
    /// How the back end reaches it: addresses, names, credentials. Credentials are sealed before they are stored.
    #[serde(flatten)]
    #[cfg_attr(feature = "server", schema(value_type = std::collections::HashMap<String, Value>))]
    pub access: Map<String, Value>,
}

/// Totals of a compute. What is provisioned is derived from its chunks, never taken from a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct ComputeQuota {
    /// Cores.
    pub cpus: CountQuota,
    /// Memory.
    pub ram: SizeQuota,
    /// Storage.
    #[serde(default)]
    pub storage: SizeQuota,
}

/// `{"provisioned": N, "total": N}` in cores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct CountQuota {
    /// What chunks have.
    #[serde(default)]
    pub provisioned: Cpus,
    /// What there is.
    pub total: Cpus,
}

/// `{"provisioned": N, "total": N, "units": "MB"}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct SizeQuota {
    /// What chunks have, in `units`.
    #[serde(default)]
    pub provisioned: u64,
    /// What there is, in `units`.
    pub total: u64,
    /// Megabytes or gigabytes.
    #[serde(default)]
    pub units: SizeUnit,
}

impl SizeQuota {
    /// What there is; saturates.
    pub fn total_size(&self) -> Size {
        Size::new(self.total, self.units)
            .unwrap_or_else(|| Size::new(u64::MAX, SizeUnit::MB).unwrap_or_default())
    }
}
