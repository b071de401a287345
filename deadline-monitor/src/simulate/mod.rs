//! A deterministic discrete-event simulator: the policies against a model of the kernel's server.
//!
//! Each task is simulated for itself: its CPU is free whenever its server lets it run, as earliest-deadline-first
//! grants to reservations that the kernel admitted. Ticks and other tasks are not modelled; unused bandwidth is lent
//! as by the kernel's GRUB when the policy asks for it.

mod load;
mod server;

pub use load::{Load, UnknownLoad};

use std::time::Duration;

use crate::budget::{Policy, PolicyConfig, Ratio, ReservationParams, Sample};
use crate::trace::{Setting, Trace};
use server::Server;

/// One task and how it is watched.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// The first reservation.
    pub initial: ReservationParams,
    /// T: the time between two samples; none is taken if it is zero.
    pub sampling: Duration,
    /// How long.
    pub length: Duration,
    /// What the task does.
    pub load: Load,
    /// The bandwidth of others on the CPU, if unused bandwidth is lent.
    pub reclaim: Option<Ratio>,
}

/// The part of a CPU that belongs to others and is not lent, in [`Scenario::usual`].
const OTHERS: Ratio = Ratio::percent(50);

impl Scenario {
    /// A task watched as the policy is meant to: sampling period and lending are the policy's own.
    pub fn usual(
        config: &PolicyConfig,
        initial: ReservationParams,
        load: Load,
        length: Duration,
    ) -> Scenario {
        let sampling = config.sampling(initial.period());
        Scenario { initial, sampling, length, load, reclaim: config.reclaims().then_some(OTHERS) }
    }
}

/// Runs the scenario under `policy`; the same arguments give the same trace.
pub fn simulate(scenario: &Scenario, policy: &mut dyn Policy) -> Trace {
    let (runtime, period) = (scenario.initial.runtime(), scenario.initial.period());
    let mut server = Server::new(runtime, period, scenario.reclaim);
    let mut settings = vec![Setting { at: Duration::ZERO, runtime }];
    let (mut release, mut sample, mut number) = (Duration::ZERO, next(Duration::ZERO, scenario.sampling), 0);
    let mut before = (Duration::ZERO, Duration::ZERO);
    while release.min(sample) < scenario.length {
        server.advance(release.min(sample));
        if sample <= release {
            let decision = policy.step(&reading(&server, before, scenario.sampling));
            before = (server.executed, server.waited);
            if decision.changed {
                server.set_runtime(decision.runtime);
                settings.push(Setting { at: sample, runtime: decision.runtime });
            }
            sample = next(sample, scenario.sampling);
        } else {
            server.release(scenario.load.work(number, release));
            (number, release) = (number + 1, release + period);
        }
    }
    server.advance(scenario.length);
    let (length, executed, overdue) = (scenario.length, server.executed, server.overdue());
    Trace { period, length, executed, jobs: server.ended, overdue, settings }
}

/// The next multiple of `sampling`; never, if it is zero.
fn next(now: Duration, sampling: Duration) -> Duration {
    if sampling.is_zero() { Duration::MAX } else { now.saturating_add(sampling) }
}

fn reading(server: &Server, before: (Duration, Duration), interval: Duration) -> Sample {
    Sample { executed: server.executed - before.0, throttled: Some(server.waited - before.1), interval }
}

#[cfg(test)]
mod tests;
