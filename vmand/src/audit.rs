//! What the log says about a command.

use vman_core::command::Command;

/// The part of a log line that the command itself gives.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Its name.
    pub(crate) command: &'static str,
    /// The partition that it is about.
    pub(crate) partition: Option<u32>,
    /// Whether it changes a board or the store as a whole; queries and pieces of images would flood the log.
    pub(crate) changes: bool,
}

impl Entry {
    pub(crate) fn of(command: &Command) -> Self {
        let (partition, changes) = match command {
            Command::Deploy(args) => (Some(args.partition_id), true),
            Command::Shutdown(args) => (Some(args.id), true),
            Command::DestroyPartition(target)
            | Command::Reboot(target)
            | Command::Suspend(target)
            | Command::Restore(target) => (Some(target.id), true),
            Command::QueryPartition(target) | Command::QueryStats(target) => (Some(target.id), false),
            Command::ConsoleRead(args) => (Some(args.id), false),
            Command::ConsoleWrite(args) => (Some(args.id), false),
            Command::ConsoleAttach(args) => (Some(args.id), false),
            Command::CreatePartition(_) | Command::CreateLink(_) | Command::ImageDelete(_) => (None, true),
            Command::QueryVersion
            | Command::QueryHost
            | Command::QueryPartitions
            | Command::QueryLinks
            | Command::ImagePut(_)
            | Command::ImageList
            | Command::SubscribeEvents
            | Command::Hello(_) => (None, false),
        };
        Self { command: command.name(), partition: partition.map(|id| id.0), changes }
    }
}
