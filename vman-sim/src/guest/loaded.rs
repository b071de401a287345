//! What a guest finds in its memory: the kernel's header and the device tree, read as they were loaded.

use dtoolkit::fdt::Fdt;
use dtoolkit::{Node as _, Property as _, ToCellInt as _};
use vman_core::id::{Mpidr, PartitionId, PhysAddr};
use vman_core::image::{DEVICE_TREE_MAX, HEADER_LEN, KernelImage};

use crate::board::Board;

/// Magic and total size of a flattened device tree.
const TREE_PREFIX: usize = 8;
const TREE_MAGIC: u32 = 0xd00d_feed;

/// Why a guest cannot boot: where it looked and what was wrong, in a kernel's words.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unusable {
    pub(crate) address: PhysAddr,
    pub(crate) text: String,
    /// It is not the contents: the address is outside the partition's memory.
    pub(crate) outside: bool,
}

/// The facts of a device tree that a guest prints.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Tree {
    pub(crate) model: String,
    pub(crate) bootargs: String,
    /// Base and size of each range.
    pub(crate) memory: Vec<(u64, u64)>,
    pub(crate) cpus: Vec<Mpidr>,
    /// Start and end.
    pub(crate) initrd: Option<(u64, u64)>,
}

/// Reads the header of the kernel at `entry`.
pub(crate) fn kernel(board: &mut Board, id: PartitionId, entry: PhysAddr) -> Result<KernelImage, Unusable> {
    let header = read(board, id, entry, HEADER_LEN)?;
    let kernel = KernelImage::parse(&header).map_err(|error| Unusable {
        address: entry,
        text: error.to_string(),
        outside: false,
    })?;
    let last = PhysAddr(entry.0.saturating_add(kernel.image_size.0).saturating_sub(1));
    read(board, id, last, 1)?;
    Ok(kernel)
}

/// Reads the facts of the device tree at `address`.
pub(crate) fn tree(board: &mut Board, id: PartitionId, address: PhysAddr) -> Result<Tree, Unusable> {
    let unusable = |text: String| Unusable { address, text, outside: false };
    let blob = tree_blob(board, id, address)?;
    let fdt = Fdt::new(&blob).map_err(|error| unusable(format!("Broken device tree: {error}")))?;
    facts(&fdt).map_err(unusable)
}

/// Reads the bytes of the device tree at `address`.
pub(crate) fn tree_blob(board: &mut Board, id: PartitionId, address: PhysAddr) -> Result<Vec<u8>, Unusable> {
    let unusable = |text: String| Unusable { address, text, outside: false };
    let prefix = read(board, id, address, TREE_PREFIX)?;
    let [magic, size] =
        [0, 4].map(|at| u32::from_be_bytes([prefix[at], prefix[at + 1], prefix[at + 2], prefix[at + 3]]));
    if magic != TREE_MAGIC {
        return Err(unusable(format!("No device tree: magic {magic:#010x}")));
    }
    if u64::from(size) > DEVICE_TREE_MAX.0 {
        return Err(unusable(format!("Device tree of {size} bytes is larger than {DEVICE_TREE_MAX}")));
    }
    read(board, id, address, usize::try_from(size).unwrap_or(usize::MAX))
}

fn read(board: &mut Board, id: PartitionId, address: PhysAddr, len: usize) -> Result<Vec<u8>, Unusable> {
    board.guest_read(id, address, len).ok_or_else(|| Unusable {
        address,
        text: format!("Unable to handle access to {address}, which is outside this partition"),
        outside: true,
    })
}

fn facts(fdt: &Fdt<'_>) -> Result<Tree, String> {
    let root = fdt.root();
    let text =
        |name: &str| root.property(name).and_then(|model| model.value_as::<&str>().ok().map(String::from));
    let mut tree = Tree { model: text("model").unwrap_or_default(), ..Tree::default() };
    for node in root.children().filter(|node| node.name_without_address() == "memory") {
        let reg = node.reg().map_err(|error| format!("Broken memory node: {error}"))?;
        for range in reg.into_iter().flatten() {
            match (range.address(), range.size()) {
                (Ok(base), Ok(size)) => tree.memory.push((base, size)),
                _ => return Err("Memory node with numbers of more than 64 bits".into()),
            }
        }
    }
    if tree.memory.is_empty() {
        return Err("Device tree without memory".into());
    }
    let cpus = fdt.cpus().map_err(|error| format!("Device tree without CPUs: {error}"))?;
    for cpu in cpus.cpus() {
        let mut ids = cpu.ids().map_err(|error| format!("Broken CPU node: {error}"))?;
        let id = ids.next().and_then(|id| id.to_int().ok()).ok_or("CPU node without a number")?;
        tree.cpus.push(Mpidr(id));
    }
    if let Some(chosen) = fdt.chosen() {
        tree.bootargs = chosen.bootargs().ok().flatten().unwrap_or_default().into();
        let address = |name: &str| chosen.property(name).and_then(|property| number(property.value()));
        tree.initrd = address("linux,initrd-start").zip(address("linux,initrd-end"));
    }
    Ok(tree)
}

/// A number of one or two cells.
fn number(value: &[u8]) -> Option<u64> {
    match *value {
        [a, b, c, d] => Some(u32::from_be_bytes([a, b, c, d]).into()),
        [a, b, c, d, e, f, g, h] => Some(u64::from_be_bytes([a, b, c, d, e, f, g, h])),
        _ => None,
    }
}
