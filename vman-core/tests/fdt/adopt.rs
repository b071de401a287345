//! Trees that users give.

use vman_core::fdt::{BoardTree, FdtError, PartitionTree};
use vman_core::id::{CpuId, Mpidr};

use crate::{cpus, plain, qemu_virt, range};

/// The whole board as one partition's tree.
fn whole() -> (Vec<u8>, Vec<(CpuId, Mpidr)>) {
    let blob = qemu_virt();
    let board = BoardTree::parse(&blob).unwrap();
    (blob, cpus(&board, &[0, 1, 2, 3]))
}

fn text(blob: &[u8]) -> String {
    dtoolkit::fdt::Fdt::new(blob).unwrap().to_string()
}

#[test]
fn users_tree_keeps_its_devices_and_gets_command_line_and_ramdisk() {
    let (blob, cpus) = whole();
    let tree = PartitionTree {
        command_line: Some("quiet"),
        initrd: Some(range(1100, 1)),
        ..plain(&cpus, range(1024, 1024))
    };
    let text = text(&tree.adopt(&blob).unwrap());
    for line in [
        "bootargs = \"quiet\";",
        "linux,initrd-start = <0x00 0x44c00000>;",
        "linux,initrd-end = <0x00 0x44d00000>;",
        "stdout-path = \"/pl011@9000000\";",
        "pcie@10000000 {",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}

#[test]
fn users_command_line_stays_and_a_ramdisk_that_is_not_loaded_goes() {
    let (blob, cpus) = whole();
    let tree = plain(&cpus, range(1024, 1024));
    let first = PartitionTree { command_line: Some("quiet"), initrd: Some(range(1100, 1)), ..tree };
    let text = text(&tree.adopt(&first.adopt(&blob).unwrap()).unwrap());
    assert!(text.contains("bootargs = \"quiet\";"), "{text}");
    assert!(!text.contains("initrd"), "{text}");
}

#[test]
fn cpus_and_memory_of_others_are_refused() {
    let (blob, cpus) = whole();
    let memory = range(1024, 1024);
    let refused = |cpus: &[_], memory| plain(cpus, memory).adopt(&blob).unwrap_err();
    assert_eq!(refused(&cpus[..3], memory), FdtError::ForeignCpu { mpidr: Mpidr(3) });
    assert_eq!(
        refused(&cpus, range(1024, 512)),
        FdtError::ForeignMemory { found: memory, memory: range(1024, 512) }
    );
    assert_eq!(
        refused(&cpus, range(1024, 512)).to_string(),
        "Device tree names memory 0x40000000-0x80000000 outside the partition's 0x40000000-0x60000000"
    );
}

#[test]
fn rules_of_the_command_hold_for_users_trees_too() {
    let (blob, cpus) = whole();
    let tree = PartitionTree { command_line: Some("\0"), ..plain(&cpus, range(1024, 1024)) };
    assert_eq!(tree.adopt(&blob), Err(FdtError::CommandLineZero));
}
