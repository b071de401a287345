//! Changes to a monitor that is at work.

use super::{Clock, Error, Monitor, Options};
use crate::account::CpuAccounting;
use crate::budget::{Bandwidth, Policy, ReservationParams};
use crate::sched::{self, DeadlineScheduler, Tid};

impl<S: DeadlineScheduler, A: CpuAccounting, C: Clock> Monitor<S, A, C> {
    /// How the target is monitored.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// The threads that have a reservation, and which.
    pub fn threads(&self) -> impl Iterator<Item = (Tid, ReservationParams)> {
        self.tasks.iter().map(|(tid, task)| (*tid, task.params))
    }

    /// What the target's threads may have together from the next tick on.
    pub fn set_capacity(&mut self, capacity: Bandwidth) {
        self.options.capacity = capacity;
    }

    /// Goes on with other options. Threads keep their share of a CPU, in the new period; their policies begin anew.
    ///
    /// # Errors
    /// The policy's parameters are wrong, or the kernel refuses a thread its reservation in the new period; then all is
    /// as before.
    pub fn reconfigure(&mut self, options: Options) -> Result<(), ReconfigureError> {
        options.config.build(options.initial).map_err(Error::from)?;
        let reclaim = options.config.reclaims();
        let mut next: Vec<(Tid, ReservationParams, Box<dyn Policy>)> = Vec::new();
        for (tid, task) in &self.tasks {
            let params = rescaled(&task.params, &options).map_err(Error::from)?;
            let policy = options.config.build(params).map_err(Error::from)?;
            next.push((*tid, params, policy));
        }
        for (done, (tid, params, _)) in next.iter().enumerate() {
            if let Err(refused) = self.scheduler.reserve(*tid, params, reclaim) {
                if refused.rule == sched::Rule::Gone {
                    continue; // The next tick finds out.
                }
                self.take_back(next.get(..done).unwrap_or_default());
                return Err(refused.into());
            }
        }
        for (tid, params, policy) in next {
            if let Some(task) = self.tasks.get_mut(&tid) {
                (task.params, task.policy) = (params, policy);
            }
        }
        self.options = options;
        // What was refused before may be accepted now.
        self.rejected.clear();
        self.stale = true;
        Ok(())
    }

    fn take_back(&mut self, done: &[(Tid, ReservationParams, Box<dyn Policy>)]) {
        let reclaim = self.options.config.reclaims();
        for (tid, ..) in done {
            if let Some(task) = self.tasks.get(tid) {
                // It had this a moment ago; if another took the bandwidth meanwhile the new one is as large.
                let _ = self.scheduler.reserve(*tid, &task.params, reclaim);
            }
        }
    }
}

/// Why a monitor goes on as before.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReconfigureError {
    /// The options.
    #[error(transparent)]
    Options(#[from] Error),
    /// The kernel.
    #[error(transparent)]
    Refused(#[from] sched::Error),
}

/// The same share of a CPU in the period of `options`, within its bounds.
fn rescaled(
    params: &ReservationParams,
    options: &Options,
) -> Result<ReservationParams, crate::budget::ConfigError> {
    let bounds = options.config.bounds(options.initial.period())?;
    let runtime = bounds.clamp(params.bandwidth().runtime_in(options.initial.period()));
    Ok(options.initial.with_runtime(runtime)?)
}
