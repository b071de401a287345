//! How a target is monitored, as it is asked for and as it is in force.

use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Failure, nanos};
use crate::budget::{Bandwidth, PolicyConfig, PolicyKind, Ratio, ReservationParams};
use crate::machine::Machine;
use crate::monitor::Options;

/// How budgets are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum PolicyName {
    /// The source document's Figure 23.
    Seed,
    /// The default.
    #[default]
    Saturation,
    /// A percentile of the recent demand.
    Percentile,
    /// A controller.
    Pi,
    /// The first budget for ever.
    Static,
}

impl From<PolicyName> for PolicyKind {
    fn from(name: PolicyName) -> PolicyKind {
        match name {
            PolicyName::Seed => PolicyKind::Seed,
            PolicyName::Saturation => PolicyKind::Saturation,
            PolicyName::Percentile => PolicyKind::Percentile,
            PolicyName::Pi => PolicyKind::Pi,
            PolicyName::Static => PolicyKind::Static,
        }
    }
}

/// What is done with budgets that were found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// They are set.
    #[default]
    Control,
    /// They are only told; the threads are not touched.
    Observe,
}

/// How a target shall be monitored. What is not given has its default, or in a change stays as it is.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// How budgets are found; `saturation` by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyName>,
    /// Whether budgets are set or only told; `control` by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// P in nanoseconds; 100 ms by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period_ns: Option<u64>,
    /// D in nanoseconds; the period by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline_ns: Option<u64>,
    /// Q at first, in nanoseconds; a tenth of the period by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initial_ns: Option<u64>,
    /// T in nanoseconds, at least the period; the policy's own by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sampling_ns: Option<u64>,
    /// N: how many samples are remembered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<u32>,
    /// ovh: what a budget has above the demand, in percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1000)]
    pub overhead_percent: Option<f64>,
    /// Smaller changes of a budget are not made, in percent of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1000)]
    pub dead_band_percent: Option<f64>,
    /// Which percentile of the demand the policy `percentile` takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1000)]
    pub percentile: Option<f64>,
    /// Least budget in nanoseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub floor_ns: Option<u64>,
    /// Largest budget in percent of the period.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1000)]
    pub cap_percent: Option<f64>,
    /// Part of what is scarce, relative to other targets; 1 by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<u32>,
}

/// Settings with every default filled in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Effective {
    /// How budgets are found.
    pub policy: PolicyName,
    /// Whether budgets are set or only told.
    pub mode: Mode,
    /// P in nanoseconds.
    pub period_ns: u64,
    /// D in nanoseconds.
    pub deadline_ns: u64,
    /// Q at first, in nanoseconds.
    pub initial_ns: u64,
    /// T in nanoseconds.
    pub sampling_ns: u64,
    /// N.
    pub window: u64,
    /// ovh in percent.
    pub overhead_percent: f64,
    /// Largest budget in percent of the period.
    pub cap_percent: f64,
    /// Least budget in nanoseconds.
    pub floor_ns: u64,
    /// Part of what is scarce.
    pub weight: u32,
}

/// Settings checked against a machine.
#[derive(Debug, Clone)]
pub(crate) struct Resolved {
    pub(crate) options: Options,
    pub(crate) sampling: Duration,
    pub(crate) weight: u32,
    pub(crate) mode: Mode,
    pub(crate) effective: Effective,
}

const PERIOD: Duration = Duration::from_millis(100);
/// A target whose part of what is scarce were larger would leave nothing to the others.
const WEIGHT_MAX: u32 = 1_000;
/// Nobody waits longer for a sample.
const SAMPLING_MAX: Duration = Duration::from_secs(3_600);

impl Settings {
    /// These settings, with what `change` gives in their place.
    #[must_use]
    pub fn changed(&self, change: &Settings) -> Settings {
        Settings {
            policy: change.policy.or(self.policy),
            mode: change.mode.or(self.mode),
            period_ns: change.period_ns.or(self.period_ns),
            deadline_ns: change.deadline_ns.or(self.deadline_ns),
            initial_ns: change.initial_ns.or(self.initial_ns),
            sampling_ns: change.sampling_ns.or(self.sampling_ns),
            window: change.window.or(self.window),
            overhead_percent: change.overhead_percent.or(self.overhead_percent),
            dead_band_percent: change.dead_band_percent.or(self.dead_band_percent),
            percentile: change.percentile.or(self.percentile),
            floor_ns: change.floor_ns.or(self.floor_ns),
            cap_percent: change.cap_percent.or(self.cap_percent),
            weight: change.weight.or(self.weight),
        }
    }

    /// What these settings come to on a machine.
    ///
    /// # Errors
    /// The rule that is broken.
    pub fn check(&self, machine: &Machine) -> Result<Effective, Failure> {
        Ok(self.resolve(machine, Path::new("/proc"))?.effective)
    }

    fn config(&self) -> Result<PolicyConfig, Failure> {
        let mut config = PolicyConfig::new(self.policy.unwrap_or_default().into());
        if let Some(window) = self.window {
            config.window = usize::try_from(window).unwrap_or(usize::MAX);
        }
        config.overhead = ratio("overhead_percent", self.overhead_percent, config.overhead)?;
        config.dead_band = ratio("dead_band_percent", self.dead_band_percent, config.dead_band)?;
        config.percentile = ratio("percentile", self.percentile, config.percentile)?;
        config.cap = ratio("cap_percent", self.cap_percent, config.cap)?;
        config.floor = self.floor_ns.map_or(config.floor, Duration::from_nanos);
        Ok(config)
    }

    /// Checks everything that can be checked without the target.
    pub(crate) fn resolve(&self, machine: &Machine, procfs: &Path) -> Result<Resolved, Failure> {
        let config = self.config()?;
        let period = self.period_ns.map_or(PERIOD, Duration::from_nanos);
        let deadline = self.deadline_ns.map_or(period, Duration::from_nanos);
        let runtime = self.initial_ns.map_or((period / 10).min(deadline), Duration::from_nanos);
        let initial = ReservationParams::within(runtime, deadline, period, &machine.limits)?;
        config.build(initial)?;
        let sampling = self.sampling_ns.map_or_else(|| config.sampling(period), Duration::from_nanos);
        if !(period..=SAMPLING_MAX).contains(&sampling) {
            let rule = format!(
                "A sampling time of {sampling:?} is not between the period of {period:?} and an hour"
            );
            return Err(Failure::argument(rule));
        }
        let weight = self.weight.unwrap_or(1);
        if !(1..=WEIGHT_MAX).contains(&weight) {
            return Err(Failure::argument(format!("A weight of {weight} is not between 1 and {WEIGHT_MAX}")));
        }
        let mode = self.mode.unwrap_or_default();
        let effective = Effective {
            policy: self.policy.unwrap_or_default(),
            mode,
            period_ns: nanos(period),
            deadline_ns: nanos(deadline),
            initial_ns: nanos(runtime),
            sampling_ns: nanos(sampling),
            window: u64::try_from(config.window).unwrap_or(u64::MAX),
            overhead_percent: percent(config.overhead),
            cap_percent: percent(config.cap),
            floor_ns: nanos(config.floor),
            weight,
        };
        let options =
            Options { config, initial, capacity: Bandwidth::from_units(u64::MAX), procfs: procfs.to_owned() };
        Ok(Resolved { options, sampling, weight, mode, effective })
    }
}

fn percent(ratio: Ratio) -> f64 {
    f64::from(ratio.as_ppm()) / 1e4
}

fn ratio(name: &str, percent: Option<f64>, usual: Ratio) -> Result<Ratio, Failure> {
    match percent {
        None => Ok(usual),
        // `contains` is false for what is no number.
        Some(percent) if (0.0..=1_000.0).contains(&percent) =>
        {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 10^7 fits")]
            Ok(Ratio::ppm((percent * 1e4).round() as u32))
        }
        Some(percent) => Err(Failure::argument(format!("{name} of {percent} is not between 0 and 1000"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(json: &str) -> Result<Resolved, String> {
        let settings: Settings = serde_json::from_str(json).map_err(|error| error.to_string())?;
        let machine = Machine { share: None, ..Machine::read("/nonexistent".as_ref(), 2) };
        settings.resolve(&machine, "/proc".as_ref()).map_err(|failure| failure.detail)
    }

    #[test]
    fn everything_has_a_default_and_what_is_given_counts() {
        let effective = resolve("{}").unwrap().effective;
        assert_eq!((effective.policy, effective.period_ns), (PolicyName::Saturation, 100_000_000));
        assert_eq!((effective.initial_ns, effective.cap_percent), (10_000_000, 80.0));
        let resolved =
            resolve(r#"{"policy":"seed","period_ns":10000000,"overhead_percent":2.5,"weight":3}"#).unwrap();
        assert_eq!(resolved.sampling, Duration::from_millis(50));
        assert_eq!((resolved.options.config.overhead, resolved.weight), (Ratio::ppm(25_000), 3));
    }

    #[test]
    fn each_wrong_value_is_refused_by_its_rule() {
        for (json, rule) in [
            (r#"{"policy":"pid"}"#, "unknown variant `pid`"),
            (r#"{"periodns":1}"#, "unknown field `periodns`"),
            (r#"{"period_ns":1}"#, "Runtime of 0ns is below"),
            (r#"{"period_ns":5000000000}"#, "Period of 5s is not between"),
            (r#"{"initial_ns":200000000}"#, "Runtime of 200ms exceeds the deadline"),
            (r#"{"deadline_ns":200000000}"#, "Deadline of 200ms exceeds the period"),
            (r#"{"sampling_ns":50000000}"#, "A sampling time of 50ms is not between"),
            (r#"{"window":0}"#, "A window of 0 samples"),
            (r#"{"overhead_percent":0}"#, "An overhead of nothing"),
            (r#"{"overhead_percent":-1}"#, "overhead_percent of -1 is not between"),
            (r#"{"cap_percent":101}"#, "A cap of 101 % is above"),
            (r#"{"percentile":0}"#, "A percentile of 0 % is not"),
            (r#"{"floor_ns":90000000}"#, "The least budget, 90ms, is above the largest, 80ms"),
            (r#"{"weight":0}"#, "A weight of 0 is not between"),
        ] {
            let refusal = resolve(json).map(|_| ()).unwrap_err();
            assert!(refusal.contains(rule), "{json}: {refusal}");
        }
    }

    #[test]
    fn a_change_keeps_what_it_does_not_name() {
        let before: Settings = serde_json::from_str(r#"{"policy":"seed","weight":3}"#).unwrap();
        let change: Settings = serde_json::from_str(r#"{"weight":4,"window":9}"#).unwrap();
        let after = before.changed(&change);
        assert_eq!((after.policy, after.weight, after.window), (Some(PolicyName::Seed), Some(4), Some(9)));
    }
}
