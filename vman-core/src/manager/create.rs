//! `create-partition`: from arguments to a request that a device can plan.

use uuid::Uuid;

use super::{ManagerError, PartitionManager};
use crate::command::CreatePartition;
use crate::device::{CreateRequest, HostInfo, ManagerDevice, NAME_MAX};
use crate::error::Error;
use crate::id::{ByteSize, PartitionId};
use crate::plan::World;

impl<D: ManagerDevice> PartitionManager<D> {
    pub(super) fn create(&self, args: &CreatePartition) -> Result<PartitionId, Error> {
        let memory = args.memory()?;
        let request = request(args, memory)?;
        check_board(&request, &self.device.host()?)?;
        Ok(self.device.create(&request)?)
    }
}

fn refused<T>(argument: &'static str, rule: impl Into<String>) -> Result<T, ManagerError> {
    Err(ManagerError::Create { argument, rule: rule.into() })
}

/// The rules that hold on every board.
fn request(args: &CreatePartition, memory: ByteSize) -> Result<CreateRequest, ManagerError> {
    if args.cores == 0 {
        return refused("cores", "must be at least 1");
    }
    if args.primary.is_some_and(|primary| primary != 0) {
        return refused("primary", "has no meaning but 0");
    }
    if args.shared_with.is_some() && !args.secure {
        return refused("shared_with", "is for secure partitions only");
    }
    if args.shared_with.is_some_and(PartitionId::is_management) {
        return refused("shared_with", "must not be 0, the management partition");
    }
    if args.uuid.is_some_and(|uuid| uuid.is_nil()) {
        return refused("uuid", "must not be nil");
    }
    Ok(CreateRequest {
        cores: args.cores,
        memory,
        world: if args.secure { World::Secure } else { World::NonSecure },
        shared_with: args.shared_with,
        name: checked_name(args.name.as_deref())?.to_owned(),
        uuid: args.uuid.unwrap_or(Uuid::nil()),
    })
}

fn checked_name(name: Option<&str>) -> Result<&str, ManagerError> {
    let Some(name) = name else { return Ok("") };
    if name.is_empty() {
        return refused("name", "must not be empty");
    }
    if name.len() > NAME_MAX {
        return refused("name", format!("has {} bytes, more than {NAME_MAX}", name.len()));
    }
    if name.chars().any(char::is_control) {
        return refused("name", "must not contain control characters");
    }
    Ok(name)
}

/// The rules of this board that need no look at what is free; that the driver plans.
fn check_board(request: &CreateRequest, host: &HostInfo) -> Result<(), ManagerError> {
    if !request.memory.is_multiple_of(host.granule) {
        return Err(ManagerError::Granule { size: request.memory, granule: host.granule });
    }
    Ok(())
}
