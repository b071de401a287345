//! Queries.

use std::fmt::Write as _;

use vman_core::command::{self, Command, HostRecord, Partitions, VersionRecord};

use super::Context;
use crate::args;
use crate::error::Failure;
use crate::output;

pub(super) fn list(context: &mut Context<'_>) -> Result<(), Failure> {
    context.show(&Command::QueryPartitions, output::list::text)
}

pub(super) fn info(args: &args::Target, context: &mut Context<'_>) -> Result<(), Failure> {
    let id = args.partition.resolve(&mut *context.target)?;
    context.show(&Command::QueryPartition(command::Target { id }), output::info::text)
}

pub(super) fn stats(args: &args::Target, context: &mut Context<'_>) -> Result<(), Failure> {
    let id = args.partition.resolve(&mut *context.target)?;
    context.show(&Command::QueryStats(command::Target { id }), output::stats::text)
}

pub(super) fn host(context: &mut Context<'_>) -> Result<(), Failure> {
    if context.json {
        return context.show(&Command::QueryHost, |_: &HostRecord, _| String::new());
    }
    let list: Partitions = context.target.query(&Command::QueryPartitions)?;
    context.show(&Command::QueryHost, |host, look| output::host::text(host, &list.partitions, look))
}

pub(super) fn version(context: &mut Context<'_>) -> Result<(), Failure> {
    let program = context.program;
    context.show(&Command::QueryVersion, |version, _| version_text(program, version))
}

fn version_text(program: &str, version: &VersionRecord) -> String {
    let mut text = format!("{program} {}\n", env!("CARGO_PKG_VERSION"));
    let _ = writeln!(text, "vmand {} (protocol {})", version.version, version.protocol);
    let simulated = if version.simulated { " (simulated board)" } else { "" };
    let _ = writeln!(text, "firmware {}{simulated}", version.firmware);
    text
}
