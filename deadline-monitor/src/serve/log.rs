//! Logs on the standard error output, for people or for machines.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

use super::Error;
use super::config::{Log, LogFormat};

/// Starts logging for the whole process.
pub(super) fn start(log: &Log) -> Result<(), Error> {
    let wrong = |reason: String| Error::Log { filter: log.filter.clone(), reason };
    let filter = EnvFilter::try_new(&log.filter).map_err(|error| wrong(error.to_string()))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match log.format {
        LogFormat::Text => builder.with_ansi(std::io::stderr().is_terminal()).with_target(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    started.map_err(|error| wrong(error.to_string()))
}
