//! `run`: a program under budgets that fit. Its signals, streams and exit code are its own.

use std::ffi::OsString;
use std::io::{self, ErrorKind, IsTerminal};
use std::ops::ControlFlow;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, ExitStatus};
use std::time::Duration;

use clap::Args;
use deadline_monitor::recording::Header;
use deadline_monitor::sched::LinuxScheduler;
use deadline_monitor::target::Target;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use signal_hook::consts::{SIGCHLD, SIGINT, SIGQUIT};

use super::Result;
use super::lines::{Lines, Recorder, Refusals};
use super::options::PolicyArgs;
use super::prepare::{MeansArgs, Mode, parts_of_child};
use super::rounds::{Rounds, Sink};
use super::signals;
use super::targets::Named;

/// What `run` takes.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    policy: PolicyArgs,
    #[command(flatten)]
    means: MeansArgs,
    /// Find budgets, but set none.
    #[arg(long)]
    dry_run: bool,
    /// Show each sample and budget.
    #[arg(long, short)]
    verbose: bool,
    /// Write each sample and budget to this file, as lines of JSON.
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// The program and its arguments.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// The exit codes of shells for programs that are not there or cannot be run.
const NOT_FOUND: u8 = 127;
const NOT_EXECUTABLE: u8 = 126;
/// A program that a signal ended has this and the signal's number as its exit code.
const BY_SIGNAL: u8 = 128;

/// Runs the program to its end.
pub(crate) fn run(args: &RunArgs) -> Result<ExitCode> {
    let (options, sampling) = (args.policy.monitor()?, args.policy.sampling()?);
    options.config.build(options.initial)?;
    if !args.dry_run && !LinuxScheduler::is_privileged() {
        return Err("Reservations need CAP_SYS_NICE (root, or setcap cap_sys_nice+ep on this program)".into());
    }
    let (_sender, signals) = signals::receive()?;
    let mut child = match start(&args.command) {
        Ok(child) => child,
        Err((code, message)) => {
            anstream::eprintln!("deadline-monitor: {message}");
            return Ok(ExitCode::from(code));
        }
    };
    let mut rounds = rounds(args, &child, sampling)?;
    let mut status = None;
    rounds.run(&signals, |signal| {
        status = pass(signal, &mut child);
        if status.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    let status = status.map_or_else(|| child.wait(), Ok)?;
    Ok(ExitCode::from(exit_code(status)))
}

fn rounds(args: &RunArgs, child: &Child, sampling: Duration) -> Result<Rounds> {
    let mode = if args.dry_run { Mode::Observe } else { Mode::Control };
    let name = format!("process {}", child.id());
    let config = args.policy.config();
    let header = Header::new(name.clone(), &config, &args.policy.initial()?, args.dry_run);
    let mut sinks: Vec<Box<dyn Sink>> = vec![Box::new(Refusals)];
    if args.verbose {
        sinks.push(Box::new(Lines { stdout: false }));
    }
    if let Some(path) = &args.record {
        sinks.push(Box::new(Recorder::create(path, &header)?));
    }
    let target = Named { target: Target::Process(child.id()), name, weight: 1 };
    let parts = parts_of_child(target, &args.policy, &args.means, mode)?;
    Ok(Rounds::new(parts, sampling, sinks))
}

fn start(command: &[OsString]) -> std::result::Result<Child, (u8, String)> {
    let [program, args @ ..] = command else { return Err((NOT_FOUND, "There is no program".to_owned())) };
    Command::new(program).args(args).spawn().map_err(|error: io::Error| {
        let code = if error.kind() == ErrorKind::NotFound { NOT_FOUND } else { NOT_EXECUTABLE };
        (code, format!("Cannot run {}: {error}", program.display()))
    })
}

/// Passes a signal on, or returns how the program ended. What a terminal sends has reached the program already.
fn pass(signal: i32, child: &mut Child) -> Option<ExitStatus> {
    if signal == SIGCHLD {
        return child.try_wait().ok().flatten();
    }
    let from_terminal = matches!(signal, SIGINT | SIGQUIT) && io::stdin().is_terminal();
    if let (false, Ok(pid), Ok(signal)) = (from_terminal, i32::try_from(child.id()), Signal::try_from(signal))
    {
        // It fails only if the program has ended, which SIGCHLD tells as well.
        let _ = kill(Pid::from_raw(pid), signal);
    }
    None
}

fn exit_code(status: ExitStatus) -> u8 {
    let by_signal =
        |signal: i32| u8::try_from(signal).map_or(u8::MAX, |signal| BY_SIGNAL.saturating_add(signal));
    let code = status.code().map(|code| u8::try_from(code & 0xff).unwrap_or(u8::MAX));
    code.or(status.signal().map(by_signal)).unwrap_or(u8::MAX)
}
