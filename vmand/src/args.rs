//! The command line.

use std::path::PathBuf;

use clap::Parser;

use crate::Error;
use crate::config::{Config, LogFormat};

/// The vManager daemon: JSON commands over a Unix socket.
#[derive(Debug, Parser)]
#[command(name = "vmand", version, about, max_term_width = 100)]
pub struct Args {
    /// Configuration file [default: /etc/vman/vmand.toml, if it exists]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Socket to listen on [default: /run/vman/vmand.sock]
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// Device: the kernel driver's, `sim` for a simulated board in this process, or `sim:PATH` for the socket of a
    /// running vman-sim [default: /dev/vmanager]
    #[arg(long, value_name = "DEVICE")]
    device: Option<String>,
    /// Directory that relative paths of kernels resolve in, and that peers other than root get files from; may be
    /// given several times
    #[arg(long = "image-dir", value_name = "DIR")]
    image_dirs: Vec<PathBuf>,
    /// Directory of uploaded images [default: /var/lib/vman/images]
    #[arg(long, value_name = "DIR")]
    image_store: Option<PathBuf>,
    /// Format of the log on the standard error output [default: text]
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<LogFormat>,
    /// What is logged, for example `debug` or `vmand=debug,warn` [default: info]
    #[arg(long, value_name = "FILTER")]
    log: Option<String>,
    /// CPUs of the simulated board
    #[arg(long, value_name = "N")]
    sim_cpus: Option<u16>,
    /// Memory of the simulated board in MiB
    #[arg(long, value_name = "MIB")]
    sim_memory_mib: Option<u64>,
}

impl Args {
    /// The configuration file with what the command line says on top.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn config(self) -> Result<Config, Error> {
        let mut config = Config::load(self.config.as_deref())?;
        set(&mut config.socket, self.socket);
        set(&mut config.device, self.device);
        set(&mut config.log.format, self.log_format);
        set(&mut config.log.filter, self.log);
        config.images.directory = self.image_store.or(config.images.directory);
        config.sim.cpus = self.sim_cpus.or(config.sim.cpus);
        config.sim.memory_mib = self.sim_memory_mib.or(config.sim.memory_mib);
        if !self.image_dirs.is_empty() {
            config.image_dirs = self.image_dirs;
        }
        config.check()?;
        Ok(config)
    }
}

fn set<T>(value: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *value = given;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_line_is_consistent_and_wins_over_the_file() {
        use clap::CommandFactory as _;
        Args::command().debug_assert();
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("vmand.toml");
        std::fs::write(&file, "device = 'sim'\n[sim]\ncpus = 4\n").unwrap();
        let line = ["vmand", "--config", file.to_str().unwrap(), "--sim-cpus", "16", "--socket", "/tmp/s"];
        let config = Args::parse_from(line).config().unwrap();
        assert_eq!((config.device.as_str(), config.sim.cpus), ("sim", Some(16)));
        assert_eq!(config.socket, PathBuf::from("/tmp/s"));
    }

    #[test]
    fn relative_image_directory_is_refused() {
        assert!(Args::parse_from(["vmand", "--image-dir", "boot"]).config().is_err());
    }
}
