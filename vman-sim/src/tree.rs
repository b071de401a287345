//! The board's own device tree.

use vman_core::fdt::{BoardTreeBuilder, FdtError};

use crate::config::SimConfig;

/// The board's tree, shaped like that of the emulated ARMv8 board.
pub(crate) fn board_tree(config: &SimConfig) -> Result<Vec<u8>, FdtError> {
    let mut builder = BoardTreeBuilder::new(&config.model, config.cpus.into(), config.management_range())
        .cpus_per_cluster(config.cluster.into())
        .memory(config.pool())
        .pool(config.pool());
    if config.secure_memory.0 != 0 {
        builder = builder.secure_memory(config.secure_pool());
    }
    builder.build()
}
