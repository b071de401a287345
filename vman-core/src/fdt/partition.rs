//! A partition's device tree, made from the board's.

use alloc::collections::btree_map::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use dtoolkit::Node;
use dtoolkit::model::{DeviceTree, DeviceTreeNode};

use super::board::{BoardTree, Console};
use super::node::{self, Cells, Walk};
use super::{FdtError, blob, cpus, gic};
use crate::id::{CpuId, Mpidr, PartitionId, PhysRange};

/// arm64 Linux keeps at most this many bytes of a command line (`COMMAND_LINE_SIZE`), its zero byte included.
pub const COMMAND_LINE_MAX: usize = 2047;

/// INTIDs of shared peripheral interrupts.
const SPIS: core::ops::Range<u32> = 32..1020;

/// `uartclk` and `apb_pclk`.
const PL011_CLOCKS: usize = 2;

/// Fresh random numbers for a kernel that has no source of its own yet. They must come from a good source and serve
/// one boot only.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Entropy {
    /// Where the kernel places itself in its address space.
    pub kaslr_seed: u64,
    /// Seed of the kernel's random number generator.
    pub rng_seed: [u8; 32],
}

/// Says nothing of the numbers.
impl core::fmt::Debug for Entropy {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Entropy")
    }
}

/// Memory that the partition shares with another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// Where it is.
    pub memory: PhysRange,
    /// The other partition.
    pub peer: PartitionId,
}

impl Link {
    /// `compatible` of its node.
    pub const COMPATIBLE: &str = "aivirt,link";
    /// Property of its node: number of the other partition.
    pub const PEER: &str = "aivirt,peer";
}

/// What a partition's device tree tells its kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionTree<'a> {
    /// Its CPUs: index on the board and affinity.
    pub cpus: &'a [(CpuId, Mpidr)],
    /// Its memory.
    pub memory: PhysRange,
    /// The kernel's command line. `None`: none, or the one of the tree that is adopted.
    pub command_line: Option<&'a str>,
    /// The initial ramdisk. `None`: none, also if the tree that is adopted names one.
    pub initrd: Option<PhysRange>,
    /// INTID of the console's interrupt, if it is neither the one that the board's tree gives the consoles of
    /// partitions ([`BoardTree::console_interrupts`]) nor the one of the board's own console.
    pub console_interrupt: Option<u32>,
    /// Random numbers for the kernel.
    pub entropy: Option<Entropy>,
    /// Memory that it shares with others.
    pub links: &'a [Link],
}

const KEPT_OF_BUS: [&str; 5] = ["compatible", "#address-cells", "#size-cells", "ranges", "phandle"];
const KEPT_OF_TIMER: [&str; 5] =
    ["compatible", "interrupts", "always-on", "clock-frequency", "arm,no-tick-in-suspend"];
const KEPT_OF_CLOCK: [&str; 5] =
    ["compatible", "#clock-cells", "clock-frequency", "clock-output-names", "phandle"];
const KEPT_OF_CONSOLE: [&str; 9] = [
    "compatible",
    "reg",
    "interrupts",
    "clocks",
    "clock-names",
    "current-speed",
    "arm,primecell-periphid",
    "reg-io-width",
    "reg-shift",
];
const KEPT_OF_CPU: [&str; 11] = [
    "device_type",
    "compatible",
    "reg",
    "phandle",
    "capacity-dmips-mhz",
    "i-cache-size",
    "i-cache-line-size",
    "i-cache-sets",
    "d-cache-size",
    "d-cache-line-size",
    "d-cache-sets",
];

impl PartitionTree<'_> {
    /// Makes the tree; `board` is the board's own.
    ///
    /// # Errors
    /// [`FdtError`]: a CPU that the board lacks, a board without GICv3 or timer, a console that cannot be kept, a
    /// command line or ramdisk that breaks a rule.
    pub fn build(&self, board: &BoardTree) -> Result<Vec<u8>, FdtError> {
        self.check()?;
        let mut tree = DeviceTree::new();
        tree.root = self.devices(board)?;
        let root = &mut tree.root;
        root.add_child(self.cpu_nodes(board)?);
        root.add_child(self.memory_node(board)?);
        root.add_child(psci());
        self.add_links(root)?;
        if let Some(console) = &board.console {
            root.add_child(aliases(console));
        }
        let mut chosen = node::new("chosen");
        if let Some(console) = &board.console {
            node::set(&mut chosen, "stdout-path", stdout_path(console));
        }
        self.edit_chosen(&mut chosen);
        root.add_child(chosen);
        blob::write(&tree)
    }

    /// The rules that need no tree.
    pub(super) fn check(&self) -> Result<(), FdtError> {
        let line = self.command_line.unwrap_or_default();
        if line.len() > COMMAND_LINE_MAX {
            return Err(FdtError::CommandLineTooLong { len: line.len() });
        }
        if line.contains('\0') {
            return Err(FdtError::CommandLineZero);
        }
        if let Some(found) = self.initrd.filter(|initrd| !self.memory.encloses(*initrd)) {
            return Err(FdtError::ForeignInitrd { found, memory: self.memory });
        }
        match self.console_interrupt {
            Some(intid) if !SPIS.contains(&intid) => Err(FdtError::NoSpi { intid }),
            _ => Ok(()),
        }
    }

    /// Writes command line, ramdisk and random numbers.
    pub(super) fn edit_chosen(&self, chosen: &mut DeviceTreeNode) {
        if let Some(line) = self.command_line {
            node::set(chosen, "bootargs", line);
        }
        chosen.remove_property("linux,initrd-start");
        chosen.remove_property("linux,initrd-end");
        if let Some(initrd) = self.initrd {
            node::set(chosen, "linux,initrd-start", initrd.base().0);
            node::set(chosen, "linux,initrd-end", initrd.end().0);
        }
        if let Some(entropy) = self.entropy {
            node::set(chosen, "kaslr-seed", entropy.kaslr_seed);
            node::set(chosen, "rng-seed", entropy.rng_seed.as_slice());
        }
    }

    /// A node for each link: no memory of the kernel's own, so that it maps it on demand only.
    pub(super) fn add_links(&self, root: &mut DeviceTreeNode) -> Result<(), FdtError> {
        let cells = Cells::of(root)?;
        for link in self.links {
            let mut node = node::new(format!("link@{:x}", link.memory.base().0));
            node::set(&mut node, "compatible", Link::COMPATIBLE);
            node::set(&mut node, "reg", node::encode_reg(&[link.memory], cells)?);
            node::set(&mut node, Link::PEER, link.peer.0);
            root.add_child(node);
        }
        Ok(())
    }

    /// The root with the devices that stay, on their buses.
    fn devices(&self, board: &BoardTree) -> Result<DeviceTreeNode, FdtError> {
        let root = &board.tree.root;
        let kept = self.kept(board)?;
        let mut pruned = prune(root, "", &kept).ok_or(FdtError::NoInterruptController)?;
        for name in ["model", "compatible", "#address-cells", "#size-cells"] {
            if let Some(property) = root.property(name) {
                pruned.add_property(property.clone());
            }
        }
        pruned.remove_property("ranges");
        node::set(&mut pruned, "interrupt-parent", gic_phandle(board)?);
        Ok(pruned)
    }

    /// What stands at the paths of the devices that stay.
    fn kept(&self, board: &BoardTree) -> Result<BTreeMap<String, DeviceTreeNode>, FdtError> {
        let mut kept = BTreeMap::new();
        let (gic_path, gic_node) = find_gic(board)?;
        let cells = parent_cells(&board.tree, &gic_path)?;
        let lowest = self.cpus.iter().map(|(cpu, _)| *cpu).min().ok_or(FdtError::NoCpus)?;
        let highest = self.cpus.iter().map(|(cpu, _)| *cpu).max().ok_or(FdtError::NoCpus)?;
        let mut reduced = gic::reduce(gic_node, cells, lowest, highest)?;
        node::set(&mut reduced, "phandle", gic_phandle(board)?);
        kept.insert(gic_path, reduced);
        let is_timer = |node: &DeviceTreeNode| node::is_compatible(node, "arm,armv8-timer");
        let (path, timer) = Walk::new(&board.tree.root).find(is_timer).ok_or(FdtError::NoTimer)?;
        check_wired(board, &path)?;
        kept.insert(path, node::strip(timer, &KEPT_OF_TIMER));
        if let Some(console) = &board.console {
            self.keep_console(board, console, &mut kept)?;
        }
        Ok(kept)
    }

    fn keep_console(
        &self,
        board: &BoardTree,
        console: &Console,
        kept: &mut BTreeMap<String, DeviceTreeNode>,
    ) -> Result<(), FdtError> {
        let Some(original) = board.tree.find_node(&console.path) else { return Ok(()) };
        let mut node = node::strip(original, &KEPT_OF_CONSOLE);
        match self.console_interrupt.or_else(|| self.interrupt_of_board(board)) {
            Some(intid) => node::set(&mut node, "interrupts", spi(intid, interrupt_cells(board)?)),
            None => check_wired(board, &console.path)?,
        }
        let (clocks, rest) = node::bytes(original, "clocks").as_chunks();
        if clocks.len() > PL011_CLOCKS || !rest.is_empty() {
            return Err(FdtError::ConsoleClock);
        }
        for phandle in clocks {
            let (path, clock) = find_clock(board, u32::from_be_bytes(*phandle))?;
            kept.insert(path, node::strip(clock, &KEPT_OF_CLOCK));
        }
        kept.insert(console.path.clone(), node);
        Ok(())
    }

    /// A virtual console's interrupt goes with the partition's lowest CPU.
    fn interrupt_of_board(&self, board: &BoardTree) -> Option<u32> {
        let lowest = self.cpus.iter().map(|(cpu, _)| *cpu).min()?;
        board.console_interrupts?.checked_add(u32::from(lowest.0)).filter(|intid| SPIS.contains(intid))
    }

    fn cpu_nodes(&self, board: &BoardTree) -> Result<DeviceTreeNode, FdtError> {
        let root = &board.tree.root;
        let original = root.child("cpus").ok_or(FdtError::NoCpus)?;
        let mut parent = node::strip(original, &["#address-cells", "#size-cells"]);
        for (index, cpu) in (0..).zip(cpus::nodes(root)) {
            let id = CpuId(index);
            if let Some((_, mpidr)) = self.cpus.iter().find(|(own, _)| *own == id) {
                if cpus::mpidr(root, cpu)? != *mpidr {
                    return Err(FdtError::UnknownCpu { cpu: id, mpidr: *mpidr });
                }
                let mut copy = node::strip(cpu, &KEPT_OF_CPU);
                node::set(&mut copy, "enable-method", "psci");
                parent.add_child(copy);
            }
        }
        match self.cpus.iter().find(|(cpu, _)| cpu.index() >= board.cpus.len()) {
            Some((cpu, mpidr)) => Err(FdtError::UnknownCpu { cpu: *cpu, mpidr: *mpidr }),
            None => Ok(parent),
        }
    }

    fn memory_node(&self, board: &BoardTree) -> Result<DeviceTreeNode, FdtError> {
        let mut memory = node::new(format!("memory@{:x}", self.memory.base().0));
        node::set(&mut memory, "device_type", "memory");
        let cells = Cells::of(&board.tree.root)?;
        node::set(&mut memory, "reg", node::encode_reg(&[self.memory], cells)?);
        Ok(memory)
    }
}

/// What `kept` says of `node` and the nodes below it; buses on the way keep what translates addresses.
fn prune(
    node: &DeviceTreeNode,
    path: &str,
    kept: &BTreeMap<String, DeviceTreeNode>,
) -> Option<DeviceTreeNode> {
    if let Some(kept) = kept.get(path) {
        return Some(kept.clone());
    }
    let mut copy = node::strip(node, &KEPT_OF_BUS);
    for child in node.children() {
        let path = format!("{path}/{}", child.name());
        if let Some(child) = prune(child, &path, kept) {
            copy.add_child(child);
        }
    }
    copy.children().next().is_some().then_some(copy)
}

fn find_gic(board: &BoardTree) -> Result<(String, &DeviceTreeNode), FdtError> {
    Walk::new(&board.tree.root).find(gic::is_gic).ok_or(FdtError::NoInterruptController)
}

/// The GIC's phandle, or a new one if nothing refers to it yet.
fn gic_phandle(board: &BoardTree) -> Result<u32, FdtError> {
    if let Some(phandle) = node::number(find_gic(board)?.1, "phandle")? {
        return Ok(phandle);
    }
    let mut highest = 0;
    for node in Walk::new(&board.tree.root).iter() {
        highest = highest.max(node::number(node, "phandle")?.unwrap_or(0));
    }
    Ok(highest.checked_add(1).filter(|phandle| *phandle != u32::MAX).unwrap_or(1))
}

fn interrupt_cells(board: &BoardTree) -> Result<usize, FdtError> {
    let (_, gic) = find_gic(board)?;
    let cells = node::number(gic, "#interrupt-cells")?.and_then(|cells| usize::try_from(cells).ok());
    cells.filter(|cells| matches!(cells, 3 | 4)).ok_or_else(|| node::malformed(gic, "#interrupt-cells"))
}

/// A level-sensitive, high-active SPI in the cells of the GIC's binding.
fn spi(intid: u32, cells: usize) -> Vec<u32> {
    const SPI: u32 = 0;
    const LEVEL_HIGH: u32 = 4;
    let mut value = alloc::vec![SPI, intid - SPIS.start, LEVEL_HIGH];
    value.resize(cells, 0);
    value
}

/// The device at `path`, whose interrupts stay as they are, must be wired to the GIC.
fn check_wired(board: &BoardTree, path: &str) -> Result<(), FdtError> {
    let mut parent = None;
    let mut node = &board.tree.root;
    for name in core::iter::once("").chain(path.split('/').skip(1)) {
        if !name.is_empty() {
            node = node.child(name).ok_or_else(|| FdtError::ForeignInterrupt { node: path.into() })?;
        }
        parent = node::number(node, "interrupt-parent")?.or(parent);
    }
    if node.property("interrupts-extended").is_some() || parent != Some(gic_phandle(board)?) {
        return Err(FdtError::ForeignInterrupt { node: path.into() });
    }
    Ok(())
}

fn parent_cells(tree: &DeviceTree, path: &str) -> Result<Cells, FdtError> {
    let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
    let node = if parent.is_empty() { Some(&tree.root) } else { tree.find_node(parent) };
    node.map_or(Err(FdtError::NoInterruptController), Cells::of)
}

fn find_clock(board: &BoardTree, phandle: u32) -> Result<(String, &DeviceTreeNode), FdtError> {
    let is_it = |node: &DeviceTreeNode| {
        node::is_compatible(node, "fixed-clock") && node::number(node, "phandle") == Ok(Some(phandle))
    };
    Walk::new(&board.tree.root).find(is_it).ok_or(FdtError::ConsoleClock)
}

fn psci() -> DeviceTreeNode {
    let mut psci = node::new("psci");
    node::set(&mut psci, "compatible", ["arm,psci-1.0", "arm,psci-0.2"].as_slice());
    node::set(&mut psci, "method", "smc");
    psci
}

fn aliases(console: &Console) -> DeviceTreeNode {
    let mut aliases = node::new("aliases");
    node::set(&mut aliases, "serial0", console.path.as_str());
    aliases
}

fn stdout_path(console: &Console) -> String {
    match &console.options {
        Some(options) => format!("{}:{options}", console.path),
        None => console.path.clone(),
    }
}
