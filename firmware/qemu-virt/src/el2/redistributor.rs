//! Redistributors. The own ones are mapped, except for the control page of a partition's last one; foreign ones are
//! not. A kernel that looks for its own walks over all of them by their identification until one says that it is the
//! last.

use core::sync::atomic::Ordering;

use qemu_virt::gic::{GIC_IDREGS, GICR_TYPER, TYPER_LAST, redistributor};
use qemu_virt::memory_map::{GICR_STRIDE, MAX_PARTITIONS};
use qemu_virt::mmio::Mmio;
use qemu_virt::view::view;
use qemu_virt::weaken;

use crate::Partition;
use crate::abort::Access;

/// Bytes of one frame of a redistributor.
const FRAME_SIZE: u64 = 0x1_0000;

/// Carries the access out; `None` behind the last redistributor of the machine.
pub(crate) fn access(partition: Partition, access: Access) -> Option<u64> {
    let cpu = access.address / GICR_STRIDE;
    let own = partition.view.cpus.load(Ordering::Relaxed);
    if (own | foreign_cpus()) >> cpu & 1 == 0 {
        return None;
    }
    let access = Access { address: access.address % GICR_STRIDE, ..access };
    let frame = redistributor(usize::try_from(cpu).ok()?);
    Some(if own >> cpu & 1 == 1 || weaken::is_off(weaken::REDISTRIBUTORS) {
        let is_last = !partition.is_management() && own >> cpu == 1;
        access_own(frame, access, is_last)
    } else {
        access_foreign(frame, access)
    })
}

fn foreign_cpus() -> u64 {
    (0..MAX_PARTITIONS).fold(0, |cpus, slot| cpus | view(slot).cpus.load(Ordering::Relaxed))
}

fn read(frame: Mmio, access: Access) -> u64 {
    match access.width {
        4 => u64::from(frame.read32(access.address)),
        8 => frame.read64(access.address),
        _ => 0,
    }
}

fn access_own(frame: Mmio, access: Access, is_last: bool) -> u64 {
    match (access.store, access.width) {
        (None, _) if access.address == GICR_TYPER && is_last => read(frame, access) | TYPER_LAST,
        (None, _) => read(frame, access),
        (Some(value), 8) => {
            frame.write64(access.address, value);
            0
        }
        (Some(value), _) => {
            frame.write32(access.address, u32::try_from(value).unwrap_or(u32::MAX));
            0
        }
    }
}

/// Identification can be read; the rest reads as zero and keeps what it holds.
fn access_foreign(frame: Mmio, access: Access) -> u64 {
    let identifies =
        (GICR_TYPER..GICR_TYPER + 8).contains(&access.address) || access.address % FRAME_SIZE >= GIC_IDREGS;
    if access.store.is_none() && identifies { read(frame, access) } else { 0 }
}
