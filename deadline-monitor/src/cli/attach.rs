//! `attach`: budgets that fit for what runs already.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;

use anstream::eprintln;
use clap::Args;
use deadline_monitor::sched::Tid;
use deadline_monitor::serve::api::{NewTarget, TargetRef};
use deadline_monitor::target::Target;
use hyper::Method;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};

use super::Result;
use super::client::Client;
use super::options::PolicyArgs;
use super::watch::{Watch, monitor};
use super::{show, signals};

/// What `attach` takes.
#[derive(Debug, Args)]
pub(crate) struct AttachArgs {
    /// Threads, by their ids.
    #[arg(required_unless_present_any = ["pid", "cgroup"])]
    tid: Vec<u32>,
    /// Processes, with all their threads.
    #[arg(long)]
    pid: Vec<u32>,
    /// Control groups, such as a container's: a directory below /sys/fs/cgroup.
    #[arg(long, value_name = "DIR")]
    cgroup: Vec<PathBuf>,
    #[command(flatten)]
    policy: PolicyArgs,
    /// Let the daemon at this socket do it, and return at once.
    #[arg(long, value_name = "PATH", conflicts_with = "verbose")]
    socket: Option<PathBuf>,
    /// Show each sample and budget.
    #[arg(long, short)]
    verbose: bool,
}

/// Watches until all targets have ended, or until it is told to stop; then they are scheduled as before.
pub(crate) fn run(args: &AttachArgs) -> Result<ExitCode> {
    if let Some(socket) = &args.socket {
        return by_daemon(args, &Client::new(socket));
    }
    let signals = signals::receive()?;
    let targets: Vec<_> = targets(args).collect();
    let mut monitors = Vec::new();
    for target in &targets {
        let mut monitor = monitor(target.clone(), args.policy.monitor()?)?;
        let first = monitor.tick()?;
        if monitor.reserved() == 0 {
            let refused = first.refused.into_iter().next();
            return Err(refused
                .map_or_else(|| format!("No thread to be found: {target} is empty").into(), Into::into));
        }
        monitors.push(monitor);
    }
    let mut watch = Watch::new(monitors, args.policy.sampling()?, args.verbose);
    watch.run(&signals, |signal| match signal {
        SIGINT | SIGTERM | SIGHUP | SIGQUIT => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    })?;
    for error in watch.monitors.iter_mut().flat_map(|monitor| monitor.release()) {
        eprintln!("deadline-monitor: Not restored: {}", super::chain(&error));
    }
    Ok(ExitCode::SUCCESS)
}

/// Tells the daemon, and prints what it makes of it.
fn by_daemon(args: &AttachArgs, client: &Client) -> Result<ExitCode> {
    let threads = args.tid.iter().map(|tid| TargetRef::Thread { tid: *tid });
    let processes = args.pid.iter().map(|pid| TargetRef::Process { pid: *pid });
    let text = |path: &PathBuf| path.to_str().map(str::to_owned).ok_or("A path that is not UTF-8");
    let groups = args.cgroup.iter().map(text).collect::<std::result::Result<Vec<_>, _>>()?;
    let groups = groups.into_iter().map(|path| TargetRef::Cgroup { path });
    for target in threads.chain(processes).chain(groups) {
        let new = NewTarget { target, name: None, settings: args.policy.settings()?, reservation: None };
        show::print(&client.send(Method::POST, "/v1/targets", &new)?);
    }
    Ok(ExitCode::SUCCESS)
}

fn targets(args: &AttachArgs) -> impl Iterator<Item = Target> {
    let threads = args.tid.iter().map(|tid| Target::Thread(Tid(*tid)));
    let processes = args.pid.iter().map(|pid| Target::Process(*pid));
    threads.chain(processes).chain(args.cgroup.iter().cloned().map(Target::Cgroup))
}
