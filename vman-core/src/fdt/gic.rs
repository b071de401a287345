//! The interrupt controller of a partition.

use alloc::vec::Vec;

use dtoolkit::model::DeviceTreeNode;
use dtoolkit::{Node, Property};

use super::FdtError;
use super::node::{self, Cells};
use crate::id::{CpuId, PhysAddr, PhysRange};

/// Bytes of one GICv3 redistributor: the control frame and the SGI frame.
const FRAME: u64 = 128 << 10;

const KEPT: [&str; 6] = [
    "compatible",
    "#interrupt-cells",
    "interrupt-controller",
    "interrupts",
    "phandle",
    "redistributor-stride",
];

pub(super) fn is_gic(node: &DeviceTreeNode) -> bool {
    node::is_compatible(node, "arm,gic-v3") && node::is_okay(node)
}

/// The node with the redistributors of `lowest` to `highest` only, without ITS, MBIs and GICv2 emulation.
pub(super) fn reduce(
    gic: &DeviceTreeNode,
    cells: Cells,
    lowest: CpuId,
    highest: CpuId,
) -> Result<DeviceTreeNode, FdtError> {
    let (distributor, regions) = split(gic, cells)?;
    let kept = frames(&regions, stride(gic)?, lowest, highest)?;
    let mut ranges = alloc::vec![distributor];
    ranges.extend(&kept);
    let mut reduced = node::strip(gic, &KEPT);
    let count = u32::try_from(kept.len()).map_err(|_| node::malformed(gic, "reg"))?;
    node::set(&mut reduced, "#address-cells", 0u32);
    node::set(&mut reduced, "#redistributor-regions", count);
    node::set(&mut reduced, "reg", node::encode_reg(&ranges, cells)?);
    Ok(reduced)
}

/// The distributor and the redistributor regions.
fn split(gic: &DeviceTreeNode, cells: Cells) -> Result<(PhysRange, Vec<PhysRange>), FdtError> {
    let count = node::number(gic, "#redistributor-regions")?.unwrap_or(1);
    let count = usize::try_from(count).map_err(|_| node::malformed(gic, "#redistributor-regions"))?;
    let ranges = node::reg(gic, cells)?;
    match ranges.split_first() {
        Some((distributor, others)) if count > 0 && others.len() >= count => {
            Ok((*distributor, others[..count].to_vec()))
        }
        _ => Err(node::malformed(gic, "reg")),
    }
}

fn stride(gic: &DeviceTreeNode) -> Result<u64, FdtError> {
    const NAME: &str = "redistributor-stride";
    let Some(property) = gic.property(NAME) else { return Ok(FRAME) };
    let stride = property.value_as::<u64>().or_else(|_| property.value_as::<u32>().map(u64::from));
    let stride = stride.ok().filter(|stride| *stride != 0 && stride.is_multiple_of(FRAME));
    stride.ok_or_else(|| node::malformed(gic, NAME))
}

/// Of each region what lies between the frames of `lowest` and `highest`; frames are counted through the regions.
fn frames(
    regions: &[PhysRange],
    stride: u64,
    lowest: CpuId,
    highest: CpuId,
) -> Result<Vec<PhysRange>, FdtError> {
    let (lowest, end) = (u64::from(lowest.0), u64::from(highest.0) + 1);
    let (mut first, mut kept) = (0, Vec::new());
    for region in regions {
        let behind = first + region.size().0 / stride;
        let (from, to) = (lowest.max(first), end.min(behind));
        if from < to {
            let address = |frame: u64| PhysAddr(region.base().0 + (frame - first) * stride);
            kept.push(PhysRange::between(address(from), address(to)));
        }
        first = behind;
    }
    if first < end { Err(FdtError::NoRedistributor { cpu: highest }) } else { Ok(kept) }
}
