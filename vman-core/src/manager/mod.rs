//! Commands carried out on a device.
//!
//! The manager holds no authoritative state: what a partition is, the device says. It checks a command before the
//! device is asked, so that a refusal names the rule that was broken, and the device checks everything again.

mod create;
mod deploy;
mod error;
mod files;
mod under_way;

#[cfg(test)]
mod fake;
#[cfg(test)]
mod tests;

use std::sync::OnceLock;
use std::time::Duration;

pub use error::ManagerError;
pub use files::{FileError, FileSource, PlainFiles, check_path, open_options, read_regular, shortened};

use crate::command::{
    Command, ConsoleChunk, ConsoleRead, ConsoleWrite, CreateLink, Created, HostRecord, LinkRecord, Links,
    PartitionRecord, Partitions, Paths, Reply, Shutdown, ShutdownMode, Stats, VersionRecord,
};
use crate::device::{ConsoleAction, ManagerDevice, PartitionDevice, PartitionInfo};
use crate::error::Error;
use crate::fdt::BoardTree;
use crate::id::PartitionId;
use crate::state::Operation;
use under_way::{Token, UnderWay};

/// The largest piece of a console or of an image in one line, in bytes.
pub const MAX_CHUNK: u32 = 512 << 10;
/// The longest time-out that a command may name.
pub const MAX_TIMEOUT: Duration = Duration::from_secs(600);
/// How long a device may take for an operation unless told otherwise.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);
/// Version of the protocol that [`PartitionManager::apply`] answers.
const PROTOCOL: u32 = 1;

/// Carries commands out on a device. Many threads may call it at once.
///
/// # Examples
/// ```no_run
/// use vman_core::command::Command;
/// use vman_core::device::CharDevice;
/// use vman_core::manager::{PartitionManager, PlainFiles};
///
/// let manager = PartitionManager::new(CharDevice::open(CharDevice::PATH)?);
/// let reply = manager.apply(&Command::QueryHost, &PlainFiles)?;
/// println!("{}", serde_json::to_string(&reply)?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct PartitionManager<D> {
    device: D,
    timeout: Duration,
    under_way: UnderWay,
    board_tree: OnceLock<BoardTree>,
}

impl<D: ManagerDevice> PartitionManager<D> {
    /// A manager of `device`, which gets [`DEFAULT_TIMEOUT`] for an operation.
    pub fn new(device: D) -> Self {
        Self { device, timeout: DEFAULT_TIMEOUT, under_way: UnderWay::default(), board_tree: OnceLock::new() }
    }

    /// Gives the device `timeout` for an operation.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// The device, for event queues.
    pub const fn device(&self) -> &D {
        &self.device
    }

    /// Carries out one command; `files` gives the bytes behind the paths of `deploy`. Commands that [`is_slow`] says
    /// may take long, queries answer at once.
    ///
    /// # Errors
    /// Every kind of the table; [`ManagerError::NeedsDaemon`] for the commands that vmand alone can answer.
    pub fn apply(&self, command: &Command, files: &dyn FileSource) -> Result<Reply, Error> {
        match command {
            Command::CreatePartition(args) => self.create(args).map(|id| Reply::Created(Created { id })),
            Command::Deploy(args) => self.deploy(args, files).map(done),
            Command::DestroyPartition(target) => self.control(target.id, Operation::Destroy).map(done),
            Command::Reboot(target) => self.control(target.id, Operation::Reboot).map(done),
            Command::Shutdown(args) => self.shutdown(args).map(done),
            Command::Suspend(target) => self.control(target.id, Operation::Suspend).map(done),
            Command::Restore(target) => self.control(target.id, Operation::Restore).map(done),
            Command::QueryVersion => self.version(Paths::Local).map(Reply::Version),
            Command::QueryHost => Ok(Reply::Host(Box::new(HostRecord::from(&self.device.host()?)))),
            Command::QueryPartitions => self.partitions().map(Reply::Partitions),
            Command::QueryPartition(target) => Ok(Reply::Partition(Box::new(self.partition(target.id)?))),
            Command::QueryStats(target) => self.stats(target.id).map(Reply::Stats),
            Command::CreateLink(args) => self.link(*args).map(Reply::Link),
            Command::QueryLinks => self.query_links().map(Reply::Links),
            Command::ConsoleRead(args) => self.console_read(args).map(Reply::Console),
            Command::ConsoleWrite(args) => self.console_write(args).map(done),
            Command::ImagePut(_)
            | Command::ImageList
            | Command::ImageDelete(_)
            | Command::ConsoleAttach(_)
            | Command::SubscribeEvents
            | Command::Hello(_) => Err(ManagerError::NeedsDaemon(command.name()).into()),
        }
    }

    /// The answer to `query-version` for a client whose paths mean what `paths` says.
    ///
    /// # Errors
    /// If the device is gone.
    pub fn version(&self, paths: Paths) -> Result<VersionRecord, Error> {
        let host = self.device.host()?;
        Ok(VersionRecord {
            protocol: PROTOCOL,
            version: env!("CARGO_PKG_VERSION").into(),
            firmware: format!("{}.{}", host.firmware.major, host.firmware.minor),
            paths,
            simulated: host.simulated,
        })
    }

    /// Reads a piece of a partition's console, empty if nothing new is there. Never waits.
    ///
    /// # Errors
    /// `NotFound`, `InvalidArgument` (`max`).
    pub fn console_read(&self, args: &ConsoleRead) -> Result<ConsoleChunk, Error> {
        const DEFAULT_CHUNK: u32 = 64 << 10;
        let max = args.max.unwrap_or(DEFAULT_CHUNK);
        let Some(length) = usize::try_from(max).ok().filter(|_| (1..=MAX_CHUNK).contains(&max)) else {
            return Err(ManagerError::ConsoleLength(max).into());
        };
        let mut data = vec![0; length];
        let action = ConsoleAction::Read { position: args.position.unwrap_or(0), buffer: &mut data };
        let span = self.open(args.id)?.console(action)?;
        data.truncate(span.len);
        Ok(ConsoleChunk { position: span.position, data, end: span.end })
    }

    fn console_write(&self, args: &ConsoleWrite) -> Result<(), Error> {
        let partition = self.open(args.id)?;
        let mut rest = args.data.as_slice();
        while !rest.is_empty() {
            let taken = partition.console(ConsoleAction::Write { data: rest })?.len;
            if taken == 0 {
                return Err(ManagerError::ConsoleFull { id: args.id, left: rest.len() }.into());
            }
            rest = rest.get(taken..).unwrap_or_default();
        }
        Ok(())
    }

    fn partitions(&self) -> Result<Partitions, Error> {
        let mut infos = self.device.list()?;
        infos.iter_mut().for_each(|info| self.add_under_way(info));
        Ok(Partitions { partitions: infos.iter().map(PartitionRecord::from).collect() })
    }

    fn partition(&self, id: PartitionId) -> Result<PartitionRecord, Error> {
        let mut info = self.open(id)?.info()?;
        self.add_under_way(&mut info);
        Ok(PartitionRecord::from(&info))
    }

    /// The device does not know yet that a deployment reads its files.
    fn add_under_way(&self, info: &mut PartitionInfo) {
        info.busy = info.busy.or_else(|| self.under_way.of(info.id));
    }

    fn stats(&self, id: PartitionId) -> Result<Stats, Error> {
        let counters = self.open(id)?.stats()?;
        let named = counters.into_iter().map(|(counter, value)| (counter.name().to_owned(), value));
        Ok(Stats { id, counters: named.collect() })
    }

    fn link(&self, args: CreateLink) -> Result<LinkRecord, Error> {
        let ends = [args.first, args.second];
        if ends.iter().any(|end| end.is_management()) {
            return Err(ManagerError::Management.into());
        }
        Ok(LinkRecord::from(&self.device.link(ends)?))
    }

    fn query_links(&self) -> Result<Links, Error> {
        Ok(Links { links: self.device.links()?.iter().map(LinkRecord::from).collect() })
    }

    fn shutdown(&self, args: &Shutdown) -> Result<(), Error> {
        if args.mode == ShutdownMode::Graceful {
            return Err(ManagerError::Graceful.into());
        }
        let timeout = args.timeout_ms.map_or(Ok(self.timeout), checked_timeout)?;
        self.control_within(args.id, Operation::Shutdown, timeout)
    }

    fn control(&self, id: PartitionId, operation: Operation) -> Result<(), Error> {
        self.control_within(id, operation, self.timeout)
    }

    fn control_within(&self, id: PartitionId, operation: Operation, timeout: Duration) -> Result<(), Error> {
        let partition = self.open(id)?;
        let (_token, _) = self.begin(&partition, id, operation)?;
        Ok(partition.control(operation, timeout)?)
    }

    fn open(&self, id: PartitionId) -> Result<D::Partition, Error> {
        if id.is_management() {
            return Err(ManagerError::Management.into());
        }
        Ok(self.device.open(id)?)
    }

    /// Checks that the partition's state takes `operation`, and keeps others away until the token is dropped. What the
    /// state refuses keeps nobody away, not even for a moment. The device checks again, for the state may change
    /// between the two.
    fn begin(
        &self,
        partition: &D::Partition,
        id: PartitionId,
        operation: Operation,
    ) -> Result<(Token<'_>, PartitionInfo), Error> {
        let info = partition.info()?;
        if let Some(running) = self.under_way.of(id).or(info.busy) {
            return Err(ManagerError::Busy { id, running }.into());
        }
        info.state
            .after_in(info.condition, operation)
            .map_err(|refused| ManagerError::Transition { id, refused })?;
        Ok((self.under_way.begin(id, operation)?, info))
    }
}

/// Whether a command may wait for the device or for files; the others answer at once.
pub const fn is_slow(command: &Command) -> bool {
    match command {
        Command::CreatePartition(_)
        | Command::Deploy(_)
        | Command::DestroyPartition(_)
        | Command::Reboot(_)
        | Command::Shutdown(_)
        | Command::Suspend(_)
        | Command::Restore(_)
        | Command::CreateLink(_)
        | Command::ImagePut(_)
        | Command::ImageList
        | Command::ImageDelete(_) => true,
        Command::QueryVersion
        | Command::QueryHost
        | Command::QueryPartitions
        | Command::QueryPartition(_)
        | Command::QueryStats(_)
        | Command::QueryLinks
        | Command::ConsoleRead(_)
        | Command::ConsoleWrite(_)
        | Command::ConsoleAttach(_)
        | Command::SubscribeEvents
        | Command::Hello(_) => false,
    }
}

fn done((): ()) -> Reply {
    Reply::Done {}
}

fn checked_timeout(milliseconds: u64) -> Result<Duration, ManagerError> {
    let timeout = Duration::from_millis(milliseconds);
    let possible = !timeout.is_zero() && timeout <= MAX_TIMEOUT;
    possible.then_some(timeout).ok_or(ManagerError::TimeoutRange(milliseconds))
}
