//! What the metrics are made of.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};

use super::entry::Entry;
use super::{Clocks, Engine, Reader};
use crate::budget::Bandwidth;
use crate::sched::{DeadlineScheduler, Rule};
use crate::serve::api;

/// How a `sched_setattr` ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ResultLabel {
    /// `ok`, or the rule that was broken.
    pub result: &'static str,
}

/// Counters and histograms that the sampler writes; clones are the same ones.
#[derive(Debug, Clone)]
pub struct Meters {
    /// Budgets asked of the kernel, by how that ended.
    pub setattr_total: Family<ResultLabel, Counter>,
    /// How late samples were.
    pub sample_lag_seconds: Histogram,
    /// How long a round over all targets that were due took.
    pub sweep_seconds: Histogram,
}

impl Default for Meters {
    fn default() -> Meters {
        Meters {
            setattr_total: Family::default(),
            // 10 us to 10 s.
            sample_lag_seconds: Histogram::new(exponential_buckets(1e-5, 10_f64.sqrt(), 13)),
            sweep_seconds: Histogram::new(exponential_buckets(1e-6, 10_f64.sqrt(), 13)),
        }
    }
}

impl Meters {
    pub(super) fn setattr(&self, refused: Option<Rule>) {
        let result = match refused {
            None => "ok",
            Some(Rule::Gone) => "gone",
            Some(Rule::NoBandwidth) => "no_bandwidth",
            Some(Rule::Quota) => "quota",
            Some(Rule::Pinned | Rule::Cpuset) => "pinned",
            Some(Rule::NotAllowed | Rule::OtherUser(_) | Rule::Foreign | Rule::Own | Rule::KernelThread) => {
                "not_allowed"
            }
            Some(Rule::Invalid | Rule::Params(_)) => "invalid",
            Some(Rule::Taken | Rule::Monitored(_)) => "taken",
            Some(Rule::Unrecorded | Rule::Unsupported | Rule::Unknown(_)) => "other",
        };
        self.setattr_total.get_or_create(&ResultLabel { result }).inc();
    }
}

/// One moment of the daemon.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    /// One by one, for as many as are told one by one.
    pub targets: Vec<TargetFigures>,
    /// How many there are.
    pub target_count: usize,
    /// How many threads they have.
    pub threads: usize,
    /// What reservations may take together, in CPUs.
    pub capacity_cpus: f64,
    /// What the daemon's targets have.
    pub reserved_cpus: f64,
    /// What is held by `/v1/admission`.
    pub held_cpus: f64,
    /// What is promised of the unused.
    pub shared_cpus: f64,
    /// Reservations of `/v1/admission`.
    pub reservations: usize,
    /// CPU time that all targets used.
    pub used_seconds_total: f64,
    /// Samples that were left out because the sampler was late.
    pub missed_samples_total: u64,
    /// Changes of budgets.
    pub changes_total: u64,
    /// Refusals.
    pub refusals_total: u64,
    /// The sampler's part of a CPU in the last second.
    pub sampler_cpu_ratio: f64,
    /// Whether samples are less frequent than asked for.
    pub stretched: bool,
    /// Whether threads are read without a file of their own.
    pub short_of_files: bool,
}

/// One target.
#[derive(Debug, Clone)]
pub struct TargetFigures {
    /// Its id.
    pub id: u64,
    /// Budgets of its threads.
    pub budget_seconds: f64,
    /// P.
    pub period_seconds: f64,
    /// CPU time used.
    pub used_seconds_total: f64,
    /// Whether it wanted more.
    pub saturated: bool,
    /// Its threads.
    pub threads: usize,
}

/// Series of single targets would be too many beyond this.
const TARGETS_TOLD: usize = 1_000;

impl<S: DeadlineScheduler, A: Reader, C: Clocks> Engine<S, A, C> {
    /// All figures now.
    pub(super) fn figures(&self) -> Figures {
        let told = self.entries.values().take(TARGETS_TOLD).map(|entry| TargetFigures {
            id: entry.id,
            budget_seconds: entry.budget().as_secs_f64(),
            period_seconds: entry.resolved.options.initial.period().as_secs_f64(),
            used_seconds_total: entry.used_total().as_secs_f64(),
            saturated: entry.is_saturated(),
            threads: entry.threads(),
        });
        let sum = |of: fn(&Entry<S, A, C>) -> u64| self.entries.values().map(of).sum::<u64>();
        let ended = self.load.ended_counts();
        let (stretched, short_of_files) = self.load.degraded();
        let used = self.entries.values().map(|entry| entry.used_total().as_secs_f64()).sum::<f64>();
        Figures {
            targets: told.collect(),
            target_count: self.entries.len(),
            threads: self.threads(),
            capacity_cpus: api::cpus(self.machine.capacity()),
            reserved_cpus: api::cpus(self.shared.borrow().ledger.total()),
            held_cpus: api::cpus(self.leases.held()),
            shared_cpus: api::cpus(self.leases.shared()),
            reservations: self.leases.len(),
            used_seconds_total: used + self.load.ended_use().as_secs_f64() + ended.observed_use.as_secs_f64(),
            missed_samples_total: sum(Entry::missed_total) + ended.missed,
            changes_total: sum(Entry::changes) + ended.changes,
            refusals_total: sum(Entry::refusals) + ended.refusals,
            sampler_cpu_ratio: f64::from(self.load.percent()) / 100.0,
            stretched,
            short_of_files,
        }
    }

    /// What all targets of this daemon have.
    pub fn reserved(&self) -> Bandwidth {
        self.shared.borrow().ledger.total()
    }
}
