use proptest::prelude::*;

use super::*;
use crate::id::{PhysAddr, PhysRange};

const MIB: u64 = 1 << 20;

fn header(text_offset: u64, image_size: u64, flags: u64) -> [u8; HEADER_LEN] {
    let mut header = [0; HEADER_LEN];
    header[TEXT_OFFSET..][..8].copy_from_slice(&text_offset.to_le_bytes());
    header[IMAGE_SIZE..][..8].copy_from_slice(&image_size.to_le_bytes());
    header[FLAGS..][..8].copy_from_slice(&flags.to_le_bytes());
    header[MAGIC_OFFSET..][..4].copy_from_slice(&MAGIC);
    header
}

fn refusal(file: &[u8]) -> String {
    KernelImage::parse(file).unwrap_err().to_string()
}

#[test]
fn header_of_a_modern_kernel_is_read() {
    let mut header = header(0, 34 * MIB, 0b1010);
    header[..2].copy_from_slice(b"MZ");
    let image = KernelImage::parse(&header).unwrap();
    let expected = KernelImage {
        text_offset: 0,
        image_size: ByteSize(34 * MIB),
        page_size: PageSize::K4,
        anywhere: true,
    };
    assert_eq!(image, expected);
}

#[test]
fn broken_headers_are_refused_with_the_field() {
    assert_eq!(refusal(&[]), "Kernel of 0 B is shorter than its header of 64 bytes");
    assert_eq!(
        refusal(&header(0, 1 << 20, 1)),
        "Kernel is big-endian; partitions start little-endian kernels only"
    );
    assert!(refusal(&header(0, 0, 0)).contains("image_size is 0"));
    assert!(
        refusal(&header(0, 63, 0)).starts_with("Kernel file of 64 B is longer than the 63 B of its header")
    );
    assert!(refusal(&header(0x800, MIB, 0)).contains("text_offset of 0x800"));
    assert!(refusal(&header(2 * MIB, MIB, 0)).contains("text_offset of 0x200000"));
    let mut wrong = header(0, MIB, 0);
    wrong[MAGIC_OFFSET] = 0;
    assert!(refusal(&wrong).contains("[00, 52, 4d, 64] instead of \"ARM\\x64\""));
}

#[test]
fn packed_kernels_are_refused_with_the_command_that_unpacks_them() {
    let cases: [(&[u8], &str); 8] = [
        (&[0x1f, 0x8b, 8], "Kernel is gzip compressed; unpack it first: gzip -dc < FILE > Image"),
        (b"BZh9", "bzip2 -dc"),
        (&[0x5d, 0, 0, 0x80], "LZMA compressed; unpack it first: xz -dc"),
        (b"\xfd7zXZ\0", "xz -dc"),
        (b"\x89LZO\0\r\n", "lzop -dc"),
        (&[0x04, 0x22, 0x4d, 0x18], "lz4 -dc"),
        (&[0x02, 0x21, 0x4c, 0x18], "lz4 -dc"),
        (&[0x28, 0xb5, 0x2f, 0xfd], "zstd -dc"),
    ];
    for (head, text) in cases {
        assert!(refusal(head).contains(text), "{}", refusal(head));
    }
}

#[test]
fn efi_zboot_is_refused_with_the_command_that_unpacks_it() {
    let mut head = [0; 128];
    head[..8].copy_from_slice(b"MZ\0\0zimg");
    head[8..12].copy_from_slice(&4096u32.to_le_bytes());
    head[12..16].copy_from_slice(&1000u32.to_le_bytes());
    head[24..28].copy_from_slice(b"zstd");
    let command = "tail -c +4097 FILE | head -c 1000 | zstd -dc > Image";
    assert!(refusal(&head).ends_with(command), "{}", refusal(&head));
    assert!(refusal(&head[..26]).ends_with("use the Image that it was made of"));
}

#[test]
fn other_files_are_refused_by_their_name() {
    let mut x86 = [0; 1024];
    x86[0x202..0x206].copy_from_slice(b"HdrS");
    let mut arm = [0; 64];
    arm[0x24..0x28].copy_from_slice(&0x016f_2818u32.to_le_bytes());
    let cases: [(&[u8], &str); 6] = [
        (b"MZ\0\0PE", "an EFI program"),
        (b"\x7fELF\x02", "an ELF file"),
        (&[0xd0, 0x0d, 0xfe, 0xed], "a device tree"),
        (&[0x27, 0x05, 0x19, 0x56], "a U-Boot uImage"),
        (&x86, "an x86 kernel"),
        (&arm, "a 32-bit Arm kernel"),
    ];
    for (head, text) in cases {
        assert!(refusal(head).contains(text), "{}", refusal(head));
    }
}

fn image(text_offset: u64, image_size: u64) -> KernelImage {
    KernelImage { text_offset, image_size: ByteSize(image_size), page_size: PageSize::K4, anywhere: true }
}

fn memory(base: u64, size: u64) -> PhysRange {
    PhysRange::new(PhysAddr(base), ByteSize(size)).unwrap()
}

#[test]
fn what_does_not_fit_is_named_with_its_sizes() {
    let refused = |size_mib, initrd| {
        layout(memory(1 << 30, size_mib * MIB), &image(0, 34 * MIB), initrd, 4096).unwrap_err().to_string()
    };
    assert_eq!(refused(32, 0), "Kernel of 34 MiB needs memory up to 34 MiB, the partition has 32 MiB");
    assert_eq!(refused(34, 0), "Device tree of 2 MiB needs memory up to 36 MiB, the partition has 34 MiB");
    assert_eq!(
        refused(36, MIB),
        "Initial ramdisk of 1 MiB needs memory up to 37 MiB, the partition has 36 MiB"
    );
}

#[test]
fn ramdisk_out_of_reach_of_the_kernel_is_refused() {
    let place = |gib: u64| layout(memory(1 << 30, 64 << 30), &image(0, MIB), gib << 30, 4096);
    assert!(place(31).is_ok());
    assert!(matches!(place(32), Err(ImageError::TooFar { .. })));
}

proptest! {
    #[test]
    fn layout_lies_inside_and_never_overlaps(
        base_block in 0u64..1 << 20, size in 0u64..1 << 40, text_block in 0u64..512,
        image_size in 1u64..1 << 38, initrd in 0u64..1 << 38, tree in 0u64..3 << 20,
    ) {
        let memory = memory(base_block * 2 * MIB, size);
        if let Ok(found) = layout(memory, &image(text_block * 4096, image_size), initrd, tree) {
            let parts = [Some(found.kernel), Some(found.device_tree), found.initrd];
            let parts: Vec<_> = parts.into_iter().flatten().collect();
            for (index, part) in parts.iter().enumerate() {
                prop_assert!(memory.encloses(*part));
                prop_assert!(parts[index + 1..].iter().all(|other| !part.overlaps(*other)));
            }
            prop_assert_eq!(found.kernel.base().0 % (2 * MIB), text_block * 4096);
            prop_assert_eq!(found.device_tree.base().0 % (2 * MIB), 0);
            prop_assert_eq!(found.initrd.map_or(0, |range| range.base().0 % (2 * MIB)), 0);
            prop_assert_eq!(found.initrd.map_or(0, |range| range.size().0), initrd);
        }
    }

    #[test]
    fn any_numbers_give_an_answer(
        base in any::<u64>(), size in any::<u64>(), text in any::<u64>(), image_size in any::<u64>(),
        initrd in any::<u64>(), tree in any::<u64>(),
    ) {
        if let Some(memory) = PhysRange::new(PhysAddr(base & !(2 * MIB - 1)), ByteSize(size)) {
            let _ = layout(memory, &image(text, image_size), initrd, tree);
        }
    }

    #[test]
    fn any_bytes_give_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = KernelImage::parse(&bytes);
    }
}
