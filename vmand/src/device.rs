//! Which board vmand manages.

use std::path::Path;

use vman_core::ErrorKind;
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
    CharDevice::open(path).map_err(|source| {
        let hint = if source.kind == ErrorKind::NotFound {
            "load the vManager driver (modprobe vmanager), or ask for a simulated board with --device sim"
        } else if source.kind == ErrorKind::PermissionDenied {
            "start vmand as root or as a member of the device's group"
        } else {
            "it is not the device of a matching vManager driver"
        };
        Error::Device { name: path.display().to_string(), hint, source }
    })
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

    #[test]
    fn missing_driver_gives_a_hint() {
        let error = open_driver(Path::new("/nonexistent/vmanager")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().contains("--device sim"), "{error}");
    }
}
