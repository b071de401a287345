//! The device tree compiler accepts what is made.

use std::io::Write;
use std::process::{Command, Stdio};

use vman_core::fdt::{BoardTree, BoardTreeBuilder, PartitionTree};

use crate::{cpus, plain, qemu_virt, range, vectors};

/// Runs `dtc -I from -O to`; its output and what it complains about. `None`, with a line that says so, without dtc.
fn dtc(test: &str, from: &str, to: &str, input: Vec<u8>) -> Option<(Vec<u8>, String)> {
    let mut command = Command::new("dtc");
    command.args(["-I", from, "-O", to, "-"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let Ok(mut child) = command.spawn() else {
        println!("SKIPPED: {test}: no dtc; install device-tree-compiler");
        return None;
    };
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(&input).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    let complaints = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{complaints}");
    Some((output.stdout, complaints))
}

/// A partition of the board in `blob`.
fn partition(blob: &[u8], chosen: &[u16]) -> Vec<u8> {
    let board = BoardTree::parse(blob).unwrap();
    let cpus = cpus(&board, chosen);
    let tree = PartitionTree {
        command_line: Some("quiet"),
        initrd: Some(range(1300, 8)),
        ..plain(&cpus, range(1280, 256))
    };
    tree.build(&board).unwrap()
}

#[test]
fn dtc_accepts_trees_of_partitions_without_a_warning() {
    let built = BoardTreeBuilder::new("Board", 200, range(1024, 1024)).build().unwrap();
    let blobs = [
        partition(&qemu_virt(), &[1, 2]),
        partition(&built, &[3, 150]),
        partition(&crate::broken::small_board(), &[0, 1]),
    ];
    for blob in blobs {
        let Some((dts, complaints)) = dtc("dtc_accepts_trees_of_partitions", "dtb", "dts", blob) else {
            return;
        };
        assert!(complaints.is_empty(), "{complaints}\n{}", String::from_utf8_lossy(&dts));
    }
}

#[test]
fn dtc_accepts_built_boards_without_a_warning() {
    let memory = range(1024, 4096);
    let blob = BoardTreeBuilder::new("Board", 12, memory).secure_memory(range(224, 16)).pool(range(2048, 64));
    let Some((_, complaints)) = dtc("dtc_accepts_built_boards", "dtb", "dts", blob.build().unwrap()) else {
        return;
    };
    assert!(complaints.is_empty(), "{complaints}");
}

/// What dtc makes of the golden text is a board with the golden CPUs and memory, to another implementation too.
#[test]
fn dtc_reads_the_golden_file() {
    let text = std::fs::read(vectors().join("partition.dts")).unwrap();
    let Some((blob, _)) = dtc("dtc_reads_the_golden_file", "dts", "dtb", text) else { return };
    let read = BoardTree::parse(&blob).unwrap();
    assert_eq!(read.cpus.iter().map(|cpu| cpu.mpidr.0).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(read.memory, [range(1280, 256)]);
    assert_eq!(read.console.unwrap().path, "/pl011@9000000");
}
