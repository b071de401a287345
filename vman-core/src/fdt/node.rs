//! Reading and writing properties.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use dtoolkit::model::{DeviceTreeNode, DeviceTreeProperty};
use dtoolkit::{Node, Property, ToPropertyValue};

use super::FdtError;
use crate::id::{ByteSize, PhysAddr, PhysRange};

/// `#address-cells` and `#size-cells` of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cells {
    pub(super) address: usize,
    pub(super) size: usize,
}

impl Cells {
    /// Numbers of 64 bits have at most two cells; buses with more (PCI) are never read.
    const MAX: u32 = 2;

    /// What a node says of its children; 2 and 1 if it says nothing, as the specification has it.
    pub(super) fn of(node: &DeviceTreeNode) -> Result<Self, FdtError> {
        let read = |property, default| {
            let cells = number(node, property)?.unwrap_or(default);
            let cells = usize::try_from(cells).ok().filter(|_| cells <= Self::MAX);
            cells.ok_or_else(|| malformed(node, property))
        };
        Ok(Self { address: read("#address-cells", 2)?, size: read("#size-cells", 1)? })
    }
}

pub(super) fn malformed(node: &DeviceTreeNode, property: &'static str) -> FdtError {
    let name = node.name();
    FdtError::BadProperty { node: if name.is_empty() { "/" } else { name }.to_string(), property }
}

/// A property of one cell.
pub(super) fn number(node: &DeviceTreeNode, name: &'static str) -> Result<Option<u32>, FdtError> {
    let Some(property) = node.property(name) else { return Ok(None) };
    property.value_as().map(Some).map_err(|_| malformed(node, name))
}

/// The bytes of a property; none if it is missing.
pub(super) fn bytes<'a>(node: &'a DeviceTreeNode, name: &str) -> &'a [u8] {
    node.property(name).and_then(|property| property.value_as().ok()).unwrap_or_default()
}

/// A property that is one string.
pub(super) fn string<'a>(node: &'a DeviceTreeNode, name: &'static str) -> Result<Option<&'a str>, FdtError> {
    let Some(property) = node.property(name) else { return Ok(None) };
    let text = property.value_as::<&str>().ok().filter(|text| !text.contains('\0'));
    text.map(Some).ok_or_else(|| malformed(node, name))
}

/// The strings of `compatible`.
pub(super) fn compatible(node: &DeviceTreeNode) -> impl Iterator<Item = &[u8]> {
    bytes(node, "compatible").split(|byte| *byte == 0)
}

/// Whether one of the strings of `compatible` is `what`.
pub(super) fn is_compatible(node: &DeviceTreeNode, what: &str) -> bool {
    compatible(node).any(|string| string == what.as_bytes())
}

/// Whether `status` is missing or okay.
pub(super) fn is_okay(node: &DeviceTreeNode) -> bool {
    has_status(node, "status", true)
}

/// Whether `property`, a kind of `status`, is okay; `default` if it is missing.
pub(super) fn has_status(node: &DeviceTreeNode, property: &str, default: bool) -> bool {
    match node.property(property) {
        Some(status) => matches!(status.value(), b"okay\0" | b"ok\0"),
        None => default,
    }
}

pub(super) fn has_type(node: &DeviceTreeNode, device_type: &str) -> bool {
    matches!(string(node, "device_type"), Ok(Some(found)) if found == device_type)
}

/// The ranges of `reg`, in `cells` of the parent; without a size cell the sizes are 0.
pub(super) fn reg(node: &DeviceTreeNode, cells: Cells) -> Result<Vec<PhysRange>, FdtError> {
    let Some(property) = node.property("reg") else { return Ok(Vec::new()) };
    let array = property.as_prop_encoded_array([cells.address, cells.size]);
    let pairs = array.map_err(|_| malformed(node, "reg"))?;
    pairs
        .map(|pair| {
            let [base, size] = pair.map(|cells| join(cells.as_ref().iter().map(|cell| cell.get())));
            PhysRange::new(PhysAddr(base), ByteSize(size)).ok_or_else(|| malformed(node, "reg"))
        })
        .collect()
}

fn join(cells: impl Iterator<Item = u32>) -> u64 {
    cells.fold(0, |value, cell| value << u32::BITS | u64::from(cell))
}

/// The value of a `reg` that [`reg`] reads back.
pub(super) fn encode_reg(ranges: &[PhysRange], cells: Cells) -> Result<Vec<u8>, FdtError> {
    let mut value = Vec::new();
    for range in ranges {
        for (number, cells) in [(range.base().0, cells.address), (range.size().0, cells.size)] {
            let bytes = number.to_be_bytes();
            let (dropped, kept) = bytes.split_at(bytes.len() - cells * size_of::<u32>());
            if dropped.iter().any(|byte| *byte != 0) {
                return Err(FdtError::TooFewCells { range: *range });
            }
            value.extend_from_slice(kept);
        }
    }
    Ok(value)
}

/// Sets a property whose name is a constant of ours, and therefore valid.
pub(super) fn set(node: &mut DeviceTreeNode, name: &'static str, value: impl ToPropertyValue) {
    node.add_property(DeviceTreeProperty::new_unchecked(name, value));
}

/// A node whose name is of ours, and therefore valid.
pub(super) fn new(name: impl Into<String>) -> DeviceTreeNode {
    DeviceTreeNode::new_unchecked(name)
}

/// The node without its children, and of its properties those that `keep` lists.
pub(super) fn strip(node: &DeviceTreeNode, keep: &[&str]) -> DeviceTreeNode {
    let mut copy = new(node.name());
    for property in node.properties().filter(|property| keep.contains(&property.name())) {
        copy.add_property(property.clone());
    }
    copy
}

/// Every node below and with a root, parents first. Paths are made when they are asked for: those of all nodes could
/// take a hundred times the memory of a hostile blob.
pub(super) struct Walk<'a> {
    /// Index of the parent (the root's is its own), and the node.
    nodes: Vec<(usize, &'a DeviceTreeNode)>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(root: &'a DeviceTreeNode) -> Self {
        let mut nodes = alloc::vec![(0, root)];
        let mut next = 0;
        while let Some((_, node)) = nodes.get(next).copied() {
            nodes.extend(node.children().map(|child| (next, child)));
            next += 1;
        }
        Self { nodes }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &'a DeviceTreeNode> {
        self.nodes.iter().map(|(_, node)| *node)
    }

    /// The first node that `wanted` takes, and its path; the root's is empty.
    pub(super) fn find(
        &self,
        mut wanted: impl FnMut(&DeviceTreeNode) -> bool,
    ) -> Option<(String, &'a DeviceTreeNode)> {
        let index = self.nodes.iter().position(|(_, node)| wanted(node))?;
        Some((self.path(index), self.nodes[index].1))
    }

    fn path(&self, index: usize) -> String {
        let (parent, node) = self.nodes[index];
        if index == parent { String::new() } else { self.path(parent) + "/" + node.name() }
    }
}
