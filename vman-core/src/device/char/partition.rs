//! [`CharPartition`]: `/dev/vmanX`.

use std::fs::File;
use std::os::fd::AsFd;
use std::path::Path;
use std::time::Duration;

use uuid::Uuid;

use super::{call, odd};
use crate::abi::ioctl::{Argument, Command, Console, Control, Info, Stats, operation, state};
use crate::abi::smc::{Counter, FaultReason};
use crate::device::{ConsoleAction, ConsoleSpan, DeviceError, LoadImage, PartitionDevice, PartitionInfo};
use crate::error::ErrorKind;
use crate::id::{ByteSize, CpuSet, PartitionId, PhysAddr, PhysRange};
use crate::plan::World;
use crate::state::{Condition, Operation};

/// The character device of a partition.
#[derive(Debug)]
pub struct CharPartition {
    node: File,
}

impl CharPartition {
    pub(super) fn open(path: &Path, id: PartitionId) -> Result<Self, DeviceError> {
        let node = File::options().read(true).write(true).open(path).map_err(|source| {
            let error = DeviceError::from(source);
            if error.kind == ErrorKind::NotFound {
                return DeviceError::not_found(id);
            }
            DeviceError { text: format!("{} cannot be opened", path.display()), ..error }
        })?;
        Ok(Self { node })
    }
}

impl PartitionDevice for CharPartition {
    fn info(&self) -> Result<PartitionInfo, DeviceError> {
        let mut answer = Info::new();
        call::plain(self.node.as_fd(), Command::Info, &mut answer)?;
        info(&answer)
    }

    fn deploy(&self, image: &LoadImage<'_>) -> Result<(), DeviceError> {
        call::deploy(self.node.as_fd(), image)
    }

    fn control(&self, operation: Operation, timeout: Duration) -> Result<(), DeviceError> {
        let command = match operation {
            Operation::Deploy => {
                return Err(DeviceError::new(ErrorKind::InvalidArgument, "Deploy needs an image"));
            }
            Operation::Shutdown => Command::Shutdown,
            Operation::Reboot => Command::Reboot,
            Operation::Suspend => Command::Suspend,
            Operation::Restore => Command::Restore,
            Operation::Destroy => Command::Destroy,
        };
        let timeout_ms = u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX);
        call::plain(self.node.as_fd(), command, &mut Control { timeout_ms, ..Control::new() })
    }

    fn console(&self, action: ConsoleAction<'_>) -> Result<ConsoleSpan, DeviceError> {
        let console = match action {
            ConsoleAction::Read { position, buffer } => {
                call::console_read(self.node.as_fd(), position, buffer)?
            }
            ConsoleAction::Write { data } => call::console_write(self.node.as_fd(), data)?,
        };
        span(&console)
    }

    fn stats(&self) -> Result<Vec<(Counter, u64)>, DeviceError> {
        let mut stats = Stats::new();
        call::plain(self.node.as_fd(), Command::Stats, &mut stats)?;
        let counted = |counter: &(Counter, u64)| stats.valid >> (counter.0 as u64) & 1 == 1;
        Ok(Counter::ALL.into_iter().zip(stats.values).filter(counted).collect())
    }
}

fn span(console: &Console) -> Result<ConsoleSpan, DeviceError> {
    let len = usize::try_from(console.length).map_err(|_| odd("console length", console.length.into()))?;
    Ok(ConsoleSpan { position: console.position, len, end: console.end })
}

/// What the driver answered, in the words of this crate.
pub(super) fn info(answer: &Info) -> Result<PartitionInfo, DeviceError> {
    let state = state::from_number(answer.state.into()).ok_or_else(|| odd("state", answer.state.into()))?;
    let memory = PhysRange::new(PhysAddr(answer.base), ByteSize(answer.memory))
        .ok_or_else(|| odd("a memory range that wraps, from", answer.base))?;
    Ok(PartitionInfo {
        id: PartitionId(answer.id),
        name: String::from_utf8_lossy(answer.name.bytes()).into_owned(),
        uuid: Uuid::from_bytes(answer.uuid),
        state,
        condition: if answer.condition == 0 { Condition::Running } else { Condition::Faulted },
        fault: FaultReason::from_register(answer.fault.into()),
        busy: operation::from_number(answer.busy.into()),
        world: if answer.world == 0 { World::NonSecure } else { World::Secure },
        shared_with: (answer.shared_with != 0).then_some(PartitionId(answer.shared_with)),
        cpus: CpuSet::from_words(answer.cpus),
        memory,
    })
}
