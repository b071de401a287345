//! `cargo run -p vman-core --example partition_tree -- BOARD.dtb CPUS MIB@BASE [COMMAND_LINE] > PARTITION.dtb`
//!
//! Makes a partition's device tree from a board's. `CPUS` are indices separated by commas, `BASE` is in hexadecimal:
//! `tests/vectors/qemu-virt.dtb 0,1 512@40000000 "console=ttyAMA0 earlycon"`.

use std::error::Error;
use std::io::Write;

use vman_core::fdt::{BoardTree, PartitionTree};
use vman_core::id::{ByteSize, CpuId, CpuSet, PhysAddr, PhysRange};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (board, cpus, memory, line) = match arguments.as_slice() {
        [board, cpus, memory] => (board, cpus, memory, None),
        [board, cpus, memory, line] => (board, cpus, memory, Some(line.as_str())),
        _ => return Err("usage: partition_tree BOARD.dtb CPUS MIB@BASE [COMMAND_LINE]".into()),
    };
    let board = BoardTree::parse(&std::fs::read(board)?)?;
    let tree = PartitionTree {
        cpus: &board.select(parse_cpus(cpus)?)?,
        memory: parse_memory(memory)?,
        command_line: line,
        initrd: None,
        console_interrupt: None,
        entropy: None,
        links: &[],
    };
    Ok(std::io::stdout().write_all(&tree.build(&board)?)?)
}

fn parse_cpus(text: &str) -> Result<CpuSet, Box<dyn Error>> {
    Ok(text.split(',').map(|index| index.parse().map(CpuId)).collect::<Result<_, _>>()?)
}

fn parse_memory(text: &str) -> Result<PhysRange, Box<dyn Error>> {
    let (mib, base) = text.split_once('@').ok_or("memory is MIB@BASE")?;
    let size = ByteSize::from_mib(mib.parse()?).ok_or("memory is too large")?;
    let base = PhysAddr(u64::from_str_radix(base, 16)?);
    PhysRange::new(base, size).ok_or_else(|| "memory goes past the last address".into())
}
