//! Links between partitions.

use vman_core::command::{Command, CreateLink, LinkRecord, Links};

use super::Context;
use crate::args;
use crate::error::Failure;
use crate::output::{self, Look};

pub(super) fn create(args: &args::CreateLink, context: &mut Context<'_>) -> Result<(), Failure> {
    let first = args.first.resolve(&mut *context.target)?;
    let second = args.second.resolve(&mut *context.target)?;
    let command = Command::CreateLink(CreateLink { first, second });
    context.show(&command, |link: &LinkRecord, _: Look| output::links::place(link) + "\n")
}

pub(super) fn list(context: &mut Context<'_>) -> Result<(), Failure> {
    context.show(&Command::QueryLinks, |links: &Links, look| output::links::text(links, look))
}
