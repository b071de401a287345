//! Clocks: one that never steps for everything that is measured, and the wall clock for people.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::time::{ClockId, clock_gettime};

use crate::monitor::Clock;

/// The sampler's clocks. [`Clock::now`] counts from when the machine started and never steps.
pub trait Clocks: Clock + Clone {
    /// Milliseconds since 1970. It may step in either direction, so nothing is decided by it.
    fn wall_unix_ms(&mut self) -> u64;
}

/// The kernel's clocks.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClocks;

impl Clock for SystemClocks {
    /// CLOCK_MONOTONIC: it stands still while the machine is suspended, and so do the tasks that are measured.
    fn now(&mut self) -> Duration {
        // The clock exists on every Linux.
        clock_gettime(ClockId::CLOCK_MONOTONIC).map(Duration::from).unwrap_or_default()
    }
}

impl Clocks for SystemClocks {
    fn wall_unix_ms(&mut self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}
