//! Where everything is loaded.

use super::{ImageError, KernelImage, Part};
use crate::id::{ByteSize, PhysAddr, PhysRange};

/// arm64 Linux maps at most this much for a device tree.
pub const DEVICE_TREE_MAX: ByteSize = ByteSize(2 << 20);
/// arm64 Linux maps kernel and device tree in blocks of this.
const BLOCK: u64 = 2 << 20;
/// Kernel and initial ramdisk lie in one window of this size, from a multiple of [`WINDOW_ALIGNMENT`].
const WINDOW: u64 = 32 << 30;
const WINDOW_ALIGNMENT: u64 = 1 << 30;

/// Where everything is loaded; nothing overlaps, everything lies in the partition's memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// The kernel: its file, then what it clears. Its first byte is its entry point.
    pub kernel: PhysRange,
    /// The device tree, at the start of a 2 MiB block of its own.
    pub device_tree: PhysRange,
    /// The initial ramdisk.
    pub initrd: Option<PhysRange>,
}

impl Layout {
    /// The address of the first instruction.
    pub const fn entry(&self) -> PhysAddr {
        self.kernel.base()
    }
}

/// Finds places in `memory`, from the bottom up: kernel, device tree (`device_tree_len` bytes), initial ramdisk
/// (`initrd_len` bytes, 0 for none). The places of kernel and ramdisk do not depend on the length of the device tree,
/// which can therefore name them.
///
/// # Errors
/// [`ImageError`]: the rule and the sizes.
pub fn layout(
    memory: PhysRange,
    kernel: &KernelImage,
    initrd_len: u64,
    device_tree_len: u64,
) -> Result<Layout, ImageError> {
    if device_tree_len == 0 || device_tree_len > DEVICE_TREE_MAX.0 {
        return Err(ImageError::DeviceTreeLength { len: ByteSize(device_tree_len) });
    }
    if !memory.base().0.is_multiple_of(BLOCK) {
        return Err(ImageError::Unaligned { base: memory.base().0 });
    }
    let mut places = Places { memory, taken: kernel.text_offset };
    let kernel = places.take(Part::Kernel, kernel.image_size.0)?;
    places.align();
    let block = places.take(Part::DeviceTree, DEVICE_TREE_MAX.0)?;
    let device_tree = PhysRange::between(block.base(), PhysAddr(block.base().0 + device_tree_len));
    let initrd = match initrd_len {
        0 => None,
        len => Some(check_window(kernel, places.take(Part::Initrd, len)?)?),
    };
    Ok(Layout { kernel, device_tree, initrd })
}

fn check_window(kernel: PhysRange, initrd: PhysRange) -> Result<PhysRange, ImageError> {
    let window = kernel.base().0 & !(WINDOW_ALIGNMENT - 1);
    if initrd.end().0 - window > WINDOW {
        return Err(ImageError::TooFar { size: initrd.size() });
    }
    Ok(initrd)
}

/// Memory that is given from the bottom up.
struct Places {
    memory: PhysRange,
    /// Bytes of `memory` that are given; may be beyond its end.
    taken: u64,
}

impl Places {
    fn take(&mut self, part: Part, size: u64) -> Result<PhysRange, ImageError> {
        let has = self.memory.size();
        let too_large =
            |needs| ImageError::TooLarge { part, size: ByteSize(size), needs: ByteSize(needs), has };
        let needs = self.taken.checked_add(size).ok_or_else(|| too_large(u64::MAX))?;
        if needs > has.0 {
            return Err(too_large(needs));
        }
        let base = self.memory.base().0 + self.taken;
        self.taken = needs;
        Ok(PhysRange::between(PhysAddr(base), PhysAddr(base + size)))
    }

    /// The next part begins in a new block.
    fn align(&mut self) {
        self.taken = self.taken.checked_next_multiple_of(BLOCK).unwrap_or(u64::MAX);
    }
}
