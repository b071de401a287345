//! The resources of the API as its clients see them: snake_case JSON under `/api/v1.0`, member names as the i2CAT
//! Slice Manager spells them (source document, Figures 10-12).

mod chunk;
mod compute;
mod network;
mod quantity;
mod radio;
mod resource;
#[cfg(feature = "server")]
mod schema;
mod service;
mod slice;
mod user;

pub use chunk::{ComputeChunk, NetworkChunk, NetworkRequirements, NetworkRole, RadioChunk};
pub use compute::{Compute, ComputeData, ComputeQuota, ComputeType, CountQuota, SizeQuota};
pub use network::{PhysicalNetwork, PhysicalNetworkData, TagRange};
pub use quantity::{
    Bandwidth, BandwidthUnit, CpuQuota, Cpus, RamQuota, Requirements, Size, SizeUnit, StorageQuota,
};
pub use radio::{ChunkTopology, RadioService, RanInfrastructure};
pub use resource::{Id, Kind, Resource, Typed};
pub use service::{NetworkService, NetworkServiceInstance};
pub use slice::{ChunkIds, Slice};
pub use user::User;
