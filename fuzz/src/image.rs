//! Kernels, and where they are loaded.

use arbitrary::Unstructured;
use vman_core::id::{ByteSize, PhysAddr, PhysRange};
use vman_core::image::{KernelImage, layout};

/// The last 40 bytes choose the partition's memory and the sizes, the rest is the file's beginning.
pub fn run(data: &[u8]) {
    let (head, choice) = data.split_at(data.len().saturating_sub(40));
    let mut u = Unstructured::new(choice);
    let [base, size, file_len, initrd, device_tree] = [(); 5].map(|()| u.arbitrary().unwrap_or(0u64));
    let _ = KernelImage::parse(head);
    let Ok(kernel) = KernelImage::from_header(head, file_len) else { return };
    assert!(kernel.image_size.0 >= file_len);
    // Half of the bases and sizes are such that a partition could have them.
    let round = |value: u64| if value.is_multiple_of(2) { value & !0x1f_ffff } else { value };
    let Some(memory) = PhysRange::new(PhysAddr(round(base)), ByteSize(round(size))) else { return };
    let Ok(places) = layout(memory, &kernel, initrd % (1 << 36), device_tree % (3 << 20)) else { return };
    let taken = [Some(places.kernel), Some(places.device_tree), places.initrd];
    let taken: Vec<PhysRange> = taken.into_iter().flatten().collect();
    for (index, place) in taken.iter().enumerate() {
        assert!(memory.encloses(*place), "{place} in {memory}");
        assert!(taken[index + 1..].iter().all(|other| !place.overlaps(*other)), "{taken:?}");
    }
    assert!(places.kernel.size().0 >= file_len);
    assert_eq!(places.entry(), places.kernel.base());
}
