//! How a partition is named on the command line: by id, name or UUID.

use std::convert::Infallible;
use std::str::FromStr;

use uuid::Uuid;
use vman_core::command::{Command, PartitionRecord, Partitions};
use vman_core::id::PartitionId;

use crate::error::Failure;
use crate::target::Target;

/// Id, name or UUID of a partition; a number is always an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PartitionRef {
    /// The number itself.
    Id(PartitionId),
    /// To be looked up.
    Text(String),
}

impl FromStr for PartitionRef {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(text.parse().map_or_else(|_| Self::Text(text.into()), |id| Self::Id(PartitionId(id))))
    }
}

impl PartitionRef {
    /// The partition's number; only names and UUIDs need a look at the list.
    ///
    /// # Errors
    /// [`Failure::NoSuchPartition`], or whatever keeps the list from being read.
    pub fn resolve(&self, target: &mut dyn Target) -> Result<PartitionId, Failure> {
        match self {
            Self::Id(id) => Ok(*id),
            Self::Text(text) => {
                let list: Partitions = target.query(&Command::QueryPartitions)?;
                find(&list.partitions, text).ok_or_else(|| Failure::NoSuchPartition(text.clone()))
            }
        }
    }
}

/// Names win over UUIDs: a partition may be called like another one's UUID.
fn find(partitions: &[PartitionRecord], text: &str) -> Option<PartitionId> {
    let named = partitions.iter().find(|partition| partition.name.as_deref() == Some(text));
    let identified = || {
        let uuid = text.parse::<Uuid>().ok()?;
        partitions.iter().find(|partition| partition.uuid == Some(uuid))
    };
    named.or_else(identified).map(|partition| partition.id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::samples;

    #[test]
    fn number_is_an_id_and_everything_else_a_name() {
        assert_eq!("3".parse(), Ok(PartitionRef::Id(PartitionId(3))));
        for text in ["web", "3a", "4294967296", "-3", "0x3", ""] {
            assert_eq!(text.parse(), Ok(PartitionRef::Text(text.into())));
        }
    }

    #[test]
    fn name_and_uuid_are_found_in_any_spelling_of_the_uuid() {
        let partitions = samples::partitions();
        for text in ["web", "6f1b0000-0000-4000-8000-000000000001", "6F1B0000000040008000000000000001"] {
            assert_eq!(find(&partitions, text), Some(PartitionId(1)), "{text}");
        }
        assert_eq!(find(&partitions, "we"), None);
    }
}
