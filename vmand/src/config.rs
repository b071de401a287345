//! Configuration: a TOML file in which everything has a default.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use vman_core::id::ByteSize;

use crate::Error;

/// Where the file is looked for when `--config` is not given; it need not exist.
pub const DEFAULT_PATH: &str = "/etc/vman/vmand.toml";
/// Where clients find vmand.
pub const DEFAULT_SOCKET: &str = vman_core::client::DEFAULT_SOCKET;
/// The kernel driver.
pub const DEFAULT_DEVICE: &str = "/dev/vmanager";

/// Everything that can be configured.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The socket that clients connect to.
    pub socket: PathBuf,
    /// Permissions of the socket: 0o660 keeps everybody but root and the group away, 0o666 lets others query.
    pub socket_mode: u32,
    /// `/dev/vmanager`, `sim` or `sim:PATH`.
    pub device: String,
    /// Members of this group may do everything, as root may.
    pub group: String,
    /// Directories with kernels, device trees and initrds. Relative paths resolve here, and peers that are not root
    /// get files from nowhere else.
    pub image_dirs: Vec<PathBuf>,
    /// Socket of a relay that has authenticated its peers and states their role with `hello`; only root can open it.
    pub relay_socket: Option<PathBuf>,
    /// Images that clients upload.
    pub images: Images,
    /// Limits.
    pub limits: Limits,
    /// Logs.
    pub log: Log,
    /// The simulated board.
    pub sim: Sim,
}

/// The store of uploaded images.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Images {
    /// Where they are kept. Without it [`Images::DEFAULT_DIRECTORY`] is tried, and vmand goes on without a store if
    /// that cannot be made.
    pub directory: Option<PathBuf>,
    /// The largest image in MiB.
    pub max_image_mib: u64,
    /// All images and unfinished uploads together in MiB.
    pub max_total_mib: u64,
    /// An upload that nobody has continued for so long gives way to a new one, in seconds.
    pub upload_timeout_s: u64,
}

/// Limits that keep one client from hurting the others.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Connections at a time.
    pub connections: usize,
    /// Connections at a time of one user who may only query.
    pub connections_per_observer: usize,
    /// The largest kernel, device tree or initrd in MiB.
    pub file_mib: u64,
    /// Deployments at a time; each holds its files in memory.
    pub deployments: usize,
    /// How long the device may take for one operation, in seconds.
    pub operation_timeout_s: u64,
    /// How long running commands may take to finish when vmand is stopped, in seconds.
    pub stop_timeout_s: u64,
}

/// Logs go to the standard error output.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// Lines for people or JSON objects for machines.
    pub format: LogFormat,
    /// Filter in the notation of the `tracing` crates, `info` or `vmand=debug,warn`.
    pub filter: String,
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// The simulated board.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sim {
    /// Number of CPUs; the simulator's own default without it.
    pub cpus: Option<u16>,
    /// Memory of the board in MiB; the simulator's own default without it.
    pub memory_mib: Option<u64>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            socket: DEFAULT_SOCKET.into(),
            socket_mode: 0o660,
            device: DEFAULT_DEVICE.into(),
            group: "vman".into(),
            image_dirs: vec!["/var/lib/vman/boot".into()],
            relay_socket: None,
            images: Images::default(),
            limits: Limits::default(),
            log: Log::default(),
            sim: Sim::default(),
        }
    }
}

impl Images {
    /// Where images are kept without `directory`.
    pub const DEFAULT_DIRECTORY: &str = "/var/lib/vman/images";

    /// [`Images::upload_timeout_s`].
    pub fn upload_timeout(&self) -> Duration {
        Duration::from_secs(self.upload_timeout_s)
    }
}

impl Default for Images {
    fn default() -> Self {
        Self { directory: None, max_image_mib: 1024, max_total_mib: 4096, upload_timeout_s: 600 }
    }
}

impl Limits {
    /// [`Limits::operation_timeout_s`].
    pub fn operation_timeout(&self) -> Duration {
        Duration::from_secs(self.operation_timeout_s)
    }

    /// [`Limits::stop_timeout_s`].
    pub fn stop_timeout(&self) -> Duration {
        Duration::from_secs(self.stop_timeout_s)
    }

    /// [`Limits::file_mib`].
    pub fn file(&self) -> ByteSize {
        saturating_mib(self.file_mib)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 4096,
            connections_per_observer: 64,
            file_mib: 1024,
            deployments: 4,
            operation_timeout_s: 30,
            stop_timeout_s: 10,
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Text, filter: "info".into() }
    }
}

/// `mib` as bytes; a limit beyond 64 bits is no limit.
pub(crate) fn saturating_mib(mib: u64) -> ByteSize {
    ByteSize::from_mib(mib).unwrap_or(ByteSize(u64::MAX))
}

impl Config {
    /// Reads `path`, or [`DEFAULT_PATH`] if that exists, or takes the defaults.
    ///
    /// # Errors
    /// [`Error::ConfigFile`], [`Error::ConfigSyntax`] (unknown keys too), [`Error::ConfigValue`].
    pub fn load(path: Option<&Path>) -> Result<Self, Error> {
        let (path, required) = path.map_or((Path::new(DEFAULT_PATH), false), |path| (path, true));
        let text = match std::fs::read_to_string(path) {
            Err(source) if !required && source.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            Err(source) => return Err(Error::ConfigFile { path: path.into(), source }),
            Ok(text) => text,
        };
        let config: Self =
            toml::from_str(&text).map_err(|source| Error::ConfigSyntax { path: path.into(), source })?;
        config.check()?;
        Ok(config)
    }

    /// # Errors
    /// [`Error::ConfigValue`] names the key and its rule.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let wrong = |text: String| Err(Error::ConfigValue(text));
        if let Some(relative) = self.image_dirs.iter().find(|directory| !directory.is_absolute()) {
            return wrong(format!("image_dirs needs absolute paths, not {}", relative.display()));
        }
        if self.socket_mode & !0o777 != 0 {
            return wrong(format!(
                "socket_mode must be permission bits such as 0o660, not {:#o}",
                self.socket_mode
            ));
        }
        let positive = [
            ("limits.connections", self.limits.connections),
            ("limits.connections_per_observer", self.limits.connections_per_observer),
            ("limits.deployments", self.limits.deployments),
        ];
        if let Some((key, _)) = positive.into_iter().find(|(_, value)| *value == 0) {
            return wrong(format!("{key} must be at least 1"));
        }
        if self.limits.operation_timeout_s == 0 {
            return wrong("limits.operation_timeout_s must be at least 1".into());
        }
        if self.images.max_image_mib > self.images.max_total_mib {
            return wrong("images.max_image_mib is larger than images.max_total_mib".into());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Config, Error> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("vmand.toml");
        std::fs::write(&path, text).unwrap();
        Config::load(Some(&path))
    }

    fn message(text: &str) -> String {
        let error = load(text).unwrap_err();
        let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        format!("{error}: {source}")
    }

    #[test]
    fn empty_file_means_the_defaults() {
        assert_eq!(load("").unwrap(), Config::default());
        Config::default().check().unwrap();
    }

    #[test]
    fn values_of_a_file_win_over_the_defaults() {
        let config = load("group = 'edge'\n[limits]\nconnections = 7\n[log]\nformat = 'json'\n").unwrap();
        assert_eq!((config.group.as_str(), config.limits.connections), ("edge", 7));
        assert_eq!(config.log.format, LogFormat::Json);
        assert_eq!(config.limits.deployments, Limits::default().deployments);
    }

    #[test]
    fn unknown_key_is_refused_with_its_line() {
        let text = message("group = 'edge'\nimage_dir = '/x'\n");
        assert!(text.contains("line 2") && text.contains("image_dir"), "{text}");
    }

    #[test]
    fn wrong_type_is_refused_with_its_line() {
        let text = message("\n\n[limits]\nconnections = -1\n");
        assert!(text.contains("line 4"), "{text}");
    }

    #[test]
    fn values_that_make_no_sense_are_refused() {
        assert!(message("[limits]\ndeployments = 0").contains("limits.deployments must be at least 1"));
        assert!(message("image_dirs = ['boot']").contains("absolute"));
        assert!(message("[images]\nmax_total_mib = 1").contains("max_total_mib"));
    }

    #[test]
    fn file_that_was_asked_for_must_exist() {
        let error = Config::load(Some(Path::new("/nonexistent/vmand.toml"))).unwrap_err();
        assert_eq!(error.to_string(), "Configuration file /nonexistent/vmand.toml cannot be read");
    }
}
