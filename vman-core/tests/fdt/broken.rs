//! Broken trees of every kind, written by another writer than the one under test.

use vm_fdt::FdtWriter;
use vman_core::error::ErrorKind;
use vman_core::fdt::{BoardTree, FdtError, MAX_DEPTH};
use vman_core::id::{CpuId, Mpidr};

use crate::{cpus, plain, qemu_virt, range};

/// A node: name, properties, children.
struct Tree(&'static str, Vec<(&'static str, Vec<u8>)>, Vec<Tree>);

fn cells(cells: &[u32]) -> Vec<u8> {
    cells.iter().flat_map(|cell| cell.to_be_bytes()).collect()
}

fn text(text: &str) -> Vec<u8> {
    [text.as_bytes(), b"\0"].concat()
}

fn write(writer: &mut FdtWriter, tree: &Tree) {
    let node = writer.begin_node(tree.0).unwrap();
    for (name, value) in &tree.1 {
        writer.property(name, value).unwrap();
    }
    for child in &tree.2 {
        write(writer, child);
    }
    writer.end_node(node).unwrap();
}

fn blob(tree: &Tree) -> Vec<u8> {
    let mut writer = FdtWriter::new().unwrap();
    write(&mut writer, tree);
    writer.finish().unwrap()
}

fn cpu(name: &'static str, mpidr: u32) -> Tree {
    let properties = vec![
        ("device_type", text("cpu")),
        ("compatible", text("arm,cortex-a53")),
        ("reg", cells(&[mpidr])),
        ("next-level-cache", cells(&[99])),
    ];
    Tree(name, properties, Vec::new())
}

/// A board with one address cell, devices on a bus, and everything that a partition needs.
fn board() -> Tree {
    let cpus = Tree(
        "cpus",
        vec![("#address-cells", cells(&[1])), ("#size-cells", cells(&[0]))],
        vec![cpu("cpu@0", 0), cpu("cpu@100", 0x100)],
    );
    let memory = Tree(
        "memory@40000000",
        vec![("device_type", text("memory")), ("reg", cells(&[0x4000_0000, 0x4000_0000]))],
        Vec::new(),
    );
    let gic = Tree(
        "gic@1000",
        vec![
            ("compatible", text("arm,gic-v3")),
            ("reg", cells(&[0x1000, 0x1_0000, 0x10_0000, 0x4_0000, 0x90_0000, 0x2000])),
            ("#interrupt-cells", cells(&[3])),
            ("interrupt-controller", Vec::new()),
        ],
        Vec::new(),
    );
    let clock = Tree(
        "clock",
        vec![
            ("compatible", text("fixed-clock")),
            ("#clock-cells", cells(&[0])),
            ("clock-frequency", cells(&[24_000_000])),
            ("phandle", cells(&[7])),
        ],
        Vec::new(),
    );
    let uart = Tree(
        "uart@20000",
        vec![
            ("compatible", [text("arm,pl011"), text("arm,primecell")].concat()),
            ("reg", cells(&[0x2_0000, 0x1000])),
            ("interrupts", cells(&[0, 5, 4])),
            ("clocks", cells(&[7])),
        ],
        Vec::new(),
    );
    let disk = Tree("disk@30000", vec![("compatible", text("vendor,disk"))], Vec::new());
    let bus = Tree(
        "soc@0",
        vec![
            ("compatible", text("simple-bus")),
            ("#address-cells", cells(&[1])),
            ("#size-cells", cells(&[1])),
            ("ranges", cells(&[0, 0x800_0000, 0x1000_0000])),
            ("vendor,setting", cells(&[1])),
        ],
        vec![gic, uart, disk],
    );
    let timer = Tree(
        "timer",
        vec![("compatible", text("arm,armv8-timer")), ("interrupts", cells(&[1, 13, 4, 1, 14, 4]))],
        Vec::new(),
    );
    let properties =
        vec![("#address-cells", cells(&[1])), ("#size-cells", cells(&[1])), ("model", text("Small board"))];
    Tree("", properties, vec![cpus, memory, bus, clock, timer])
}

pub(crate) fn small_board() -> Vec<u8> {
    let mut board = board();
    set(&mut board, "/soc@0/gic@1000", "phandle", cells(&[1]));
    set(&mut board, "", "interrupt-parent", cells(&[1]));
    blob(&board)
}

fn find<'a>(tree: &'a mut Tree, path: &str) -> &'a mut Tree {
    path.split('/')
        .filter(|name| !name.is_empty())
        .fold(tree, |tree, name| tree.2.iter_mut().find(|child| child.0 == name).unwrap())
}

fn set(tree: &mut Tree, path: &str, name: &'static str, value: Vec<u8>) {
    let node = find(tree, path);
    node.1.retain(|(other, _)| *other != name);
    node.1.push((name, value));
}

fn remove(tree: &mut Tree, path: &str, name: &str) {
    find(tree, path).2.retain(|child| child.0 != name);
}

/// What parsing the changed board, or making a partition of its two CPUs, says.
fn error(change: impl Fn(&mut Tree)) -> FdtError {
    let mut tree = board();
    set(&mut tree, "/soc@0/gic@1000", "phandle", cells(&[1]));
    set(&mut tree, "", "interrupt-parent", cells(&[1]));
    change(&mut tree);
    let build = |board: BoardTree| {
        let cpus = cpus(&board, &[0, 1]);
        plain(&cpus, range(1024, 64)).build(&board)
    };
    BoardTree::parse(&blob(&tree)).and_then(build).unwrap_err()
}

#[test]
fn devices_on_a_bus_stay_on_it_and_vendor_nodes_go() {
    let board = BoardTree::parse(&small_board()).unwrap();
    assert_eq!(board.clusters(), [0, 1]);
    let own = cpus(&board, &[1]);
    let blob = plain(&own, range(1024, 64)).build(&board).unwrap();
    let text = dtoolkit::fdt::Fdt::new(&blob).unwrap().to_string();
    for kept in ["ranges = <0x00 0x8000000 0x10000000>", "reg = <0x1000 0x10000 0x120000 0x20000>", "clock {"]
    {
        assert!(text.contains(kept), "{kept}\n{text}");
    }
    for dropped in ["disk", "vendor", "next-level-cache", "cpu@0"] {
        assert!(!text.contains(dropped), "{dropped}\n{text}");
    }
    assert_eq!(BoardTree::parse(&blob).unwrap().console.unwrap().path, "/soc@0/uart@20000");
}

#[test]
fn blobs_that_are_none_are_refused() {
    let real = qemu_virt();
    let parse = |blob: &[u8]| BoardTree::parse(blob).unwrap_err();
    assert!(matches!(parse(&[]), FdtError::TooShort { .. }));
    assert!(matches!(parse(&real[..39]), FdtError::TooShort { .. }));
    assert!(matches!(parse(&real[..real.len() - 1]), FdtError::Truncated { .. }));
    assert_eq!(parse(&[b'M'; 64]), FdtError::Magic { found: [b'M'; 4] });
    let mut large = real.clone();
    large[4..8].copy_from_slice(&(3u32 << 20).to_be_bytes());
    assert!(matches!(parse(&large), FdtError::TooLarge { .. }));
    let mut broken = real.clone();
    broken[8..12].copy_from_slice(&[0xff; 4]);
    assert!(parse(&broken).to_string().starts_with("Device tree is malformed: "), "{}", parse(&broken));
    let padded = [real, vec![0; 100]].concat();
    assert!(BoardTree::parse(&padded).is_ok());
}

#[test]
fn boards_without_what_a_partition_needs_are_refused() {
    assert_eq!(error(|tree| remove(tree, "", "cpus")), FdtError::NoCpus);
    assert_eq!(error(|tree| find(tree, "/cpus").2.clear()), FdtError::NoCpus);
    assert_eq!(error(|tree| remove(tree, "", "memory@40000000")), FdtError::NoMemory);
    assert_eq!(error(|tree| remove(tree, "/soc@0", "gic@1000")), FdtError::NoInterruptController);
    let gic_v2 = |tree: &mut Tree| set(tree, "/soc@0/gic@1000", "compatible", text("arm,gic-400"));
    assert_eq!(error(gic_v2), FdtError::NoInterruptController);
    assert_eq!(error(|tree| remove(tree, "", "timer")), FdtError::NoTimer);
    assert_eq!(error(|tree| remove(tree, "", "clock")), FdtError::ConsoleClock);
    assert_eq!(FdtError::NoTimer.kind(), ErrorKind::Unsupported);
}

#[test]
fn properties_that_break_their_binding_are_refused_by_name() {
    let cases: [(&'static str, &'static str, Vec<u8>, &str); 8] = [
        ("", "#address-cells", cells(&[3]), "/"),
        ("/cpus/cpu@0", "reg", cells(&[0, 0]), "cpu@0"),
        ("/memory@40000000", "reg", vec![1, 2, 3], "memory@40000000"),
        ("/memory@40000000", "reg", cells(&[0, 0, 1]), "memory@40000000"),
        ("/soc@0/gic@1000", "#redistributor-regions", cells(&[5]), "gic@1000"),
        ("/soc@0/gic@1000", "redistributor-stride", cells(&[0]), "gic@1000"),
        ("/soc@0/gic@1000", "phandle", cells(&[1, 1]), "gic@1000"),
        ("", "model", b"no zero".to_vec(), "/"),
    ];
    for (path, property, value, name) in cases {
        let error = error(|tree| set(tree, path, property, value.clone()));
        assert!(
            matches!(&error, FdtError::BadProperty { node, .. } if node == name),
            "{path} {property}: {error}"
        );
    }
}

#[test]
fn cpus_and_memory_that_contradict_themselves_are_refused() {
    let twin = |tree: &mut Tree| set(tree, "/cpus/cpu@100", "reg", cells(&[0]));
    assert_eq!(error(twin), FdtError::DuplicateCpu { mpidr: Mpidr(0) });
    let overlap = |tree: &mut Tree| {
        set(tree, "/memory@40000000", "reg", cells(&[0x4000_0000, 0x100_0000, 0x4080_0000, 0x100_0000]));
    };
    assert!(matches!(error(overlap), FdtError::MemoryOverlap { .. }));
    let short = |tree: &mut Tree| {
        set(tree, "/soc@0/gic@1000", "reg", cells(&[0x1000, 0x1_0000, 0x10_0000, 0x2_0000]));
    };
    assert_eq!(error(short), FdtError::NoRedistributor { cpu: CpuId(1) });
}

#[test]
fn devices_that_are_not_wired_to_the_gic_are_refused() {
    let foreign = |tree: &mut Tree| set(tree, "/soc@0/uart@20000", "interrupt-parent", cells(&[7]));
    assert_eq!(error(foreign), FdtError::ForeignInterrupt { node: "/soc@0/uart@20000".into() });
    let bus = |tree: &mut Tree| set(tree, "/soc@0", "interrupt-parent", cells(&[7]));
    assert_eq!(error(bus), FdtError::ForeignInterrupt { node: "/soc@0/uart@20000".into() });
}

/// A blob around a structure block without properties.
fn frame(structure: &[u8]) -> Vec<u8> {
    let len = u32::try_from(structure.len()).unwrap();
    let header = [0xd00d_feed, 56 + len, 56, 56 + len, 40, 17, 16, 0, 0, len];
    [cells(&header), vec![0; 16], structure.to_vec()].concat()
}

const ROOT: [u8; 8] = [0, 0, 0, 1, 0, 0, 0, 0];
const LEAVE: [u8; 4] = [0, 0, 0, 2];
const END: [u8; 4] = [0, 0, 0, 9];

fn enter(name: &str) -> Vec<u8> {
    let mut node = [&[0, 0, 0, 1], name.as_bytes(), &[0]].concat();
    node.resize(node.len().next_multiple_of(4), 0);
    node
}

/// Nodes in each other, the root being the first of them.
fn chain(levels: usize) -> Vec<u8> {
    frame(&[ROOT.to_vec(), enter("n").repeat(levels - 1), LEAVE.repeat(levels), END.to_vec()].concat())
}

/// `count` nodes at the end of a chain as deep as is allowed, every name as long as is allowed.
fn comb(count: u32) -> Vec<u8> {
    let depth = MAX_DEPTH - 2;
    let leaf = |n| [enter(&format!("n{n:x}")), LEAVE.to_vec()].concat();
    let stem = enter(&"x".repeat(31)).repeat(depth);
    let leaves: Vec<u8> = (0..count).flat_map(leaf).collect();
    frame(&[ROOT.to_vec(), stem, leaves, LEAVE.repeat(depth + 1), END.to_vec()].concat())
}

#[test]
fn nodes_too_deep_are_refused_and_the_stack_survives_the_deepest_blob_that_fits() {
    let parse = |levels| BoardTree::parse(&chain(levels)).unwrap_err();
    assert_eq!(parse(MAX_DEPTH), FdtError::NoMemory);
    assert_eq!(parse(MAX_DEPTH + 1), FdtError::TooDeep);
    assert_eq!(parse(170_000), FdtError::TooDeep);
}

#[test]
fn largest_blob_that_fits_gets_an_answer() {
    let blob = comb(120_000);
    assert!((1_900_000..2 << 20).contains(&blob.len()), "{}", blob.len());
    assert_eq!(BoardTree::parse(&blob).unwrap_err(), FdtError::NoMemory);
    let cpus = [(CpuId(0), Mpidr(0))];
    assert_eq!(plain(&cpus, range(1024, 64)).adopt(&blob), Err(FdtError::NoCpus));
}
