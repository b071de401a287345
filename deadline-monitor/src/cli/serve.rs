//! `serve`: the daemon.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use deadline_monitor::serve::config::{Config, LogFormat, OnStart, OnStop, Tcp};

use super::Result;

/// What `serve` takes; each option wins over the configuration file.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Configuration file; /etc/deadline-monitor.toml if there is one.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The socket that clients on this machine connect to.
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// The directory of the state file.
    #[arg(long, value_name = "DIR")]
    state_directory: Option<PathBuf>,
    /// A TCP address besides the socket, such as 127.0.0.1:9470. One that other machines reach needs TLS and a token.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// File with the token that lets clients over TCP do everything.
    #[arg(long, value_name = "FILE", requires = "listen")]
    token_file: Option<PathBuf>,
    /// Certificate (PEM) for TCP.
    #[arg(long, value_name = "FILE", requires = "listen")]
    certificate: Option<PathBuf>,
    /// Private key (PEM) for TCP.
    #[arg(long, value_name = "FILE", requires = "listen")]
    key: Option<PathBuf>,
    /// What to do with targets that a killed run left.
    #[arg(long, value_enum)]
    on_start: Option<OnStartArg>,
    /// What to do with targets when it is stopped.
    #[arg(long, value_enum)]
    on_stop: Option<OnStopArg>,
    /// Log JSON objects instead of lines.
    #[arg(long)]
    log_json: bool,
    /// What to log, such as `info` or `deadline_monitor=debug,warn`.
    #[arg(long, value_name = "FILTER")]
    log: Option<String>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum OnStartArg {
    /// Monitor them again, with the budgets that they have.
    Resume,
    /// Schedule their threads as before.
    Restore,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum OnStopArg {
    /// Schedule their threads as before.
    Restore,
    /// Leave them their budgets; the next run goes on with them.
    Keep,
}

impl ServeArgs {
    fn config(&self) -> Result<Config> {
        let mut config = Config::load(self.config.as_deref())?;
        config.socket = self.socket.clone().unwrap_or(config.socket);
        config.state_directory = self.state_directory.clone().unwrap_or(config.state_directory);
        if let Some(listen) = self.listen {
            let (token_file, certificate) = (self.token_file.clone(), self.certificate.clone());
            config.tcp = Some(Tcp { listen, token_file, certificate, key: self.key.clone() });
        }
        match self.on_start {
            Some(OnStartArg::Resume) => config.recovery.on_start = OnStart::Resume,
            Some(OnStartArg::Restore) => config.recovery.on_start = OnStart::Restore,
            None => {}
        }
        match self.on_stop {
            Some(OnStopArg::Restore) => config.recovery.on_stop = OnStop::Restore,
            Some(OnStopArg::Keep) => config.recovery.on_stop = OnStop::Keep,
            None => {}
        }
        if self.log_json {
            config.log.format = LogFormat::Json;
        }
        config.log.filter = self.log.clone().unwrap_or(config.log.filter);
        Ok(config)
    }
}

/// Serves until it is told to stop.
pub(crate) fn run(args: &ServeArgs) -> Result<ExitCode> {
    deadline_monitor::serve::run(args.config()?)?;
    Ok(ExitCode::SUCCESS)
}
