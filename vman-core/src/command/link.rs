//! Links, as replies tell of them.

use serde::{Deserialize, Serialize};

use crate::device::LinkInfo;
use crate::id::PartitionId;

/// Memory that two partitions share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkRecord {
    /// A partition.
    pub first: PartitionId,
    /// The other one.
    pub second: PartitionId,
    /// First address, in both.
    pub base: u64,
    /// Bytes.
    pub size: u64,
}

/// `query-links`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Links {
    /// By age.
    pub links: Vec<LinkRecord>,
}

impl From<&LinkInfo> for LinkRecord {
    fn from(link: &LinkInfo) -> Self {
        let [first, second] = link.ends;
        Self { first, second, base: link.memory.base().0, size: link.memory.size().0 }
    }
}
