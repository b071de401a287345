//! Device trees: a real board's, partitions', users', broken ones.
#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm, reason = "a test may panic")]

mod adopt;
mod board;
mod broken;
mod dtc;
mod fuzz;
mod kernel_driver;
mod partition;

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use vman_core::fdt::{BoardTree, BoardTreeBuilder, PartitionTree};
use vman_core::id::{CpuId, Mpidr, PhysAddr, PhysRange};

const MIB: u64 = 1 << 20;

fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors")
}

/// What `qemu-system-aarch64 -M virt,secure=on,virtualization=on,gic-version=3 -cpu cortex-a53 -smp 4 -m 1G -nic none`
/// dumps (QEMU 7.2), without its padding.
fn qemu_virt() -> Vec<u8> {
    std::fs::read(vectors().join("qemu-virt.dtb")).unwrap()
}

fn range(base_mib: u64, size_mib: u64) -> PhysRange {
    PhysRange::between(PhysAddr(base_mib * MIB), PhysAddr((base_mib + size_mib) * MIB))
}

/// The CPUs with these indices.
fn cpus(board: &BoardTree, chosen: &[u16]) -> Vec<(CpuId, Mpidr)> {
    chosen.iter().map(|index| (CpuId(*index), board.cpus[usize::from(*index)].mpidr)).collect()
}

/// A partition without command line, ramdisk and random numbers.
fn plain(cpus: &[(CpuId, Mpidr)], memory: PhysRange) -> PartitionTree<'_> {
    PartitionTree {
        cpus,
        memory,
        command_line: None,
        initrd: None,
        console_interrupt: None,
        entropy: None,
        links: &[],
    }
}

/// Boards of any size.
fn boards() -> impl Strategy<Value = BoardTreeBuilder> {
    (1usize..=256, 1usize..10, any::<bool>(), any::<bool>()).prop_map(|(cpus, per_cluster, secure, pool)| {
        let board =
            BoardTreeBuilder::new("Test board", cpus, range(1024, 4096)).cpus_per_cluster(per_cluster);
        let board = if secure { board.secure_memory(range(224, 16)) } else { board };
        if pool { board.pool(range(2048, 1024)) } else { board }
    })
}
