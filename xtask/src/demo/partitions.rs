//! The life of partitions on the simulated board, with Debian's unmodified arm64 kernel.

use anyhow::{Result, bail};

use super::DemoArgs;

/// Shows it.
pub(super) fn run(_args: &DemoArgs) -> Result<()> {
    bail!("The partitions cannot be shown: vmand does not serve the simulated board yet")
}
