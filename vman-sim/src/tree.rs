//! The board's own device tree.

use vman_core::fdt::{BoardTreeBuilder, FdtError};

use crate::config::SimConfig;

/// The board's tree, shaped like that of the emulated ARMv8 board.
pub(crate) fn board_tree(config: &SimConfig) -> Result<Vec<u8>, FdtError> {
    let board = BoardTreeBuilder::new(config.model.as_str(), config.cpus.into(), config.management_range())
        .cpus_per_cluster(config.cluster.into())
        .pool(config.pool());
    if config.secure_memory.0 == 0 {
        board.build()
    } else {
        board.secure_memory(config.secure_pool()).build()
    }
}

#[cfg(test)]
mod tests {
    use vman_core::fdt::{BoardTree, PartitionTree};
    use vman_core::id::CpuSet;

    use super::*;

    #[test]
    fn tree_tells_what_the_configuration_says() {
        let config = SimConfig { cpus: 12, ..SimConfig::default() };
        let board = BoardTree::parse(&board_tree(&config).unwrap()).unwrap();
        assert_eq!(board.model, config.model);
        assert!(board.cpus.iter().all(|cpu| cpu.mpidr == config.mpidr(cpu.id)));
        assert_eq!(board.clusters(), config.clusters());
        assert_eq!(board.memory, [config.management_range()]);
        assert_eq!(board.pool(), [config.pool()]);
        assert_eq!(board.secure_memory, [config.secure_pool()]);
    }

    #[test]
    fn partitions_tree_can_be_made_of_the_boards() {
        let config = SimConfig::default();
        let board = BoardTree::parse(&board_tree(&config).unwrap()).unwrap();
        let tree = PartitionTree {
            cpus: &board.select(CpuSet::first(2)).unwrap(),
            memory: config.pool(),
            command_line: None,
            initrd: None,
            console_interrupt: None,
            entropy: None,
        };
        assert!(tree.build(&board).is_ok());
    }
}
