//! Completion scripts and manual pages, from the command line itself.

use std::io;
use std::path::Path;

use clap_complete::Shell;
use clap_mangen::Man;

use crate::args;
use crate::error::Failure;

/// A completion script for `shell`.
pub(crate) fn completions(program: &'static str, shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut args::command(program), program, &mut script);
    script
}

/// Writes one page for the program and one for each command.
pub(crate) fn man(program: &'static str, directory: &Path) -> Result<(), Failure> {
    let unusable = |source| Failure::Directory { path: directory.into(), source };
    std::fs::create_dir_all(directory).map_err(unusable)?;
    let mut command = args::command_without_help(program);
    command.build();
    pages(&command, program, directory).map_err(unusable)
}

/// Pages carry no date, so that the same program always writes the same pages.
fn pages(command: &clap::Command, program: &str, directory: &Path) -> io::Result<()> {
    let source = format!("{program} {}", env!("CARGO_PKG_VERSION"));
    Man::new(command.clone()).source(source).manual("vManager").generate_to(directory)?;
    command
        .get_subcommands()
        .filter(|command| !command.is_hide_set())
        .try_for_each(|command| pages(command, program, directory))
}
