//! Which target a command goes to.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use vman_core::ErrorKind;
use vman_core::client::DEFAULT_SOCKET;

use super::Target;
use super::daemon::Daemon;
use super::device;
use crate::args::Global;
use crate::error::Failure;

/// The kernel driver's device (source document, 3.2).
pub const DEFAULT_DEVICE: &str = "/dev/vmanager";
/// How long vmand may take for a piece of an answer unless told otherwise.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// A device without vmand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeviceName {
    /// A simulated board within this process.
    Sim,
    /// A simulated board that is a process of its own.
    SharedSim(PathBuf),
    /// The kernel driver.
    Path(PathBuf),
}

impl FromStr for DeviceName {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text.strip_prefix("sim:") {
            Some(path) => Self::SharedSim(path.into()),
            None if text == "sim" => Self::Sim,
            None => Self::Path(text.into()),
        })
    }
}

/// The target that the options name, or what is there. `timeout` is how long to wait for an answer.
///
/// # Errors
/// Whatever keeps the target from being reached; [`Failure::NoTarget`] if none was named and nothing is there.
pub fn choose(options: &Global, timeout: Option<Duration>) -> Result<Box<dyn Target>, Failure> {
    match (&options.socket, &options.device) {
        (Some(socket), _) => {
            let daemon = Daemon::connect(socket, timeout.unwrap_or(ANSWER_TIMEOUT));
            Ok(Box::new(daemon.map_err(vman_core::Error::from)?))
        }
        (None, Some(name)) => device::open(name, timeout),
        (None, None) => find(Path::new(DEFAULT_SOCKET), Path::new(DEFAULT_DEVICE), timeout),
    }
}

/// vmand if it answers, else the device. A vmand that exists but may not be used is no reason to go round it.
fn find(socket: &Path, device: &Path, timeout: Option<Duration>) -> Result<Box<dyn Target>, Failure> {
    let source = match Daemon::connect(socket, timeout.unwrap_or(ANSWER_TIMEOUT)) {
        Ok(daemon) => return Ok(Box::new(daemon)),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            return Err(vman_core::Error::from(error).into());
        }
        Err(error) => error,
    };
    if device.exists() {
        return device::open(&DeviceName::Path(device.into()), timeout);
    }
    Err(Failure::NoTarget { socket: socket.into(), device: device.into(), source })
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn devices_have_three_forms() {
        assert_eq!("sim".parse(), Ok(DeviceName::Sim));
        assert_eq!("sim:/run/b".parse(), Ok(DeviceName::SharedSim("/run/b".into())));
        assert_eq!("/dev/vmanager".parse(), Ok(DeviceName::Path(DEFAULT_DEVICE.into())));
    }

    #[test]
    fn vmand_is_used_when_it_answers() {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("s");
        let _listener = UnixListener::bind(&socket).unwrap();
        assert!(find(&socket, Path::new("/nonexistent"), None).is_ok());
    }

    #[test]
    fn nothing_there_names_both_and_what_to_do() {
        let Err(failure) = find(Path::new("/nonexistent/s"), Path::new("/nonexistent/d"), None) else {
            panic!("found something")
        };
        let text = failure.text();
        assert!(text.contains("/nonexistent/s") && text.contains("/nonexistent/d"), "{text}");
        assert!(failure.advice().unwrap().contains("--device sim"));
        assert_eq!(failure.kind(), Some(ErrorKind::Disconnected));
    }

    #[test]
    fn device_is_tried_when_nobody_listens() {
        let directory = tempfile::tempdir().unwrap();
        let device = directory.path().join("vmanager");
        std::fs::write(&device, "").unwrap();
        let Err(failure) = find(Path::new("/nonexistent/s"), &device, None) else { panic!("no device") };
        assert!(failure.text().contains(device.to_str().unwrap()), "{}", failure.text());
    }
}
