//! Fractions without floating point.

use core::fmt;
use core::time::Duration;

/// A fraction in parts per million, such as the overhead `ovh` or a cap of the period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ratio(u32);

impl Ratio {
    /// One.
    pub const ONE: Ratio = Ratio(Self::PARTS);
    const PARTS: u32 = 1_000_000;

    /// So many hundredths.
    pub const fn percent(percent: u32) -> Ratio {
        Ratio(percent.saturating_mul(Self::PARTS / 100))
    }

    /// So many millionths.
    pub const fn ppm(parts: u32) -> Ratio {
        Ratio(parts)
    }

    /// In millionths.
    pub const fn as_ppm(self) -> u32 {
        self.0
    }

    /// This fraction of `duration`, at most [`Duration::MAX`].
    pub fn of(self, duration: Duration) -> Duration {
        self.times(duration, 1)
    }

    /// `duration * self * factor`, at most [`Duration::MAX`].
    pub fn times(self, duration: Duration, factor: u32) -> Duration {
        let scale = u64::from(self.0) * u64::from(factor);
        scaled(duration, scale, u64::from(Self::PARTS))
    }
}

/// `duration * by / of`, rounded down, at most `u64::MAX` nanoseconds; nothing if `of` is 0.
///
/// Products of usual times fit 64 bits, whose division is many times faster.
pub(super) fn scaled(duration: Duration, by: u64, of: u64) -> Duration {
    if by == of {
        return if of == 0 { Duration::ZERO } else { duration };
    }
    match as_nanos(duration).checked_mul(by) {
        Some(product) => Duration::from_nanos(product.checked_div(of).unwrap_or(0)),
        None => {
            let product = duration.as_nanos().saturating_mul(u128::from(by));
            nanos(product.checked_div(u128::from(of)).unwrap_or(0))
        }
    }
}

/// Whether `scaled(duration, by, of)` is at least `least`, found without a division.
pub(super) fn reaches(duration: Duration, by: u64, of: u64, least: Duration) -> bool {
    if of == 0 {
        return least.is_zero();
    }
    u128::from(as_nanos(duration)) * u128::from(by) >= u128::from(as_nanos(least)) * u128::from(of)
}

/// Its nanoseconds, at most `u64::MAX`.
pub(super) fn as_nanos(duration: Duration) -> u64 {
    let seconds = duration.as_secs().checked_mul(1_000_000_000);
    let whole = seconds.and_then(|nanos| nanos.checked_add(u64::from(duration.subsec_nanos())));
    whole.unwrap_or(u64::MAX)
}

/// So many nanoseconds, at most `u64::MAX` of them (584 years).
pub(super) fn nanos(nanos: u128) -> Duration {
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / 10_000, self.0 % 10_000);
        if rest == 0 { write!(f, "{whole} %") } else { write!(f, "{whole}.{rest:04} %") }
    }
}
