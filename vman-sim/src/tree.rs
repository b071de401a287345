//! The board's own device tree.

use vman_core::fdt::{BoardTreeBuilder, FdtError};

use crate::config::SimConfig;

/// The tree of a board like the emulated ARMv8 one, with the CPUs and the memories of `config`.
pub(crate) fn board_tree(config: &SimConfig) -> Result<Vec<u8>, FdtError> {
    let pool = config.pool();
    let builder = BoardTreeBuilder::new(&config.model, config.cpus.into(), config.management_range())
        .cpus_per_cluster(config.cluster.into())
        .memory(pool)
        .pool(pool);
    match config.secure_memory.0 {
        0 => builder.build(),
        _ => builder.secure_memory(config.secure_pool()).build(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vman_core::fdt::BoardTree;
    use vman_core::id::CpuId;

    #[test]
    fn tree_and_firmware_count_the_same_cpus() {
        let config = SimConfig { cpus: 11, cluster: 3, ..SimConfig::default() };
        let board = BoardTree::parse(&board_tree(&config).unwrap()).unwrap();
        assert_eq!(board.model, config.model);
        for (index, cpu) in (0..).zip(&board.cpus) {
            assert_eq!(cpu.mpidr, config.mpidr(CpuId(index)));
        }
        assert_eq!(board.cpus.len(), 11);
    }
}
