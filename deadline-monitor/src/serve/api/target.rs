//! Targets and what is known of them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Effective, Failure, Settings};
use crate::sched::Tid;
use crate::target::Target;

/// What is monitored.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum TargetRef {
    /// One thread.
    Thread {
        /// Its id.
        #[schema(minimum = 1)]
        tid: u32,
    },
    /// All threads of a process.
    Process {
        /// Its id.
        #[schema(minimum = 1)]
        pid: u32,
    },
    /// The threads of a QEMU process that run the processors of its machine.
    Vcpus {
        /// The process's id.
        #[schema(minimum = 1)]
        pid: u32,
    },
    /// All threads of a control group and of those below it.
    Cgroup {
        /// Its directory below /sys/fs/cgroup.
        path: String,
    },
}

/// Where control groups are.
const CGROUPS: &str = "/sys/fs/cgroup";

impl TargetRef {
    /// The same for the monitor.
    ///
    /// # Errors
    /// An id of 0, or a path that is no control group's.
    pub(crate) fn target(&self) -> Result<Target, Failure> {
        match self {
            TargetRef::Thread { tid: 0 } | TargetRef::Process { pid: 0 } | TargetRef::Vcpus { pid: 0 } => {
                Err(Failure::argument("Thread and process ids begin at 1"))
            }
            TargetRef::Thread { tid } => Ok(Target::Thread(Tid(*tid))),
            TargetRef::Process { pid } => Ok(Target::Process(*pid)),
            TargetRef::Vcpus { pid } => Ok(Target::Vcpus(*pid)),
            TargetRef::Cgroup { path } => {
                let plain = std::path::Path::new(path);
                let below = plain.starts_with(CGROUPS)
                    && plain.components().all(|part| part != std::path::Component::ParentDir);
                if !below {
                    return Err(Failure::argument(format!("{path} is no directory below {CGROUPS}")));
                }
                Ok(Target::Cgroup(plain.to_owned()))
            }
        }
    }

    /// The thread whose end is the target's end, if there is one.
    pub(crate) fn leader(&self) -> Option<Tid> {
        match self {
            TargetRef::Thread { tid } => Some(Tid(*tid)),
            TargetRef::Process { pid } | TargetRef::Vcpus { pid } => Some(Tid(*pid)),
            TargetRef::Cgroup { .. } => None,
        }
    }
}

/// A target to be monitored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTarget {
    /// What.
    pub target: TargetRef,
    /// A name for people, at most 64 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 64)]
    pub name: Option<String>,
    /// How.
    #[serde(default)]
    pub settings: Settings,
    /// A confirmed reservation of kind `deadline` that this target takes over: its period, and its runtime at first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reservation: Option<u64>,
}

/// A target that is monitored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TargetView {
    /// Its id in this daemon; never used again.
    pub id: u64,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What.
    pub target: TargetRef,
    /// Whose.
    pub owner_uid: u32,
    /// How.
    pub settings: Effective,
    /// How many threads it has, with a reservation or observed.
    pub threads: u64,
    /// Budgets of all its threads together, in nanoseconds of one period.
    pub budget_ns: u64,
    /// CPU time that they used in one period, when last sampled.
    pub used_ns: u64,
    /// CPU time that they used since they are monitored.
    pub used_total_ns: u64,
    /// Budgets as a number of CPUs.
    pub bandwidth_cpus: f64,
    /// Whether one of them wanted more than it had, when last sampled.
    pub saturated: bool,
    /// How often it was sampled.
    pub samples: u64,
    /// How often a budget was changed.
    pub changes: u64,
    /// How often the kernel or a quota refused a budget.
    pub refusals: u64,
    /// The last of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_refusal: Option<String>,
    /// The threads as last sampled; only in the answer for a single target, and at most 1,000 of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<ThreadView>,
}

/// One thread.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ThreadView {
    /// Its id.
    pub tid: u32,
    /// Q in nanoseconds.
    pub budget_ns: u64,
    /// CPU time used in one period, in nanoseconds.
    pub used_ns: u64,
    /// Whether it wanted more.
    pub saturated: bool,
}

/// Some of the targets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TargetPage {
    /// In the order of their ids.
    pub targets: Vec<TargetView>,
    /// How many there are in all.
    pub total: u64,
    /// Give this as `after` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_after: Option<u64>,
}

/// What was measured at one moment: sums over the threads of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HistorySample {
    /// When, in nanoseconds of the machine's monotonic clock.
    pub at_ns: u64,
    /// CPU time used in one period.
    pub used_ns: u64,
    /// Budgets from then on.
    pub budget_ns: u64,
    /// Threads.
    pub threads: u32,
    /// How many of them wanted more.
    pub saturated: u32,
}

/// The recent past of a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct History {
    /// The target.
    pub id: u64,
    /// P in nanoseconds.
    pub period_ns: u64,
    /// Oldest first.
    pub samples: Vec<HistorySample>,
}

/// What this daemon can do here, and what to do where it cannot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Doctor {
    /// Whether reservations work.
    pub works: bool,
    /// One by one.
    pub checks: Vec<Check>,
}

/// One of the things that were looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Check {
    /// What.
    pub name: String,
    /// How it is.
    pub state: CheckState,
    /// What was found, and the remedy.
    pub detail: String,
}

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum CheckState {
    /// As it should be.
    Good,
    /// It works, but.
    Notice,
    /// It does not work.
    Bad,
}
