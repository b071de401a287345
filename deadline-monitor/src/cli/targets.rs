//! What is to be monitored, as the command line names it.

use std::path::PathBuf;

use clap::Args;
use deadline_monitor::cgroup::Hierarchies;
use deadline_monitor::sched::Tid;
use deadline_monitor::target::{Target, container, pod, vm};

use super::Result;

/// Targets by all their names.
#[derive(Debug, Args)]
pub(crate) struct TargetArgs {
    /// Threads, by their ids.
    tid: Vec<u32>,
    /// Processes, with all their threads.
    #[arg(long)]
    pid: Vec<u32>,
    /// Control groups: a directory below /sys/fs/cgroup.
    #[arg(long, value_name = "DIR")]
    cgroup: Vec<PathBuf>,
    /// Containers of podman, Docker, containerd or CRI-O, by id or name.
    #[arg(long, value_name = "ID|NAME")]
    container: Vec<String>,
    /// Pods of Kubernetes on this node, by uid.
    #[arg(long, value_name = "UID")]
    pod: Vec<String>,
    /// Virtual CPUs of a machine: QEMU's process id, its QMP socket, or the name of a libvirt domain.
    #[arg(long, value_name = "PID|SOCKET|DOMAIN")]
    vm: Vec<String>,
    /// Parts of what is scarce, one for each target in the order of the options above; 1 unless given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    weight: Vec<u32>,
}

/// A target with the name that the user gave it.
#[derive(Debug)]
pub(crate) struct Named {
    pub(crate) target: Target,
    pub(crate) name: String,
    pub(crate) weight: u32,
}

impl TargetArgs {
    /// Finds all of them.
    pub(crate) fn find(&self) -> Result<Vec<Named>> {
        let hierarchies = Hierarchies::read("/proc".as_ref());
        let mut found: Vec<(Target, String)> = Vec::new();
        let mut add = |target: Target, name: String| found.push((target, name));
        self.tid.iter().for_each(|tid| add(Target::Thread(Tid(*tid)), format!("thread {tid}")));
        self.pid.iter().for_each(|pid| add(Target::Process(*pid), format!("process {pid}")));
        for path in &self.cgroup {
            add(Target::Cgroup(path.clone()), format!("control group {}", path.display()));
        }
        for name in &self.container {
            add(Target::Cgroup(container::container(name, &hierarchies)?), format!("container {name}"));
        }
        for uid in &self.pod {
            add(Target::Cgroup(pod::pod(uid, &hierarchies)?), format!("pod {uid}"));
        }
        for name in &self.vm {
            add(vm::vm(name)?, format!("machine {name}"));
        }
        let weights = self.weight.iter().copied().chain(std::iter::repeat(1));
        Ok(found
            .into_iter()
            .zip(weights)
            .map(|((target, name), weight)| Named { target, name, weight })
            .collect())
    }

    /// The same, at least one.
    pub(crate) fn find_some(&self) -> Result<Vec<Named>> {
        let found = self.find()?;
        if found.is_empty() {
            return Err(
                "Which target? Give a thread's id, --pid, --cgroup, --container, --pod or --vm".into()
            );
        }
        if self.weight.len() > found.len() {
            return Err(format!("{} weights for {} targets", self.weight.len(), found.len()).into());
        }
        Ok(found)
    }
}
