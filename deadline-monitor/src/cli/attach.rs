//! `attach`: budgets that fit for what runs already. `watch` and `record`: the same without touching anything.

use std::io::IsTerminal;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anstream::eprintln;
use clap::Args;
use deadline_monitor::recording::Header;
use deadline_monitor::serve::api::{self, NewTarget, TargetRef};
use deadline_monitor::target::Target;
use humantime::parse_duration;
use hyper::Method;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};

use super::client::Client;
use super::lines::{Lines, Recorder, Refusals};
use super::live::Live;
use super::options::PolicyArgs;
use super::prepare::{MeansArgs, Mode, parts};
use super::rounds::{Rounds, Sink};
use super::targets::{Named, TargetArgs};
use super::{Result, show, signals};

/// What `attach` takes.
#[derive(Debug, Args)]
pub(crate) struct AttachArgs {
    #[command(flatten)]
    targets: TargetArgs,
    #[command(flatten)]
    policy: PolicyArgs,
    #[command(flatten)]
    means: MeansArgs,
    /// Let the daemon at this socket do it, and return at once.
    #[arg(long, value_name = "PATH", conflicts_with_all = ["verbose", "view", "record"])]
    socket: Option<PathBuf>,
    /// Find budgets, but set none.
    #[arg(long)]
    dry_run: bool,
    /// Show each sample and budget.
    #[arg(long, short, conflicts_with = "view")]
    verbose: bool,
    /// Show a full-screen view.
    #[arg(long)]
    view: bool,
    /// Write each sample and budget to this file, as lines of JSON.
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
}

/// What `watch` takes.
#[derive(Debug, Args)]
pub(crate) struct WatchArgs {
    #[command(flatten)]
    targets: TargetArgs,
    #[command(flatten)]
    policy: PolicyArgs,
    #[command(flatten)]
    means: MeansArgs,
    /// Stop after this time.
    #[arg(long, value_parser = parse_duration, value_name = "TIME")]
    length: Option<Duration>,
}

/// What `record` takes.
#[derive(Debug, Args)]
pub(crate) struct RecordArgs {
    /// The file to write.
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    watch: WatchArgs,
}

/// One way to monitor.
struct Job<'a> {
    targets: &'a TargetArgs,
    policy: &'a PolicyArgs,
    means: &'a MeansArgs,
    mode: Mode,
    record: Option<&'a PathBuf>,
    view: bool,
    lines: Option<Lines>,
    length: Option<Duration>,
}

/// Sets budgets until all targets have ended, or until it is told to stop; then they are scheduled as before.
pub(crate) fn attach(args: &AttachArgs) -> Result<ExitCode> {
    if let Some(socket) = &args.socket {
        return by_daemon(args, &Client::new(socket));
    }
    let mode = if args.dry_run { Mode::Observe } else { Mode::Control };
    monitor(Job {
        targets: &args.targets,
        policy: &args.policy,
        means: &args.means,
        mode,
        record: args.record.as_ref(),
        view: args.view,
        lines: args.verbose.then_some(Lines { stdout: false }),
        length: None,
    })
}

/// Shows use and fitting budgets: the full screen on a terminal, lines elsewhere.
pub(crate) fn watch(args: &WatchArgs) -> Result<ExitCode> {
    let view = std::io::stdout().is_terminal();
    monitor(Job {
        targets: &args.targets,
        policy: &args.policy,
        means: &args.means,
        mode: Mode::Observe,
        record: None,
        view,
        lines: (!view).then_some(Lines { stdout: true }),
        length: args.length,
    })
}

/// Records use and fitting budgets.
pub(crate) fn record(args: &RecordArgs) -> Result<ExitCode> {
    let RecordArgs { out, watch } = args;
    monitor(Job {
        targets: &watch.targets,
        policy: &watch.policy,
        means: &watch.means,
        mode: Mode::Observe,
        record: Some(out),
        view: false,
        lines: None,
        length: watch.length,
    })
}

fn monitor(job: Job<'_>) -> Result<ExitCode> {
    let (sender, signals) = signals::receive()?;
    let targets = job.targets.find_some()?;
    let sampling = job.policy.sampling()?;
    let title = title(&targets, &job);
    let header =
        Header::new(names(&targets), &job.policy.config(), &job.policy.initial()?, job.mode == Mode::Observe);
    let parts = parts(targets, job.policy, job.means, job.mode)?;
    let mut sinks: Vec<Box<dyn Sink>> = Vec::new();
    if let Some(path) = job.record {
        sinks.push(Box::new(Recorder::create(path, &header)?));
    }
    match job.lines {
        Some(lines) => sinks.extend([Box::new(lines) as Box<dyn Sink>, Box::new(Refusals)]),
        None if job.view => sinks.push(Box::new(Live::open(title, header.period(), sender))),
        None => sinks.push(Box::new(Refusals)),
    }
    let end = job.length.map(|length| Instant::now() + length);
    let mut rounds = Rounds::new(parts, sampling, sinks);
    rounds.run_until(&signals, end, |signal| match signal {
        SIGINT | SIGTERM | SIGHUP | SIGQUIT => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    })?;
    let left = rounds.release();
    drop(rounds);
    left.iter().for_each(|text| eprintln!("deadline-monitor: Not restored: {text}"));
    Ok(ExitCode::SUCCESS)
}

/// Tells the daemon, and prints what it makes of it.
fn by_daemon(args: &AttachArgs, client: &Client) -> Result<ExitCode> {
    let mut settings = args.policy.settings()?;
    settings.mode = args.dry_run.then_some(api::Mode::Observe);
    for named in args.targets.find_some()? {
        let (target, settings) = (reference(&named)?, settings.clone());
        let name = Some(named.name).filter(|name| *name != named.target.to_string());
        let name = name.map(|name| name.chars().take(64).collect());
        let new = NewTarget { target, name, settings, reservation: None };
        show::print(&client.send(Method::POST, "/v1/targets", &new)?);
    }
    Ok(ExitCode::SUCCESS)
}

/// How the daemon is told; a container or a pod is its control group.
fn reference(named: &Named) -> Result<TargetRef> {
    Ok(match &named.target {
        Target::Thread(tid) => TargetRef::Thread { tid: tid.0 },
        Target::Process(pid) => TargetRef::Process { pid: *pid },
        Target::Vcpus(pid) => TargetRef::Vcpus { pid: *pid },
        Target::Cgroup(path) => {
            let path = path.to_str().ok_or("A path that is not UTF-8")?;
            TargetRef::Cgroup { path: path.to_owned() }
        }
        target @ (Target::Qmp(_) | _) => {
            return Err(format!("The daemon cannot be told of {target}; attach its process").into());
        }
    })
}

fn names(targets: &[Named]) -> String {
    targets.iter().map(|named| named.name.as_str()).collect::<Vec<_>>().join(", ")
}

fn title(targets: &[Named], job: &Job<'_>) -> String {
    let mode = match job.mode {
        Mode::Control => "budgets are set",
        Mode::Observe => "only observed, nothing is set",
    };
    format!("{} | policy {} | {mode}", names(targets), job.policy.config().kind)
}
