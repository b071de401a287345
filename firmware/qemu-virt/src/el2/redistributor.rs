//! Redistributors of other partitions' CPUs. A kernel that looks for its own walks over them by their identification;
//! the rest reads as zero and keeps what it holds. The own ones are mapped and never trap.

use core::sync::atomic::Ordering;

use qemu_virt::gic::{GIC_IDREGS, GICR_TYPER, redistributor};
use qemu_virt::memory_map::{GICR_STRIDE, MAX_PARTITIONS};
use qemu_virt::view::view;

use crate::abort::Access;

/// Bytes of one frame of a redistributor.
const FRAME_SIZE: u64 = 0x1_0000;

/// Carries the access out; `None` behind the last redistributor of the machine.
pub(crate) fn access(access: Access) -> Option<u64> {
    let cpu = access.address / GICR_STRIDE;
    let every_cpu =
        (0..MAX_PARTITIONS).fold(0, |cpus, slot| cpus | view(slot).cpus.load(Ordering::Relaxed));
    if every_cpu >> cpu & 1 == 0 {
        return None;
    }
    let offset = access.address % GICR_STRIDE;
    let identifies = (GICR_TYPER..GICR_TYPER + 8).contains(&offset) || offset % FRAME_SIZE >= GIC_IDREGS;
    if access.store.is_some() || !identifies {
        return Some(0);
    }
    let frame = redistributor(usize::try_from(cpu).ok()?);
    match access.width {
        4 => Some(u64::from(frame.read32(offset))),
        8 => Some(frame.read64(offset)),
        _ => Some(0),
    }
}
