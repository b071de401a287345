//! Options that the commands share.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use deadline_monitor::budget::{PolicyConfig, PolicyKind, Ratio, ReservationParams};
use deadline_monitor::machine::{Machine, online_cpus};
use deadline_monitor::monitor::Options;
use deadline_monitor::serve::api::Settings;
use humantime::parse_duration;

use super::Result;
use super::set::{nanos, policy_name};

/// How budgets are found.
#[derive(Debug, Args)]
pub(crate) struct PolicyArgs {
    /// How the budget is found: saturation, seed (the source document's), percentile, pi, static.
    #[arg(long, default_value_t = PolicyKind::Saturation)]
    policy: PolicyKind,
    /// P: the period of the reservation.
    #[arg(long, value_parser = parse_duration, default_value = "100ms", value_name = "TIME")]
    period: Duration,
    /// Q: the first budget; a tenth of the period unless given.
    #[arg(long, value_parser = parse_duration, value_name = "TIME")]
    initial: Option<Duration>,
    /// T: the time between two samples; the policy's own unless given.
    #[arg(long, value_parser = parse_duration, value_name = "TIME")]
    sampling: Option<Duration>,
    /// N: how many samples are remembered.
    #[arg(long)]
    window: Option<usize>,
    /// ovh: percent of the demand that the budget has above it.
    #[arg(long, value_name = "PERCENT")]
    overhead: Option<u32>,
    /// Percent of the period that the budget never exceeds.
    #[arg(long, value_name = "PERCENT")]
    cap: Option<u32>,
    /// The least budget.
    #[arg(long, value_parser = parse_duration, value_name = "TIME")]
    floor: Option<Duration>,
    /// Changes below this percentage of the budget are not made (saturation, percentile, pi).
    #[arg(long, value_name = "PERCENT")]
    dead_band: Option<u32>,
    /// Which percentile of the demand (percentile).
    #[arg(long, value_name = "PERCENT")]
    percentile: Option<u32>,
}

impl PolicyArgs {
    /// The policy's parameters.
    pub(crate) fn config(&self) -> PolicyConfig {
        let mut config = PolicyConfig::new(self.policy);
        config.window = self.window.unwrap_or(config.window);
        config.overhead = self.overhead.map_or(config.overhead, Ratio::percent);
        config.cap = self.cap.map_or(config.cap, Ratio::percent);
        config.floor = self.floor.unwrap_or(config.floor);
        config.dead_band = self.dead_band.map_or(config.dead_band, Ratio::percent);
        config.percentile = self.percentile.map_or(config.percentile, Ratio::percent);
        config
    }

    /// The first reservation, within the limits of this machine.
    pub(crate) fn initial(&self) -> Result<ReservationParams> {
        let runtime = self.initial.unwrap_or(self.period / 10);
        Ok(ReservationParams::within(runtime, self.period, self.period, &machine().limits)?)
    }

    /// The time between two samples: at least the period, because a shorter one measures parts of jobs.
    pub(crate) fn sampling(&self) -> Result<Duration> {
        let sampling = self.sampling.unwrap_or_else(|| self.config().sampling(self.period));
        if sampling < self.period {
            let (sampling, period) = (sampling, self.period);
            return Err(format!("A sampling time of {sampling:?} is below the period of {period:?}").into());
        }
        Ok(sampling)
    }

    /// The same for the daemon.
    pub(crate) fn settings(&self) -> Result<Settings> {
        Ok(Settings {
            policy: Some(policy_name(self.policy)?),
            period_ns: Some(nanos(self.period)),
            initial_ns: self.initial.map(nanos),
            sampling_ns: self.sampling.map(nanos),
            window: self.window.map(u32::try_from).transpose()?,
            overhead_percent: self.overhead.map(f64::from),
            cap_percent: self.cap.map(f64::from),
            ..Settings::default()
        })
    }

    /// What a monitor of this machine's threads needs.
    pub(crate) fn monitor(&self) -> Result<Options> {
        let (config, initial) = (self.config(), self.initial()?);
        Ok(Options { config, initial, capacity: machine().capacity(), procfs: PathBuf::from("/proc") })
    }
}

/// This machine's limits.
pub(crate) fn machine() -> Machine {
    let cpus = online_cpus().len().max(1);
    Machine::read("/proc".as_ref(), u64::try_from(cpus).unwrap_or(u64::MAX))
}
