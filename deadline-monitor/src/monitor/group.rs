//! The loop for a whole control group: one budget for all of its tasks.

use std::time::Duration;

use super::{Clock, Outcome};
use crate::account::{self, GroupCpu, GroupTime};
use crate::actuator::{self, GroupActuator};
use crate::budget::{ConfigError, Policy, PolicyConfig, Sample};

/// What a round did.
#[derive(Debug)]
pub struct GroupReport {
    /// When, by the monitor's clock.
    pub at: Duration,
    /// c: CPU time that the group used in one period, over all CPUs.
    pub executed: Duration,
    /// Q from now on, over all CPUs.
    pub budget: Duration,
    /// Whether the group wanted more than it had.
    pub saturated: bool,
    /// What became of the budget.
    pub outcome: Outcome,
    /// What was measured, since the round before.
    pub sample: Sample,
    /// Why the budget was not set.
    pub refused: Option<actuator::Error>,
}

/// Why a round was not possible.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GroupError {
    /// The group's CPU time is not known; most often it has ended.
    #[error(transparent)]
    Account(#[from] account::Error),
    /// The policy.
    #[error("The policy's parameters are wrong")]
    Config(#[from] ConfigError),
    /// The first budget was refused.
    #[error(transparent)]
    Actuator(#[from] actuator::Error),
}

/// Monitors one group. When it goes away the group has its old limits again.
#[derive(Debug)]
pub struct GroupMonitor<C: Clock> {
    actuator: Option<Box<dyn GroupActuator>>,
    account: GroupCpu,
    policy: Box<dyn Policy>,
    clock: C,
    runtime: Duration,
    period: Duration,
    last: GroupTime,
    at: Duration,
}

impl<C: Clock> GroupMonitor<C> {
    /// Sets the first budget, `runtime` in each `period`, for a group that may run on so many CPUs. Without an actuator
    /// it only observes.
    ///
    /// # Errors
    /// The parameters are wrong, the group cannot be read, or its budget cannot be set.
    pub fn new(
        config: &PolicyConfig,
        (runtime, period, cpus): (Duration, Duration, u32),
        account: GroupCpu,
        mut actuator: Option<Box<dyn GroupActuator>>,
        mut clock: C,
    ) -> Result<GroupMonitor<C>, GroupError> {
        let policy = config.build_for_group(runtime, period, cpus)?;
        let runtime = config.bounds_for_group(period, cpus)?.clamp(runtime);
        if let Some(actuator) = &mut actuator {
            actuator.set(runtime)?;
        }
        let (last, at) = (account.read()?, clock.now());
        Ok(GroupMonitor { actuator, account, policy, clock, runtime, period, last, at })
    }

    /// Samples the group once and sets its budget.
    ///
    /// # Errors
    /// The group has ended or cannot be read.
    pub fn tick(&mut self) -> Result<GroupReport, GroupError> {
        let (time, now) = (self.account.read()?, self.clock.now());
        let sample = self.sample(time, now);
        (self.last, self.at) = (time, now);
        let decision = self.policy.step(&sample);
        let (mut outcome, mut refused) = (Outcome::Kept, None);
        if decision.changed && decision.runtime != self.runtime {
            match self.actuator.as_mut().map_or(Ok(()), |actuator| actuator.set(decision.runtime)) {
                Ok(()) => (outcome, self.runtime) = (Outcome::Changed, decision.runtime),
                Err(error) => (outcome, refused) = (Outcome::Refused, Some(error)),
            }
            self.policy.granted(self.runtime);
        }
        let executed = sample.per_period(self.period).executed;
        let (budget, saturated) = (self.runtime, decision.saturated);
        Ok(GroupReport { at: now, executed, budget, saturated, outcome, sample, refused })
    }

    /// A group that is only observed is never throttled by us.
    fn sample(&self, time: GroupTime, now: Duration) -> Sample {
        let throttled =
            time.throttled.zip(self.last.throttled).map(|(now, before)| now.saturating_sub(before));
        Sample {
            executed: time.executed.saturating_sub(self.last.executed),
            throttled: if self.actuator.is_some() { throttled } else { Some(Duration::ZERO) },
            interval: now.saturating_sub(self.at),
        }
    }

    /// Puts the group's old limits back.
    ///
    /// # Errors
    /// The kernel refuses, or the group is gone.
    pub fn release(&mut self) -> Result<(), actuator::Error> {
        self.actuator.take().map_or(Ok(()), |mut actuator| actuator.restore())
    }
}

impl<C: Clock> Drop for GroupMonitor<C> {
    fn drop(&mut self) {
        // What is left to do here cannot be reported; `release` can.
        let _ = self.release();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::PolicyKind;
    use crate::cgroup::Group;
    use std::cell::Cell;
    use std::fs;
    use std::path::PathBuf;
    use std::rc::Rc;

    #[derive(Clone)]
    struct Hand(Rc<Cell<Duration>>);

    impl Clock for Hand {
        fn now(&mut self) -> Duration {
            self.0.get()
        }
    }

    /// A group of version 2 with these accounts.
    struct Stage {
        root: tempfile::TempDir,
        clock: Hand,
        usage_us: u64,
        throttled_us: u64,
    }

    impl Stage {
        fn new() -> Stage {
            let root = tempfile::tempdir().unwrap();
            let stage = Stage { root, clock: Hand(Rc::default()), usage_us: 0, throttled_us: 0 };
            fs::write(stage.max(), "max 100000\n").unwrap();
            stage.write();
            stage
        }

        fn max(&self) -> PathBuf {
            self.root.path().join("cpu.max")
        }

        fn write(&self) {
            let stat = format!("usage_usec {}\nthrottled_usec {}\n", self.usage_us, self.throttled_us);
            fs::write(self.root.path().join("cpu.stat"), stat).unwrap();
        }

        fn monitor(&self, cpus: u32, control: bool) -> GroupMonitor<Hand> {
            let group = Group::at(self.root.path());
            let period = Duration::from_millis(100);
            let actuator = control.then(|| actuator::Quota::open(&group, period).unwrap());
            let actuator = actuator.map(|quota| Box::new(quota) as Box<dyn GroupActuator>);
            let config = PolicyConfig::new(PolicyKind::Saturation);
            let initial = (Duration::from_millis(20), period, cpus);
            GroupMonitor::new(&config, initial, GroupCpu::open(&group).unwrap(), actuator, self.clock.clone())
                .unwrap()
        }

        fn pass(&mut self, monitor: &mut GroupMonitor<Hand>, used_ms: u64, throttled_ms: u64) -> GroupReport {
            self.clock.0.set(self.clock.0.get() + Duration::from_millis(100));
            self.usage_us += used_ms * 1_000;
            self.throttled_us += throttled_ms * 1_000;
            self.write();
            monitor.tick().unwrap()
        }
    }

    #[test]
    fn a_throttled_group_gets_more_up_to_all_its_cpus_and_its_old_limits_in_the_end() {
        let mut stage = Stage::new();
        let mut monitor = stage.monitor(2, true);
        let says = |stage: &Stage| fs::read_to_string(stage.max()).unwrap();
        assert!(says(&stage).starts_with("20000 100000"));
        let report = stage.pass(&mut monitor, 20, 90);
        assert!(report.saturated && report.budget == Duration::from_millis(40), "{report:?}");
        assert!(says(&stage).starts_with("40000 100000"));
        for _ in 0..3 {
            let used = u64::try_from(monitor.runtime.as_millis()).unwrap();
            stage.pass(&mut monitor, used, 90);
        }
        // 80 % of two CPUs.
        assert!(says(&stage).starts_with("160000 100000"), "{}", says(&stage));
        drop(monitor);
        assert!(says(&stage).starts_with("max 100000"));
    }

    #[test]
    fn an_observed_group_is_not_touched() {
        let mut stage = Stage::new();
        let mut monitor = stage.monitor(1, false);
        (0..3).for_each(|_| drop(stage.pass(&mut monitor, 50, 0)));
        let report = stage.pass(&mut monitor, 50, 0);
        assert_eq!(report.budget, Duration::from_millis(55));
        drop(monitor);
        assert_eq!(fs::read_to_string(stage.max()).unwrap(), "max 100000\n");
    }

    #[test]
    fn a_group_that_ends_ends_its_monitor() {
        let mut stage = Stage::new();
        let mut monitor = stage.monitor(1, true);
        stage.pass(&mut monitor, 5, 0);
        fs::write(stage.root.path().join("cpu.stat"), "").unwrap();
        assert!(matches!(monitor.tick(), Err(GroupError::Account(_))));
    }
}
