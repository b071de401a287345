//! Errors of the monitor.

/// Why a reservation was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The budget does not fit its period.
    #[error("Runtime of {runtime_ns} ns exceeds the period of {period_ns} ns")]
    RuntimeBeyondPeriod {
        /// Budget Q in nanoseconds.
        runtime_ns: u64,
        /// Period P in nanoseconds.
        period_ns: u64,
    },
}

#[cfg(test)]
mod tests {
    use super::Error;

    #[test]
    fn error_names_both_sides_of_the_broken_rule() {
        let error = Error::RuntimeBeyondPeriod { runtime_ns: 2, period_ns: 1 };
        assert_eq!(error.to_string(), "Runtime of 2 ns exceeds the period of 1 ns");
    }
}
