//! What a file is that is no arm64 kernel.

use core::fmt;

/// How a file is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Compression {
    /// gzip.
    Gzip,
    /// bzip2.
    Bzip2,
    /// LZMA alone.
    Lzma,
    /// xz.
    Xz,
    /// lzop.
    Lzo,
    /// LZ4, either frame format.
    Lz4,
    /// Zstandard.
    Zstd,
}

impl Compression {
    const SIGNATURES: [(Self, &'static [u8]); 8] = [
        (Self::Gzip, &[0x1f, 0x8b]),
        (Self::Bzip2, b"BZh"),
        (Self::Lzma, &[0x5d, 0x00, 0x00]),
        (Self::Xz, &[0xfd, b'7', b'z', b'X', b'Z', 0x00]),
        (Self::Lzo, &[0x89, b'L', b'Z', b'O', 0x00]),
        (Self::Lz4, &[0x04, 0x22, 0x4d, 0x18]),
        (Self::Lz4, &[0x02, 0x21, 0x4c, 0x18]),
        (Self::Zstd, &[0x28, 0xb5, 0x2f, 0xfd]),
    ];

    fn recognise(head: &[u8]) -> Option<Self> {
        Self::SIGNATURES.iter().find(|(_, signature)| head.starts_with(signature)).map(|(found, _)| *found)
    }

    /// The compression that an EFI zboot header names.
    fn from_name(name: &[u8]) -> Option<Self> {
        match name {
            b"gzip" => Some(Self::Gzip),
            b"lz4" => Some(Self::Lz4),
            b"lzma" => Some(Self::Lzma),
            b"lzo" => Some(Self::Lzo),
            b"xz" | b"xzkern" => Some(Self::Xz),
            b"zstd" | b"zstd22" => Some(Self::Zstd),
            _ => None,
        }
    }

    /// The program that unpacks it with `-dc`.
    pub const fn program(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Bzip2 => "bzip2",
            Self::Lzma | Self::Xz => "xz",
            Self::Lzo => "lzop",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip => "gzip",
            Self::Bzip2 => "bzip2",
            Self::Lzma => "LZMA",
            Self::Xz => "xz",
            Self::Lzo => "LZO",
            Self::Lz4 => "LZ4",
            Self::Zstd => "Zstandard",
        })
    }
}

/// A file that is recognised, but is no arm64 kernel that can be loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Foreign {
    /// A packed file.
    Compressed(Compression),
    /// A kernel inside an EFI program that unpacks it (`CONFIG_EFI_ZBOOT`).
    EfiZboot {
        /// How the kernel in it is packed, if the header names a known way.
        compression: Option<Compression>,
        /// Offset of the packed kernel in bytes.
        offset: u32,
        /// Length of the packed kernel in bytes.
        len: u32,
    },
    /// Another EFI program, such as a unified kernel image.
    Efi,
    /// An ELF file, such as `vmlinux`.
    Elf,
    /// An x86 `bzImage`.
    X86,
    /// A 32-bit Arm `zImage`.
    Arm32,
    /// A device tree, or a FIT image, which has the same format.
    DeviceTree,
    /// A U-Boot `uImage`.
    UImage,
}

impl Foreign {
    const ZBOOT_HEAD: usize = 0x38;

    /// What the file that starts with `head`, which has no arm64 magic, is; `None` if nobody knows.
    pub fn recognise(head: &[u8]) -> Option<Self> {
        const X86_MAGIC_OFFSET: usize = 0x202;
        const ARM32_MAGIC_OFFSET: usize = 0x24;
        const ARM32_MAGIC: u32 = 0x016f_2818;
        let at = |offset: usize, magic: &[u8]| head.get(offset..).is_some_and(|tail| tail.starts_with(magic));
        if let Some(compression) = Compression::recognise(head) {
            return Some(Self::Compressed(compression));
        }
        match head {
            _ if at(0, b"MZ") && at(4, b"zimg") => Some(Self::zboot(head)),
            _ if at(0, b"\x7fELF") => Some(Self::Elf),
            _ if at(0, &[0xd0, 0x0d, 0xfe, 0xed]) => Some(Self::DeviceTree),
            _ if at(0, &[0x27, 0x05, 0x19, 0x56]) => Some(Self::UImage),
            _ if at(X86_MAGIC_OFFSET, b"HdrS") => Some(Self::X86),
            _ if at(0, b"MZ") => Some(Self::Efi),
            _ if at(ARM32_MAGIC_OFFSET, &ARM32_MAGIC.to_le_bytes()) => Some(Self::Arm32),
            _ => None,
        }
    }

    /// Fields of the zboot header: payload offset and length (32 bits each) at 8, name of the compression at 24.
    fn zboot(head: &[u8]) -> Self {
        let mut header = [0; Self::ZBOOT_HEAD];
        header.iter_mut().zip(head).for_each(|(to, from)| *to = *from);
        let word = |offset: usize| u32::from_le_bytes(core::array::from_fn(|byte| header[offset + byte]));
        let name = header[24..].split(|byte| *byte == 0).next().unwrap_or_default();
        Self::EfiZboot { compression: Compression::from_name(name), offset: word(8), len: word(12) }
    }
}

/// One clause that says what it is, and how to get a kernel out of it.
impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Compressed(packed) => {
                let program = packed.program();
                write!(f, "{packed} compressed; unpack it first: {program} -dc < FILE > Image")
            }
            Self::EfiZboot { compression: Some(packed), offset, len } => {
                let (start, program) = (u64::from(*offset) + 1, packed.program());
                write!(f, "an EFI zboot file ({packed}); unpack it first: ")?;
                write!(f, "tail -c +{start} FILE | head -c {len} | {program} -dc > Image")
            }
            Self::EfiZboot { compression: None, .. } => {
                f.write_str("an EFI zboot file; use the Image that it was made of")
            }
            Self::Efi => f.write_str(
                "an EFI program without an arm64 boot header; of a unified kernel image take the kernel: \
                 objcopy -O binary -j .linux FILE Image",
            ),
            Self::Elf => f.write_str("an ELF file; make an Image of it first: objcopy -O binary FILE Image"),
            Self::X86 => f.write_str("an x86 kernel; an arm64 kernel is needed"),
            Self::Arm32 => f.write_str("a 32-bit Arm kernel; an arm64 kernel is needed"),
            Self::DeviceTree => f.write_str("a device tree or FIT image; an arm64 Image is needed"),
            Self::UImage => f.write_str("a U-Boot uImage; strip its header first: tail -c +65 FILE > Image"),
        }
    }
}
