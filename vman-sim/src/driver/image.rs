//! Copies of deployed images, kept for reboots.

use std::sync::Arc;

use vman_core::device::{DeviceError, LoadImage};
use vman_core::error::ErrorKind;
use vman_core::id::{ByteSize, PhysAddr, PhysRange};

/// An instruction's alignment in bytes.
const INSTRUCTION: u64 = 4;
/// A device tree's alignment in bytes.
const DEVICE_TREE: u64 = 8;

/// A copy of an image. The board's memory refers to it instead of copying it again.
#[derive(Debug, Clone)]
pub(super) struct Pinned {
    /// Offset in the partition, and the bytes.
    pub(super) segments: Vec<(u64, Arc<[u8]>)>,
    pub(super) entry: u64,
    pub(super) device_tree: u64,
    /// All bytes together.
    pub(super) bytes: u64,
}

impl Pinned {
    /// Checks an image against the partition's memory and copies it.
    ///
    /// # Errors
    /// `InvalidArgument` with the rule that is broken.
    pub(super) fn new(image: &LoadImage<'_>, memory: PhysRange) -> Result<Self, DeviceError> {
        let size = memory.size();
        check_start("Entry", image.entry, INSTRUCTION, size)?;
        check_start("Device tree", image.device_tree, DEVICE_TREE, size)?;
        check_segments(image, size)?;
        let segments = image.segments.iter().map(|segment| (segment.offset, segment.data.into())).collect();
        let bytes = image.segments.iter().map(|segment| length(segment.data)).sum();
        Ok(Self { segments, entry: image.entry, device_tree: image.device_tree, bytes })
    }

    /// The address of an offset.
    pub(super) fn address(memory: PhysRange, offset: u64) -> PhysAddr {
        PhysAddr(memory.base().0.saturating_add(offset))
    }
}

fn check_start(what: &str, offset: u64, alignment: u64, size: ByteSize) -> Result<(), DeviceError> {
    if offset >= size.0 {
        return Err(refused(format!("{what} at offset {offset:#x} is outside the partition's {size}")));
    }
    if !offset.is_multiple_of(alignment) {
        return Err(refused(format!("{what} at offset {offset:#x} is not a multiple of {alignment}")));
    }
    Ok(())
}

fn check_segments(image: &LoadImage<'_>, size: ByteSize) -> Result<(), DeviceError> {
    if image.segments.is_empty() {
        return Err(refused("Nothing to load"));
    }
    let mut ends: Vec<(u64, u64)> = Vec::with_capacity(image.segments.len());
    for segment in &image.segments {
        let offset = segment.offset;
        if segment.data.is_empty() {
            return Err(refused(format!("Segment at offset {offset:#x} is empty")));
        }
        match offset.checked_add(length(segment.data)) {
            Some(end) if end <= size.0 => ends.push((offset, end)),
            _ => {
                let len = ByteSize(length(segment.data));
                return Err(refused(format!(
                    "Segment of {len} at offset {offset:#x} does not fit the partition's {size}"
                )));
            }
        }
    }
    ends.sort_unstable();
    match ends.windows(2).find(|pair| pair[0].1 > pair[1].0) {
        Some(pair) => {
            Err(refused(format!("Segments at offsets {:#x} and {:#x} overlap", pair[0].0, pair[1].0)))
        }
        None => Ok(()),
    }
}

fn refused(text: impl Into<String>) -> DeviceError {
    DeviceError::new(ErrorKind::InvalidArgument, text)
}

fn length(data: &[u8]) -> u64 {
    u64::try_from(data.len()).unwrap_or(u64::MAX)
}
