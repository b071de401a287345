//! The simulated board.

use std::time::Duration;

use super::Target;
use crate::error::Failure;

/// Opens the board called `name`: `sim` or `sim:PATH`.
#[cfg(feature = "sim")]
pub(super) fn open(name: &str, timeout: Duration) -> Result<Box<dyn Target>, Failure> {
    let board = vman_sim::open(name).map_err(|source| Failure::Device { path: name.into(), source })?;
    Ok(Box::new(super::device::Direct::new(board, timeout)))
}

/// This build has no simulated board.
#[cfg(not(feature = "sim"))]
pub(super) fn open(name: &str, _: Duration) -> Result<Box<dyn Target>, Failure> {
    use vman_core::{ErrorKind, device::DeviceError};
    let source = DeviceError::new(ErrorKind::Unsupported, "This build has no simulated board");
    Err(Failure::Device { path: name.into(), source })
}
