//! The simulated board.

use std::time::Duration;

use vman_core::ErrorKind;
use vman_core::device::DeviceError;

use super::Target;
use crate::error::Failure;

/// Opens the board called `name`: `sim` or `sim:PATH`.
#[cfg(feature = "sim")]
pub(super) fn open(name: &str, timeout: Duration) -> Result<Box<dyn Target>, Failure> {
    let unusable =
        |kind, rule: String| Failure::Device { path: name.into(), source: DeviceError::new(kind, rule) };
    if name != "sim" {
        return Err(unusable(
            ErrorKind::Unsupported,
            "Boards of other processes cannot be reached yet".into(),
        ));
    }
    let config = vman_sim::SimConfig::default();
    let device = vman_sim::SimDevice::new(config)
        .map_err(|error| unusable(ErrorKind::InvalidArgument, error.to_string()))?;
    Ok(Box::new(super::device::Direct::new(device, timeout)))
}

/// This build has no simulated board.
#[cfg(not(feature = "sim"))]
pub(super) fn open(name: &str, _: Duration) -> Result<Box<dyn Target>, Failure> {
    let source = DeviceError::new(ErrorKind::Unsupported, "This build has no simulated board");
    Err(Failure::Device { path: name.into(), source })
}
