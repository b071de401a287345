//! Completion scripts and manual pages, from the command line itself.

use std::io::{self, Write};
use std::path::Path;

use clap::CommandFactory;
use clap_complete::Shell;
use clap_mangen::Man;

use super::Failure;
use super::args::Cli;

const PROGRAM: &str = "slice-agent";

/// Prints a completion script for `shell`.
pub(super) fn completions(shell: Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), PROGRAM, &mut script);
    Ok(io::stdout().write_all(&script)?)
}

/// Writes one page for the program and one for each command.
pub(super) fn man(directory: &Path) -> Result<(), Failure> {
    let failed = |error: io::Error| format!("Cannot write into {}: {error}", directory.display());
    std::fs::create_dir_all(directory).map_err(failed)?;
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    Ok(pages(&command, directory).map_err(failed)?)
}

/// Pages carry no date, so that the same program always writes the same pages.
fn pages(command: &clap::Command, directory: &Path) -> io::Result<()> {
    let source = format!("{PROGRAM} {}", env!("CARGO_PKG_VERSION"));
    Man::new(command.clone()).source(source).manual("AI Virtualiser").generate_to(directory)?;
    let shown = command.get_subcommands().filter(|command| !command.is_hide_set());
    shown.into_iter().try_for_each(|command| pages(command, directory))
}
