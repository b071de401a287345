//! What a board's tree says.

use proptest::prelude::*;
use vman_core::fdt::{BoardTree, BoardTreeBuilder, ReservedMemory};
use vman_core::id::{CpuId, CpuSet, Mpidr};

use crate::{boards, qemu_virt, range};

#[test]
fn real_board_is_read() {
    let board = BoardTree::parse(&qemu_virt()).unwrap();
    assert_eq!(board.model, "linux,dummy-virt");
    let cpus: Vec<_> = board.cpus.iter().map(|cpu| (cpu.id.0, cpu.mpidr.0, cpu.cluster)).collect();
    assert_eq!(cpus, [(0, 0, 0), (1, 1, 0), (2, 2, 0), (3, 3, 0)]);
    assert_eq!(board.memory, [range(1024, 1024)]);
    assert_eq!(board.secure_memory, [range(224, 16)]);
    assert_eq!(board.reserved, []);
    let console = board.console.unwrap();
    assert_eq!((console.path.as_str(), console.options), ("/pl011@9000000", None));
}

#[test]
fn pool_and_console_of_a_built_board_are_read() {
    let builder = BoardTreeBuilder::new("A board", 6, range(4096, 64))
        .cpus_per_cluster(2)
        .memory(range(1024, 512))
        .secure_memory(range(224, 16))
        .pool(range(1100, 256));
    let board = BoardTree::parse(&builder.build().unwrap()).unwrap();
    assert_eq!(board.model, "A board");
    assert_eq!(board.clusters(), [0, 0, 1, 1, 2, 2]);
    assert_eq!(board.cpus[3].mpidr, Mpidr(0x101));
    assert_eq!(board.memory, [range(1024, 512), range(4096, 64)]);
    assert_eq!(board.secure_memory, [range(224, 16)]);
    let pool = ReservedMemory {
        name: "vmanager-pool@44c00000".into(),
        compatible: BoardTreeBuilder::POOL_COMPATIBLE.into(),
        range: range(1100, 256),
        no_map: true,
    };
    assert_eq!(board.reserved, [pool]);
    assert_eq!(board.pool(), [range(1100, 256)]);
    let console = board.console.unwrap();
    assert_eq!(console.path, "/serial@9000000");
    assert_eq!(console.options.as_deref(), Some("115200n8"));
}

#[test]
fn cpus_are_selected_by_their_index() {
    let board = BoardTree::parse(&qemu_virt()).unwrap();
    let set = [3, 1].map(CpuId).into_iter().collect();
    assert_eq!(board.select(set).unwrap(), [(CpuId(1), Mpidr(1)), (CpuId(3), Mpidr(3))]);
    let error = board.select(CpuSet::first(5)).unwrap_err();
    assert_eq!(error.to_string(), "Board's device tree has 4 CPUs and none with index 4");
}

#[test]
fn board_without_cpus_and_with_too_many_is_refused() {
    let refused = |cpus| BoardTreeBuilder::new("", cpus, range(1024, 1)).build().unwrap_err().to_string();
    assert!(refused(0).contains("no CPUs"));
    assert_eq!(refused(257), "Device tree has 257 CPUs; at most 256 are possible");
}

proptest! {
    #[test]
    fn built_board_is_read_back(builder in boards(), cpu in any::<prop::sample::Index>()) {
        let board = BoardTree::parse(&builder.build().unwrap()).unwrap();
        let cpu = &board.cpus[cpu.index(board.cpus.len())];
        prop_assert_eq!(cpu.mpidr, builder.mpidr(cpu.id));
        prop_assert_eq!(u64::from(cpu.cluster), cpu.mpidr.0 >> 8);
        prop_assert_eq!(board.cpus.last().map(|cpu| cpu.id.index() + 1), Some(board.cpus.len()));
        prop_assert_eq!(board.memory, [range(1024, 4096)]);
        prop_assert_eq!(CpuId(0), board.cpus[0].id);
    }
}
