//! Which board vmand manages.

use std::path::Path;

use vman_core::device::CharDevice;

use crate::Error;

/// What `--device` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted<'a> {
    /// The kernel driver's device.
    Driver(&'a Path),
    /// A simulated board in this process: `sim`.
    Simulator,
    /// The simulated board of another process: `sim:PATH`.
    RemoteSimulator(&'a Path),
}

/// Reads `--device`.
pub fn wanted(name: &str) -> Wanted<'_> {
    match (name, name.strip_prefix("sim:")) {
        ("sim", _) => Wanted::Simulator,
        (_, Some(path)) => Wanted::RemoteSimulator(Path::new(path)),
        (path, None) => Wanted::Driver(Path::new(path)),
    }
}

/// Opens the kernel driver's device.
///
/// # Errors
/// [`Error::Device`] says what to do about it.
pub fn open_driver(path: &Path) -> Result<CharDevice, Error> {
    CharDevice::open(path).map_err(|source| Error::Device { name: path.display().to_string(), source })
}

/// Makes the simulated board of the configuration.
///
/// # Errors
/// [`Error::ConfigValue`] if no such board can be.
#[cfg(feature = "sim")]
pub fn make_simulator(sim: &crate::config::Sim) -> Result<vman_sim::SimDevice, Error> {
    let default = vman_sim::SimConfig::default();
    let config = vman_sim::SimConfig {
        cpus: sim.cpus.unwrap_or(default.cpus),
        memory: sim.memory_mib.map_or(default.memory, crate::config::saturating_mib),
        ..default
    };
    vman_sim::SimDevice::new(config).map_err(|error| Error::ConfigValue(format!("sim: {error}")))
}

/// Connects to the socket of a running vman-sim.
///
/// # Errors
/// [`Error::Simulator`] says what to do about it.
#[cfg(feature = "sim")]
pub fn connect_simulator(path: &Path) -> Result<vman_sim::SimClient, Error> {
    vman_sim::SimClient::connect(path).map_err(|source| Error::Simulator { path: path.into(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_names_are_told_apart() {
        assert_eq!(wanted("sim"), Wanted::Simulator);
        assert_eq!(wanted("sim:/run/sim.sock"), Wanted::RemoteSimulator(Path::new("/run/sim.sock")));
        assert_eq!(wanted("/dev/vmanager"), Wanted::Driver(Path::new("/dev/vmanager")));
    }

    #[cfg(feature = "sim")]
    #[test]
    fn simulated_board_is_as_configured() {
        use vman_core::device::ManagerDevice as _;
        let sim = crate::config::Sim { cpus: Some(16), memory_mib: Some(4096) };
        let host = make_simulator(&sim).unwrap().host().unwrap();
        assert_eq!((host.cpus.len(), host.memory.total.mib()), (16, 4096));
        assert!(make_simulator(&crate::config::Sim { cpus: Some(1), ..sim }).is_err());
    }

    #[test]
    fn missing_driver_gives_a_hint() {
        let error = open_driver(Path::new("/nonexistent/vmanager")).unwrap_err();
        assert_eq!(error.kind(), vman_core::ErrorKind::NotFound);
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(source.contains("--device sim"), "{source}");
    }
}
