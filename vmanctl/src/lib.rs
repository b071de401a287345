//! The vManager controller: partitions from the command line (source document, 3.2 and 3.2.1).
//!
//! [`run`] is the whole program over any output, so that tests need no process.

pub mod args;
mod commands;
pub mod error;
pub mod exit;
mod generate;
pub mod output;
mod partition_ref;
mod paths;
pub mod remedy;
pub mod spelling;
pub mod target;
mod terminal;
mod wait;

use std::ffi::{OsStr, OsString};
use std::io::{self, IsTerminal as _, Write};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::path::Path;
use std::process::ExitCode;

use anstyle::{AnsiColor, Effects};
use clap::FromArgMatches as _;

use args::Cli;
use error::Failure;
use output::Look;

/// Where a command writes, and how that has to look.
pub struct Streams<'a> {
    /// Results.
    pub out: &'a mut dyn Write,
    /// Errors, notes, progress.
    pub err: &'a mut dyn Write,
    /// Whether results go to a terminal.
    pub out_is_terminal: bool,
    /// Whether errors go to a terminal.
    pub err_is_terminal: bool,
    /// Columns of the terminal.
    pub width: usize,
    /// Where results end up, to notice that nobody reads them any more.
    pub out_fd: Option<BorrowedFd<'a>>,
}

impl std::fmt::Debug for Streams<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Streams").field("width", &self.width).finish_non_exhaustive()
    }
}

/// Everything of `main`: the process's own arguments and streams.
pub fn main() -> ExitCode {
    let stdout = io::stdout();
    let (mut out, mut err) = (stdout.lock(), io::stderr());
    let streams = Streams {
        out_is_terminal: out.is_terminal(),
        err_is_terminal: err.is_terminal(),
        width: terminal::size().map_or(terminal::DEFAULT_COLUMNS, |(columns, _)| columns),
        out_fd: Some(stdout.as_fd()),
        out: &mut out,
        err: &mut err,
    };
    ExitCode::from(run(std::env::args_os(), streams))
}

/// Carries out a command line, whose first word is the program's name, and gives the exit status.
pub fn run(args: impl IntoIterator<Item = OsString>, mut streams: Streams<'_>) -> u8 {
    let mut args = args.into_iter().peekable();
    let program = program_name(args.peek().map(OsString::as_os_str));
    let command = args::command(program);
    let args = spelling::with_double_dashes(args, &spelling::long_options(&command));
    let json = args.iter().take_while(|arg| *arg != "--").any(|arg| arg == "--json");
    let parsed = command.try_get_matches_from(args).and_then(|matches| Cli::from_arg_matches(&matches));
    match parsed {
        Ok(cli) => {
            let color = cli.global.color;
            let result = commands::run(cli, &mut streams, program);
            let result = result.and_then(|()| Ok(streams.out.flush()?));
            result.map_or_else(|failure| report(&failure, &mut streams, program, json, color), |()| exit::OK)
        }
        Err(error) => usage(&error, &mut streams, json),
    }
}

/// `vmactl` is the source document's other name of this program.
fn program_name(first: Option<&OsStr>) -> &'static str {
    match first.and_then(|name| Path::new(name).file_name()) {
        Some(name) if name == "vmactl" => "vmactl",
        _ => "vmanctl",
    }
}

/// Whether to colour a stream.
fn wants_color(choice: clap::ColorChoice, is_terminal: bool) -> bool {
    match choice {
        clap::ColorChoice::Always => true,
        clap::ColorChoice::Never => false,
        clap::ColorChoice::Auto => {
            is_terminal
                && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
                && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
        }
    }
}

fn report(
    failure: &Failure,
    streams: &mut Streams<'_>,
    program: &str,
    json: bool,
    color: clap::ColorChoice,
) -> u8 {
    let look = Look { color: wants_color(color, streams.err_is_terminal), width: streams.width };
    let advice = failure.advice().map(|advice| format!(": {advice}")).unwrap_or_default();
    let written = if failure.is_closed_pipe() {
        Ok(())
    } else if json {
        writeln!(streams.err, "{}", failure.to_json())
    } else {
        let name = look.paint(AnsiColor::Red.on_default().effects(Effects::BOLD), format!("{program}:"));
        writeln!(streams.err, "{name} {}{advice}", failure.text())
    };
    // There is nobody left to tell that the error could not be written.
    drop(written);
    failure.exit_code()
}

/// Help and version are results; everything else is a wrong command line.
fn usage(error: &clap::Error, streams: &mut Streams<'_>, json: bool) -> u8 {
    let (stream, is_terminal): (&mut dyn Write, bool) = if error.use_stderr() {
        (streams.err, streams.err_is_terminal)
    } else {
        (streams.out, streams.out_is_terminal)
    };
    let text = error.render();
    let written = if json && error.use_stderr() {
        let desc = text.to_string().trim_end().to_owned();
        writeln!(stream, "{}", serde_json::json!({"error": {"class": "InvalidArgument", "desc": desc}}))
    } else if wants_color(clap::ColorChoice::Auto, is_terminal) {
        write!(stream, "{}", text.ansi())
    } else {
        write!(stream, "{text}")
    };
    match written.and_then(|()| stream.flush()) {
        _ if error.use_stderr() => exit::USAGE,
        Ok(()) => exit::OK,
        Err(error) => Failure::from(error).exit_code(),
    }
}
