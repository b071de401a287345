//! The commands of the source document, 3.2.1.

use serde_json::value::RawValue;
use vman_core::command::{self, Command, Created, PartitionRecord, Paths, VersionRecord};
use vman_core::id::PartitionId;
use vman_core::state::Operation;
use vman_core::{Error, ErrorKind};

use super::{Context, image};
use crate::args;
use crate::error::Failure;
use crate::paths::{Place, place};
use crate::remedy::{Advice, remedy};
use crate::target;

pub(super) fn create(args: args::Create, context: &mut Context<'_>) -> Result<(), Failure> {
    let shared_with = args.shared_with.map(|other| other.resolve(&mut *context.target)).transpose()?;
    let command = Command::CreatePartition(command::CreatePartition {
        cores: args.cores,
        secure: args.secure,
        memsize: args.memsize,
        memsize_mib: args.memsize_mib,
        primary: None,
        name: args.name,
        uuid: args.uuid,
        shared_with,
    });
    context.show(&command, |created: &Created, _| format!("Partition {} created\n", created.id))
}

pub(super) fn deploy(args: args::Deploy, context: &mut Context<'_>) -> Result<(), Failure> {
    let id = args.partition.resolve(&mut *context.target)?;
    let version: VersionRecord = context.target.query(&Command::QueryVersion)?;
    let mut file = |argument: String| file(&argument, version.paths, context);
    let command = Command::Deploy(command::Deploy {
        partition_id: id,
        kernel: file(args.kernel)?,
        dtb: args.dtb.map(&mut file).transpose()?,
        initrd: args.initrd.map(&mut file).transpose()?,
        cmdline: args.cmdline,
    });
    operate(&command, id, Operation::Deploy, context)
}

/// What vmand has to be told about a file.
fn file(argument: &str, paths: Paths, context: &mut Context<'_>) -> Result<String, Failure> {
    match (place(argument), paths) {
        (Place::Theirs(reference), _) | (Place::Ours(reference), Paths::Local) => Ok(reference),
        (Place::Ours(path), Paths::Remote) => image::upload(path.as_ref(), context),
    }
}

pub(super) fn destroy(args: &args::Target, context: &mut Context<'_>) -> Result<(), Failure> {
    on(args, Operation::Destroy, Command::DestroyPartition, context)
}

pub(super) fn reboot(args: &args::Target, context: &mut Context<'_>) -> Result<(), Failure> {
    on(args, Operation::Reboot, Command::Reboot, context)
}

pub(super) fn suspend(args: &args::Target, context: &mut Context<'_>) -> Result<(), Failure> {
    on(args, Operation::Suspend, Command::Suspend, context)
}

pub(super) fn restore(args: &args::Target, context: &mut Context<'_>) -> Result<(), Failure> {
    on(args, Operation::Restore, Command::Restore, context)
}

pub(super) fn shutdown(args: &args::Shutdown, context: &mut Context<'_>) -> Result<(), Failure> {
    let id = args.partition.resolve(&mut *context.target)?;
    let timeout_ms = context.timeout.map(|timeout| u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX));
    let command = Command::Shutdown(command::Shutdown { id, mode: args.mode.into(), timeout_ms });
    operate(&command, id, Operation::Shutdown, context)
}

fn on(
    args: &args::Target,
    operation: Operation,
    command: fn(command::Target) -> Command,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let id = args.partition.resolve(&mut *context.target)?;
    operate(&command(command::Target { id }), id, operation, context)
}

fn operate(
    command: &Command,
    id: PartitionId,
    operation: Operation,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    match context.target.call(command) {
        Ok(reply) => done(&reply, id, operation, context),
        Err(error) if error.kind() == ErrorKind::InvalidState => Err(advised(error, id, operation, context)),
        Err(error) => Err(error.into()),
    }
}

fn done(
    reply: &RawValue,
    id: PartitionId,
    operation: Operation,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    if context.json {
        return Ok(writeln!(context.out, "{reply}")?);
    }
    let what = match operation {
        Operation::Deploy => "deployed",
        Operation::Shutdown => "shut down",
        Operation::Reboot => "rebooted",
        Operation::Suspend => "suspended",
        Operation::Restore => "restored",
        Operation::Destroy => "destroyed",
    };
    Ok(writeln!(context.out, "Partition {id} {what}")?)
}

/// The refusal with the way out, which the partition's state of this moment shows.
fn advised(error: Error, id: PartitionId, operation: Operation, context: &mut Context<'_>) -> Failure {
    let query = Command::QueryPartition(command::Target { id });
    let Ok(partition) = context.target.call(&query).and_then(|reply| target::read::<PartitionRecord>(&reply))
    else {
        return error.into();
    };
    let Some(remedy) = remedy(partition.state, partition.condition, operation) else { return error.into() };
    let advice = Advice { program: context.program, id, remedy: &remedy }.to_string();
    Failure::Advised { error, advice }
}
