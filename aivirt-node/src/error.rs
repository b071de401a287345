//! Errors of the aggregator.

/// Why the node's view is incomplete.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A layer's daemon does not answer.
    #[error("{daemon} does not answer")]
    DaemonSilent {
        /// Name of the daemon.
        daemon: &'static str,
    },
}

#[cfg(test)]
mod tests {
    use super::Error;

    #[test]
    fn error_names_the_daemon() {
        assert_eq!(Error::DaemonSilent { daemon: "vmand" }.to_string(), "vmand does not answer");
    }
}
