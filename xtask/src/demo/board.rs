//! The life of partitions on the emulated ARMv8 board.

use anyhow::{Result, bail};

use super::DemoArgs;

/// Shows it.
pub(super) fn run(_args: &DemoArgs) -> Result<()> {
    bail!("The board cannot be shown: its firmware and kernel driver do not run together yet")
}
