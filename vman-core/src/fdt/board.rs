//! What a board is made of, by its own tree.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use dtoolkit::model::{DeviceTree, DeviceTreeNode};
use dtoolkit::{Node, Property};

use super::cpus::{self, BoardCpu};
use super::node::{self, Cells, Walk};
use super::{BoardTreeBuilder, FdtError, blob};
use crate::id::{CpuId, CpuSet, Mpidr, PhysRange};

/// Memory that the tree reserves (`/reserved-memory`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReservedMemory {
    /// Name of the node.
    pub name: String,
    /// First string of `compatible`; empty if it has none.
    pub compatible: String,
    /// Where it is.
    pub range: PhysRange,
    /// Whether the operating system must not map it.
    pub no_map: bool,
}

/// The console: an Arm PL011 that `/chosen/stdout-path` names, or the first one if it names none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Console {
    /// Path of its node.
    pub path: String,
    /// What `stdout-path` says behind the colon, such as `115200n8`.
    pub options: Option<String>,
}

/// A board's device tree, read.
#[derive(Debug, Clone)]
pub struct BoardTree {
    pub(super) tree: DeviceTree,
    /// `model` of the root; empty if it has none.
    pub model: String,
    /// Every CPU, in the order of the nodes.
    pub cpus: Vec<BoardCpu>,
    /// Non-secure RAM, sorted.
    pub memory: Vec<PhysRange>,
    /// RAM that only the secure world sees (status disabled, secure-status okay), sorted.
    pub secure_memory: Vec<PhysRange>,
    /// Reserved memory, in the order of the nodes.
    pub reserved: Vec<ReservedMemory>,
    /// The console, if it is a PL011.
    pub console: Option<Console>,
    /// First INTID of the partitions' virtual consoles, if the firmware has interrupts for them
    /// (`/firmware/vmanager`, `console-interrupts`): CPU n's stands n behind it.
    pub console_interrupts: Option<u32>,
}

impl BoardTree {
    /// Reads a board's tree.
    ///
    /// # Errors
    /// [`FdtError`]: a broken blob, no CPUs or no memory, a property that breaks its binding.
    pub fn parse(blob: &[u8]) -> Result<Self, FdtError> {
        let tree = blob::parse(blob)?;
        let root = &tree.root;
        let memory = memory(root, node::is_okay)?;
        if memory.is_empty() {
            return Err(FdtError::NoMemory);
        }
        Ok(Self {
            model: node::string(root, "model")?.unwrap_or_default().to_string(),
            cpus: cpus::parse(root)?,
            memory,
            secure_memory: memory_of_secure_world(root)?,
            reserved: reserved(root)?,
            console: console(&tree)?,
            console_interrupts: console_interrupts(&tree)?,
            tree,
        })
    }

    /// Index and affinity of each CPU of `set`, as [`super::PartitionTree::cpus`] wants them.
    ///
    /// # Errors
    /// [`FdtError::NoSuchCpu`].
    pub fn select(&self, set: CpuSet) -> Result<Vec<(CpuId, Mpidr)>, FdtError> {
        let find = |cpu: CpuId| {
            let found = self.cpus.get(cpu.index()).map(|found| (cpu, found.mpidr));
            found.ok_or(FdtError::NoSuchCpu { cpu, count: self.cpus.len() })
        };
        set.iter().map(find).collect()
    }

    /// The memory that is reserved for partitions ([`BoardTreeBuilder::POOL_COMPATIBLE`]), sorted.
    pub fn pool(&self) -> Vec<PhysRange> {
        let is_pool = |reserved: &&ReservedMemory| reserved.compatible == BoardTreeBuilder::POOL_COMPATIBLE;
        let mut pool: Vec<_> = self.reserved.iter().filter(is_pool).map(|reserved| reserved.range).collect();
        pool.sort_unstable();
        pool
    }

    /// The cluster of each CPU by its index, as [`crate::plan::Inventory::clusters`] wants it.
    pub fn clusters(&self) -> Vec<u8> {
        self.cpus.iter().map(|cpu| cpu.cluster).collect()
    }
}

fn memory_of_secure_world(root: &DeviceTreeNode) -> Result<Vec<PhysRange>, FdtError> {
    memory(root, |node| !node::is_okay(node) && node::has_status(node, "secure-status", false))
}

/// The non-empty ranges of the memory nodes that `chosen` takes, sorted and disjoint.
pub(super) fn memory(
    root: &DeviceTreeNode,
    chosen: impl Fn(&DeviceTreeNode) -> bool,
) -> Result<Vec<PhysRange>, FdtError> {
    let cells = Cells::of(root)?;
    let mut ranges = Vec::new();
    for node in root.children().filter(|node| node::has_type(node, "memory") && chosen(node)) {
        ranges.extend(node::reg(node, cells)?.into_iter().filter(|range| !range.is_empty()));
    }
    ranges.sort_unstable();
    match ranges.windows(2).find(|pair| pair[0].overlaps(pair[1])) {
        Some(pair) => Err(FdtError::MemoryOverlap { one: pair[0], other: pair[1] }),
        None => Ok(ranges),
    }
}

/// Reservations with a place; those that the kernel places itself have a size only.
fn reserved(root: &DeviceTreeNode) -> Result<Vec<ReservedMemory>, FdtError> {
    let Some(parent) = root.child("reserved-memory") else { return Ok(Vec::new()) };
    let cells = Cells::of(parent)?;
    let mut found = Vec::new();
    for child in parent.children().filter(|child| node::is_okay(child)) {
        found.extend(node::reg(child, cells)?.into_iter().map(|range| ReservedMemory {
            name: child.name().to_string(),
            compatible: first_compatible(child),
            range,
            no_map: child.property("no-map").is_some(),
        }));
    }
    Ok(found)
}

fn console_interrupts(tree: &DeviceTree) -> Result<Option<u32>, FdtError> {
    match tree.find_node("/firmware/vmanager") {
        Some(vmanager) => node::number(vmanager, "console-interrupts"),
        None => Ok(None),
    }
}

fn first_compatible(node: &DeviceTreeNode) -> String {
    let first = node::compatible(node).next().unwrap_or_default();
    String::from_utf8_lossy(first).into_owned()
}

fn console(tree: &DeviceTree) -> Result<Option<Console>, FdtError> {
    let chosen = match tree.root.child("chosen") {
        Some(chosen) => node::string(chosen, "stdout-path")?,
        None => None,
    };
    let Some(stdout) = chosen else { return Ok(first_pl011(tree)) };
    let (name, options) = stdout.split_once(':').map_or((stdout, None), |(name, rest)| (name, Some(rest)));
    let path = if name.starts_with('/') { Some(name) } else { alias(tree, name)? };
    let found = path.filter(|path| tree.find_node(path).is_some_and(is_pl011));
    Ok(found.map(|path| Console { path: path.to_string(), options: options.map(str::to_string) }))
}

fn alias<'a>(tree: &'a DeviceTree, name: &str) -> Result<Option<&'a str>, FdtError> {
    let Some(aliases) = tree.root.child("aliases") else { return Ok(None) };
    let Some(property) = aliases.property(name) else { return Ok(None) };
    let text = property.value_as::<&str>().map_err(|_| node::malformed(aliases, "stdout-path"))?;
    Ok(Some(text))
}

fn first_pl011(tree: &DeviceTree) -> Option<Console> {
    let (path, _) = Walk::new(&tree.root).find(is_pl011)?;
    Some(Console { path, options: None })
}

fn is_pl011(node: &DeviceTreeNode) -> bool {
    node::is_compatible(node, "arm,pl011") && node::is_okay(node)
}
