//! Trees that are made for partitions.

use dtoolkit::fdt::Fdt;
use dtoolkit::{Node, Property};
use proptest::prelude::*;
use vman_core::error::ErrorKind;
use vman_core::fdt::{BoardTree, BoardTreeBuilder, COMMAND_LINE_MAX, Entropy, FdtError, Link, PartitionTree};
use vman_core::id::{CpuId, Mpidr, PartitionId, PhysAddr, PhysRange};

use crate::{boards, cpus, plain, qemu_virt, range, vectors};

/// What the golden file shows: the upper half of QEMU's board.
fn golden_blob() -> Vec<u8> {
    let board = BoardTree::parse(&qemu_virt()).unwrap();
    let cpus = cpus(&board, &[2, 3]);
    let tree = PartitionTree {
        command_line: Some("console=ttyAMA0 panic=-1"),
        initrd: Some(range(1300, 8)),
        console_interrupt: Some(137),
        ..plain(&cpus, range(1280, 256))
    };
    tree.build(&board).unwrap()
}

#[test]
fn partition_of_a_real_board_is_the_golden_file() {
    let path = vectors().join("partition.dts");
    let text = Fdt::new(&golden_blob()).unwrap().to_string();
    if std::env::var_os("AIVIRT_REWRITE").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    assert_eq!(text, std::fs::read_to_string(path).unwrap());
}

fn property(blob: &[u8], path: &str, name: &str) -> Option<Vec<u8>> {
    let fdt = Fdt::new(blob).unwrap();
    Some(fdt.find_node(path)?.property(name)?.value().to_vec())
}

fn numbers(blob: &[u8], path: &str, name: &str) -> Vec<u32> {
    let value = property(blob, path, name).unwrap();
    value.as_chunks().0.iter().map(|cell| u32::from_be_bytes(*cell)).collect()
}

#[test]
fn only_redistributors_from_the_lowest_to_the_highest_own_cpu_remain() {
    let board = BoardTree::parse(&qemu_virt()).unwrap();
    let reg = |chosen: &[u16]| {
        let cpus = cpus(&board, chosen);
        let blob = plain(&cpus, range(1280, 64)).build(&board).unwrap();
        numbers(&blob, "/intc@8000000", "reg")
    };
    assert_eq!(reg(&[0]), [0, 0x800_0000, 0, 0x1_0000, 0, 0x80a_0000, 0, 0x2_0000]);
    assert_eq!(reg(&[3, 1]), [0, 0x800_0000, 0, 0x1_0000, 0, 0x80c_0000, 0, 0x6_0000]);
}

#[test]
fn redistributors_are_counted_through_all_regions() {
    let blob = BoardTreeBuilder::new("", 200, range(1024, 1024)).build().unwrap();
    let board = BoardTree::parse(&blob).unwrap();
    let reg = |chosen: &[u16]| {
        let cpus = cpus(&board, chosen);
        let blob = plain(&cpus, range(1280, 64)).build(&board).unwrap();
        let path = "/interrupt-controller@8000000";
        (numbers(&blob, path, "#redistributor-regions")[0], numbers(&blob, path, "reg")[4..].to_vec())
    };
    let frame = 0x2_0000;
    assert_eq!(reg(&[123]), (1, vec![0, 0x1000_0000, 0, frame]));
    let last_of_first = 0x80a_0000 + 122 * frame;
    assert_eq!(reg(&[122, 124]), (2, vec![0, last_of_first, 0, frame, 0, 0x1000_0000, 0, 2 * frame]));
}

#[test]
fn random_numbers_stand_only_where_they_were_given() {
    let board = BoardTree::parse(&qemu_virt()).unwrap();
    let cpus = cpus(&board, &[1]);
    let blob = plain(&cpus, range(1280, 64)).build(&board).unwrap();
    assert_eq!(property(&blob, "/chosen", "rng-seed"), None);
    assert_eq!(property(&blob, "/chosen", "kaslr-seed"), None);
    let entropy = Some(Entropy { kaslr_seed: 0x0102_0304_0506_0708, rng_seed: [7; 32] });
    let blob = PartitionTree { entropy, ..plain(&cpus, range(1280, 64)) }.build(&board).unwrap();
    assert_eq!(property(&blob, "/chosen", "rng-seed"), Some(vec![7; 32]));
    assert_eq!(property(&blob, "/chosen", "kaslr-seed"), Some(vec![1, 2, 3, 4, 5, 6, 7, 8]));
    assert_eq!(format!("{entropy:?}"), "Some(Entropy)");
}

#[test]
fn what_cannot_be_told_to_a_kernel_is_refused() {
    let board = BoardTree::parse(&qemu_virt()).unwrap();
    let cpus = cpus(&board, &[1]);
    let tree = plain(&cpus, range(1280, 64));
    let refused = |tree: PartitionTree<'_>| tree.build(&board).unwrap_err();
    let long = "x".repeat(COMMAND_LINE_MAX + 1);
    let found = range(1340, 8);
    let unknown = [(CpuId(4), Mpidr(4))];
    let wrong = [(CpuId(1), Mpidr(2))];
    let cases = [
        (PartitionTree { command_line: Some(&long), ..tree }, FdtError::CommandLineTooLong { len: 2048 }),
        (PartitionTree { command_line: Some("a\0b"), ..tree }, FdtError::CommandLineZero),
        (
            PartitionTree { initrd: Some(found), ..tree },
            FdtError::ForeignInitrd { found, memory: tree.memory },
        ),
        (PartitionTree { console_interrupt: Some(31), ..tree }, FdtError::NoSpi { intid: 31 }),
        (PartitionTree { cpus: &[], ..tree }, FdtError::NoCpus),
        (PartitionTree { cpus: &wrong, ..tree }, FdtError::UnknownCpu { cpu: CpuId(1), mpidr: Mpidr(2) }),
        (PartitionTree { cpus: &unknown, ..tree }, FdtError::UnknownCpu { cpu: CpuId(4), mpidr: Mpidr(4) }),
    ];
    for (tree, error) in cases {
        assert_eq!(refused(tree), error);
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    }
    assert!(PartitionTree { command_line: Some(&long[1..]), ..tree }.build(&board).is_ok());
}

#[test]
fn memory_beyond_the_boards_address_cells_is_refused() {
    let board = BoardTree::parse(&crate::broken::small_board()).unwrap();
    let cpus = cpus(&board, &[0]);
    let high = PhysRange::between(PhysAddr(1 << 32), PhysAddr(1 << 33));
    assert_eq!(plain(&cpus, high).build(&board), Err(FdtError::TooFewCells { range: high }));
    assert!(plain(&cpus, range(1024, 64)).build(&board).is_ok());
}

proptest! {
    #[test]
    fn any_cpus_and_memory_read_back_equal(
        builder in boards(), chosen in prop::collection::vec(any::<prop::sample::Index>(), 1..40),
        base in 1024u64..4096, size in 1u64..1024,
    ) {
        let board = BoardTree::parse(&builder.build().unwrap()).unwrap();
        let mut chosen: Vec<_> =
            chosen.iter().map(|index| u16::try_from(index.index(board.cpus.len())).unwrap()).collect();
        chosen.sort_unstable();
        chosen.dedup();
        let own = cpus(&board, &chosen);
        let blob = plain(&own, range(base, size)).build(&board).unwrap();
        let read = BoardTree::parse(&blob).unwrap();
        prop_assert!(read.cpus.iter().map(|cpu| cpu.mpidr).eq(own.iter().map(|(_, mpidr)| *mpidr)));
        prop_assert_eq!(&read.memory, &[range(base, size)]);
        prop_assert_eq!(&read.secure_memory, &[]);
        prop_assert_eq!(&read.reserved, &[]);
        prop_assert_eq!(read.console, board.console);
        prop_assert!(plain(&own, range(base, size)).adopt(&blob).is_ok());
    }
}

#[test]
fn links_stand_in_the_tree_outside_the_memory_and_a_tree_that_serves_again_forgets_old_ones() {
    let board = BoardTree::parse(&qemu_virt()).unwrap();
    let cpus = cpus(&board, &[1]);
    let links = [Link { memory: range(2040, 2), peer: PartitionId(7) }];
    let blob = PartitionTree { links: &links, ..plain(&cpus, range(1280, 64)) }.build(&board).unwrap();
    assert_eq!(property(&blob, "/link@7f800000", "compatible"), Some(b"aivirt,link\0".to_vec()));
    assert_eq!(numbers(&blob, "/link@7f800000", "reg"), [0, 0x7f80_0000, 0, 2 << 20]);
    assert_eq!(numbers(&blob, "/link@7f800000", "aivirt,peer"), [7]);
    let others = [Link { memory: range(2038, 2), peer: PartitionId(8) }];
    let blob = PartitionTree { links: &others, ..plain(&cpus, range(1280, 64)) }.adopt(&blob).unwrap();
    assert_eq!(property(&blob, "/link@7f800000", "compatible"), None);
    assert_eq!(numbers(&blob, "/link@7f600000", "aivirt,peer"), [8]);
}
