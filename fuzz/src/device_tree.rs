//! Device trees: the board's, and those that users give.

use vman_core::fdt::{BoardTree, PartitionTree};
use vman_core::id::{ByteSize, CpuId, CpuSet, Mpidr, PhysAddr, PhysRange};

/// The blob is read as a board's tree and as a user's.
pub fn run(data: &[u8]) {
    let memory = range(0x4000_0000, 1 << 30);
    let cpus = [(CpuId(0), Mpidr(0)), (CpuId(1), Mpidr(1))];
    let partition = PartitionTree {
        cpus: &cpus,
        memory,
        command_line: Some("console=hvc0"),
        initrd: Some(range(0x4800_0000, 4096)),
        console_interrupt: None,
        entropy: None,
        links: &[],
    };
    if let Ok(adopted) = partition.adopt(data) {
        // What was made from a user's tree is itself a tree that is accepted.
        partition.adopt(&adopted).expect("an adopted tree can be adopted");
    }
    let Ok(board) = BoardTree::parse(data) else { return };
    let _ = (board.pool(), board.clusters());
    let Ok(selected) = board.select(CpuSet::first(2)) else { return };
    let tree = PartitionTree { cpus: &selected, ..partition };
    if let Ok(blob) = tree.build(&board) {
        tree.adopt(&blob).expect("a tree that was made for a partition fits it");
    }
}

fn range(base: u64, size: u64) -> PhysRange {
    PhysRange::new(PhysAddr(base), ByteSize(size)).expect("it does not wrap")
}
