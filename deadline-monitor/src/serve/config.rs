//! Configuration: a TOML file in which everything has a default.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::budget::Bandwidth;
use crate::machine::Machine;

/// Where the file is looked for when none is named; it need not exist.
pub const DEFAULT_PATH: &str = "/etc/deadline-monitor.toml";
/// Where clients find the daemon.
pub const DEFAULT_SOCKET: &str = "/run/deadline-monitor/deadline-monitor.sock";

/// Everything that can be configured.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The socket that clients on this machine connect to.
    pub socket: PathBuf,
    /// Permissions of the socket: who may connect. Whoever may manages their own threads only.
    pub socket_mode: u32,
    /// The group that the socket belongs to.
    pub group: Option<String>,
    /// Members of this group may do everything, as root may.
    pub admin_group: Option<String>,
    /// The directory of the state file.
    pub state_directory: PathBuf,
    /// What happens with what an earlier run left, and with what this one leaves.
    pub recovery: Recovery,
    /// A TCP address besides the socket.
    pub tcp: Option<Tcp>,
    /// Limits.
    pub limits: Limits,
    /// Logs.
    pub log: Log,
}

/// TCP.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tcp {
    /// Address and port. One that other machines reach needs `certificate`, `key` and `token_file`.
    pub listen: SocketAddr,
    /// File whose first line is the token that lets a client do everything. Without a token clients on loopback may read.
    #[serde(default)]
    pub token_file: Option<PathBuf>,
    /// The server's certificate and those between it and the root, as PEM.
    #[serde(default)]
    pub certificate: Option<PathBuf>,
    /// Its private key, as PEM.
    #[serde(default)]
    pub key: Option<PathBuf>,
}

/// Beginning and end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Recovery {
    /// What happens at the start with targets that a killed run left.
    pub on_start: OnStart,
    /// What happens with targets when the daemon is stopped.
    pub on_stop: OnStop,
}

/// What happens with targets that a killed run left.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OnStart {
    /// They are monitored again, with the budgets that they have.
    #[default]
    Resume,
    /// Their threads are scheduled as before.
    Restore,
}

/// What happens with targets when the daemon is stopped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OnStop {
    /// Their threads are scheduled as before.
    #[default]
    Restore,
    /// They keep their budgets, and the next run goes on with them: for an update of the daemon.
    Keep,
}

/// Limits that keep one client from hurting the others.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Targets in all.
    pub targets: usize,
    /// Targets of one user who is not privileged.
    pub targets_per_user: usize,
    /// What the threads of one such user may have together, in percent of what the machine admits.
    pub share_per_user_percent: u32,
    /// Reservations of `/v1/admission` of one such user.
    pub reservations_per_user: usize,
    /// Connections at a time.
    pub connections: usize,
    /// Connections at a time of one user who is not privileged.
    pub connections_per_user: usize,
    /// Largest body of a request.
    pub body_bytes: usize,
    /// How long a client may take to send a request, and the daemon to answer it.
    pub request_timeout_ms: u64,
    /// Samples of each target that are remembered.
    pub history: usize,
    /// Events that are remembered.
    pub events: usize,
    /// Files that the daemon keeps open for threads; found out from the process's limit.
    #[serde(skip)]
    pub files: usize,
}

/// Logs go to the standard error output.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// Lines for people or JSON objects for machines.
    pub format: LogFormat,
    /// Filter in the notation of the `tracing` crates, `info` or `deadline_monitor=debug,warn`.
    pub filter: String,
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// The rule that a configuration breaks.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("Cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file is no configuration.
    #[error("{} is not right", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Where and why.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// Other machines could reach the daemon.
    #[error(
        "{0} can be reached from other machines: that needs TLS (certificate, key) and a token (token_file)"
    )]
    Exposed(SocketAddr),
    /// Half of TLS.
    #[error("TLS needs both certificate and key")]
    HalfTls,
    /// A limit that nothing could live with.
    #[error("limits.{name} is {value}, which is not between {least} and {most}")]
    Limit {
        /// Which.
        name: &'static str,
        /// Its value.
        value: u64,
        /// Least.
        least: u64,
        /// Most.
        most: u64,
    },
}

impl Default for Config {
    fn default() -> Config {
        Config {
            socket: DEFAULT_SOCKET.into(),
            socket_mode: 0o660,
            group: None,
            admin_group: None,
            state_directory: "/var/lib/deadline-monitor".into(),
            recovery: Recovery::default(),
            tcp: None,
            limits: Limits::default(),
            log: Log::default(),
        }
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            targets: 20_000,
            targets_per_user: 64,
            share_per_user_percent: 50,
            reservations_per_user: 16,
            connections: 256,
            connections_per_user: 32,
            body_bytes: 64 << 10,
            request_timeout_ms: 10_000,
            history: 600,
            events: 1_024,
            files: 256,
        }
    }
}

impl Default for Log {
    fn default() -> Log {
        Log { format: LogFormat::Text, filter: "info".to_owned() }
    }
}

impl Config {
    /// Reads `path`, or the usual file if there is one.
    ///
    /// # Errors
    /// The file cannot be read, or is not right.
    pub fn load(path: Option<&Path>) -> Result<Config, ConfigError> {
        let named = path.unwrap_or(Path::new(DEFAULT_PATH));
        match fs::read_to_string(named) {
            Ok(text) => Config::parse(named, &text),
            Err(error) if path.is_none() && error.kind() == io::ErrorKind::NotFound => Ok(Config::default()),
            Err(source) => Err(ConfigError::Read { path: named.into(), source }),
        }
    }

    fn parse(path: &Path, text: &str) -> Result<Config, ConfigError> {
        let wrong = |source| ConfigError::Parse { path: path.into(), source: Box::new(source) };
        toml::from_str(text).map_err(wrong)
    }

    /// Checks what the types do not say.
    ///
    /// # Errors
    /// The rule that is broken.
    pub fn check(&self) -> Result<(), ConfigError> {
        if let Some(tcp) = &self.tcp {
            let tls = match (&tcp.certificate, &tcp.key) {
                (Some(_), Some(_)) => true,
                (None, None) => false,
                (Some(_), None) | (None, Some(_)) => return Err(ConfigError::HalfTls),
            };
            let guarded = tls && tcp.token_file.is_some();
            if !(guarded || tcp.listen.ip().is_loopback()) {
                return Err(ConfigError::Exposed(tcp.listen));
            }
        }
        self.limits.check()
    }

    /// The state file.
    pub fn state_file(&self) -> PathBuf {
        self.state_directory.join("state")
    }
}

impl Limits {
    fn check(&self) -> Result<(), ConfigError> {
        let number = |value: usize| u64::try_from(value).unwrap_or(u64::MAX);
        for (name, value, least, most) in [
            ("targets", number(self.targets), 1, 1_000_000),
            ("targets_per_user", number(self.targets_per_user), 0, 1_000_000),
            ("share_per_user_percent", self.share_per_user_percent.into(), 0, 100),
            ("reservations_per_user", number(self.reservations_per_user), 0, 1_024),
            ("connections", number(self.connections), 1, 65_536),
            ("connections_per_user", number(self.connections_per_user), 1, 65_536),
            ("body_bytes", number(self.body_bytes), 1_024, 16 << 20),
            ("request_timeout_ms", self.request_timeout_ms, 100, 600_000),
            ("history", number(self.history), 16, 100_000),
            ("events", number(self.events), 16, 1_000_000),
        ] {
            if !(least..=most).contains(&value) {
                return Err(ConfigError::Limit { name, value, least, most });
            }
        }
        Ok(())
    }

    /// How long a request may take.
    pub fn request_timeout(&self) -> Duration {
        Duration::from_millis(self.request_timeout_ms)
    }

    /// What the threads of one user may have together.
    pub fn quota(&self, machine: &Machine) -> Bandwidth {
        let units = machine.capacity().units().saturating_mul(self.share_per_user_percent.into()) / 100;
        Bandwidth::from_units(units)
    }

    /// Descriptors that tell a target's end; a quarter of what may be open for threads.
    pub fn pidfds(&self) -> usize {
        self.files / 4
    }

    /// Files with CPU times that are kept open: the rest.
    pub fn kept_files(&self) -> usize {
        self.files - self.pidfds()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<(), String> {
        let parsed =
            Config::parse("x.toml".as_ref(), text).map_err(|error| crate::serve::api::chain(&error))?;
        parsed.check().map_err(|error| error.to_string())
    }

    #[test]
    fn an_empty_file_is_the_default() {
        assert_eq!(Config::parse("x".as_ref(), "").unwrap(), Config::default());
        assert_eq!(check(""), Ok(()));
    }

    #[test]
    fn nothing_is_open_to_other_machines_without_tls_and_a_token() {
        let tls = "certificate = \"c\"\nkey = \"k\"\n";
        let token = "token_file = \"t\"\n";
        for (text, fine) in [
            ("listen = \"127.0.0.1:9470\"\n".to_owned(), true),
            ("listen = \"[::1]:9470\"\n".to_owned(), true),
            ("listen = \"0.0.0.0:9470\"\n".to_owned(), false),
            (format!("listen = \"192.0.2.1:9470\"\n{tls}"), false),
            (format!("listen = \"192.0.2.1:9470\"\n{token}"), false),
            (format!("listen = \"[::]:9470\"\n{tls}{token}"), true),
        ] {
            let checked = check(&format!("[tcp]\n{text}"));
            assert_eq!(checked.is_ok(), fine, "{text}");
            let rule = "can be reached from other machines: that needs TLS (certificate, key) and a token (token_file)";
            assert!(checked.is_ok() || checked.unwrap_err().contains(rule));
        }
        assert_eq!(
            check("[tcp]\nlisten = \"127.0.0.1:1\"\nkey = \"k\""),
            Err("TLS needs both certificate and key".into())
        );
    }

    #[test]
    fn unknown_keys_and_absurd_limits_are_refused() {
        assert!(check("sockets = \"/x\"").unwrap_err().contains("unknown field `sockets`"));
        let rule = "limits.share_per_user_percent is 101, which is not between 0 and 100";
        assert_eq!(check("[limits]\nshare_per_user_percent = 101"), Err(rule.to_owned()));
    }
}
