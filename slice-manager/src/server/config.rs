//! Settings, from a TOML file and the command line.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// All settings.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Address of the API; only this machine's own.
    pub listen: SocketAddr,
    /// Folder of the store, its key and the operator's token.
    pub state: PathBuf,
    /// Whether everybody who reaches the address may do everything.
    pub open: bool,
    /// A request that takes longer is answered 504.
    pub request_timeout_s: u64,
    /// Computes of type `cgroup`.
    pub cgroup: Option<CgroupConfig>,
}

/// `[cgroup]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CgroupConfig {
    /// Where control groups are mounted.
    pub mount: PathBuf,
    /// The group below which chunks have theirs.
    pub root: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 8480).into(),
            state: "/var/lib/slice-manager".into(),
            open: false,
            request_timeout_s: 60,
            cgroup: None,
        }
    }
}

impl Default for CgroupConfig {
    fn default() -> Self {
        Self { mount: "/sys/fs/cgroup".into(), root: "aivirt/slices".into() }
    }
}

/// What is wrong with the settings.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("Cannot read {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is wrong; the reason names line and key.
    #[error("{}: {source}", path.display())]
    Toml {
        /// The file.
        path: PathBuf,
        /// What is wrong in it.
        source: Box<toml::de::Error>,
    },
    /// An address that others reach.
    #[error(
        "{listen} can be reached from other machines; listen on a loopback address and put a TLS proxy in front"
    )]
    Reachable {
        /// The address.
        listen: SocketAddr,
    },
    /// A value outside its range.
    #[error("{key} must be {rule}")]
    Range {
        /// The key.
        key: &'static str,
        /// What it must be.
        rule: &'static str,
    },
}

impl Config {
    /// Settings of a file.
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::File { path: path.into(), source })?;
        toml::from_str(&text)
            .map_err(|source| ConfigError::Toml { path: path.into(), source: Box::new(source) })
    }

    /// Whether these settings can be used.
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub fn check(&self) -> Result<(), ConfigError> {
        if !self.listen.ip().is_loopback() {
            return Err(ConfigError::Reachable { listen: self.listen });
        }
        if !(1..=3_600).contains(&self.request_timeout_s) {
            return Err(ConfigError::Range { key: "request_timeout_s", rule: "1 to 3600" });
        }
        let root = self.cgroup.as_ref().map_or("", |cgroup| &cgroup.root);
        if Path::new(root).components().any(|part| !matches!(part, std::path::Component::Normal(_))) {
            return Err(ConfigError::Range { key: "cgroup.root", rule: "a relative path without .." });
        }
        Ok(())
    }
}
