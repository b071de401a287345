//! Completion scripts and manual pages, from the command line itself.

use std::path::Path;

use clap_complete::Shell;

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
    clap_mangen::generate_to(args::command_without_help(program), directory).map_err(unusable)
}
