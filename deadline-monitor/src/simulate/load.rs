//! The loads of the simulator: how much CPU time each job takes.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A load by name; jobs are released once in a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Load {
    /// The same for each job.
    Constant(Duration),
    /// 10 ms, from 10 s to 20 s 30 ms, then 10 ms again.
    Step,
    /// Around 15 ms, lognormal with a sigma of 0.3.
    Lognormal,
    /// 20 ms for 3 s, nothing for 3 s.
    OnOff,
    /// Between 10 ms and 40 ms, in 10 s there and back.
    Sine,
}

impl Load {
    /// The six loads that policies are compared on.
    pub const SIX: [Load; 6] = [
        Load::Constant(Duration::from_millis(10)),
        Load::Constant(Duration::from_millis(20)),
        Load::Step,
        Load::Lognormal,
        Load::OnOff,
        Load::Sine,
    ];

    /// CPU time of the job that is released at `release`, the `number`th; the same for the same arguments.
    pub fn work(self, number: u64, release: Duration) -> Duration {
        let seconds = release.as_secs_f64();
        let ms = match self {
            Load::Constant(work) => return work,
            Load::Step if (10.0..20.0).contains(&seconds) => 30.0,
            Load::Step => 10.0,
            Load::Lognormal => 15.0 * (0.3 * normal(number)).exp(),
            Load::OnOff if (release.as_secs() / 3).is_multiple_of(2) => 20.0,
            Load::OnOff => 0.0,
            Load::Sine => 25.0 - 15.0 * (seconds / 10.0 * std::f64::consts::TAU).cos(),
        };
        Duration::from_secs_f64(ms / 1_000.0)
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Load::Constant(work) => write!(f, "constant {work:?}"),
            Load::Step => f.write_str("step"),
            Load::Lognormal => f.write_str("lognormal"),
            Load::OnOff => f.write_str("on-off"),
            Load::Sine => f.write_str("sine"),
        }
    }
}

/// A name that no load has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "There is no load {0}; there are step, lognormal, on-off, sine, and a number of milliseconds for each job"
)]
pub struct UnknownLoad(String);

impl FromStr for Load {
    type Err = UnknownLoad;

    fn from_str(name: &str) -> Result<Load, UnknownLoad> {
        let named = [Load::Step, Load::Lognormal, Load::OnOff, Load::Sine];
        let named = named.into_iter().find(|load| load.to_string() == name);
        let constant = || name.parse().ok().map(|ms| Load::Constant(Duration::from_millis(ms)));
        named.or_else(constant).ok_or_else(|| UnknownLoad(name.to_owned()))
    }
}

/// A normally distributed number for each `number`: twelve uniform ones, added (Irwin-Hall).
fn normal(number: u64) -> f64 {
    (0..12).map(|part| uniform(number * 12 + part)).sum::<f64>() - 6.0
}

/// A number in [0, 1) for each `number` (SplitMix64).
fn uniform(number: u64) -> f64 {
    let mut z = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    let bits = u32::try_from((z ^ (z >> 31)) >> 32).unwrap_or(u32::MAX);
    f64::from(bits) / (f64::from(u32::MAX) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loads_are_found_by_name_and_errors_list_them() {
        assert_eq!("on-off".parse(), Ok(Load::OnOff));
        assert_eq!("20".parse(), Ok(Load::Constant(Duration::from_millis(20))));
        assert!("square".parse::<Load>().unwrap_err().to_string().contains("step, lognormal"));
    }

    #[test]
    fn the_random_load_has_its_median_and_its_spread() {
        let mut ms: Vec<_> =
            (0..10_000).map(|k| Load::Lognormal.work(k, Duration::ZERO).as_secs_f64() * 1e3).collect();
        ms.sort_by(f64::total_cmp);
        let sigma = (ms[8_413] / ms[5_000]).ln();
        assert!((ms[5_000] - 15.0).abs() < 0.3 && (sigma - 0.3).abs() < 0.02, "{} {sigma}", ms[5_000]);
    }
}
