//! Arguments of the ioctls.

use super::{COUNTERS, CPU_WORDS, NAME_SIZE};

/// Start of every argument.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Header {
    /// In: bytes of the argument.
    pub size: u32,
    /// In: none is defined.
    pub flags: u32,
    /// Out: [`super::Reason`].
    pub reason: u32,
    /// Zero.
    pub reserved: u32,
    /// Out: what the reason says of them.
    pub detail: [u64; 2],
}

/// An argument: a `repr(C)` structure that starts with a [`Header`].
pub trait Argument: Default {
    /// Its header.
    fn header_mut(&mut self) -> &mut Header;

    /// All zero but for the size.
    fn new() -> Self {
        let mut argument = Self::default();
        // No argument comes near 4 GiB: the driver takes one page at most.
        argument.header_mut().size = u32::try_from(size_of::<Self>()).unwrap_or(0);
        argument
    }
}

macro_rules! arguments {
    ($($(#[$doc:meta])* pub struct $name:ident { $($(#[$field_doc:meta])* pub $field:ident: $type:ty,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
            #[repr(C)]
            pub struct $name {
                /// Start.
                pub header: Header,
                $($(#[$field_doc])* pub $field: $type,)*
            }

            impl Argument for $name {
                fn header_mut(&mut self) -> &mut Header {
                    &mut self.header
                }
            }
        )*
    };
}

/// Memory that partitions are made of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Pool {
    /// First address.
    pub base: u64,
    /// Bytes.
    pub total: u64,
    /// Bytes that belong to no partition.
    pub free: u64,
    /// Bytes of the largest contiguous free range.
    pub largest: u64,
}

/// Text that ends with a zero byte; `Default` for 64 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub struct Name(pub [u8; NAME_SIZE]);

impl Default for Name {
    fn default() -> Self {
        Self([0; NAME_SIZE])
    }
}

impl Name {
    /// `None` if it does not fit with its zero byte, or contains one.
    pub fn new(text: &str) -> Option<Self> {
        let mut name = Self::default();
        if text.len() >= NAME_SIZE || text.as_bytes().contains(&0) {
            return None;
        }
        for (to, from) in name.0.iter_mut().zip(text.bytes()) {
            *to = from;
        }
        Some(name)
    }

    /// Up to the zero byte.
    pub fn bytes(&self) -> &[u8] {
        self.0.split(|byte| *byte == 0).next().unwrap_or_default()
    }
}

arguments! {
    /// Argument of [`super::Command::GetVersion`].
    pub struct Version {
        /// Out: [`super::ABI_VERSION`] of the driver.
        pub abi: u32,
        /// Out: version of the firmware's service.
        pub firmware: u32,
        /// Out: most partitions at one time.
        pub slots: u32,
        /// Zero.
        pub reserved: u32,
    }

    /// Argument of [`super::Command::Host`].
    pub struct Host {
        /// Out: CPUs of the board.
        pub cpus: u32,
        /// Out: the management partition's first CPU.
        pub boot_cpu: u32,
        /// Out: unit of memory in bytes.
        pub granule: u64,
        /// Out: bytes of RAM of the management partition.
        pub management_memory: u64,
        /// Out: non-secure pool.
        pub memory: Pool,
        /// Out: secure pool.
        pub secure_memory: Pool,
    }

    /// Argument of [`super::Command::CpuInfo`].
    pub struct CpuInfo {
        /// In: index.
        pub cpu: u32,
        /// Out: partition.
        pub owner: u32,
        /// Out: affinity.
        pub mpidr: u64,
        /// Out: `CpuPower`.
        pub power: u32,
        /// Out: 1 if a new partition may get it.
        pub available: u32,
    }

    /// Argument of [`super::Command::Create`].
    pub struct Create {
        /// In: number of CPUs.
        pub cores: u32,
        /// In: 0 non-secure, 1 secure.
        pub world: u32,
        /// In: bytes.
        pub memory: u64,
        /// In: partition whose CPUs are shared, 0 for none.
        pub shared_with: u32,
        /// Out: number.
        pub id: u32,
        /// In: zero for none.
        pub uuid: [u8; 16],
        /// In: empty for none.
        pub name: Name,
    }

    /// Argument of [`super::Command::List`].
    pub struct List {
        /// In: address of an array of `u32`.
        pub ids: u64,
        /// In: numbers that fit.
        pub capacity: u32,
        /// Out: partitions that exist.
        pub count: u32,
    }

    /// Argument of [`super::Command::Info`].
    pub struct Info {
        /// In, out: partition.
        pub id: u32,
        /// Out: 1 READY, 2 DEPLOYED, 3 SUSPENDED.
        pub state: u32,
        /// Out: 1 if faulted.
        pub condition: u32,
        /// Out: `FaultReason`.
        pub fault: u32,
        /// Out: operation under way.
        pub busy: u32,
        /// Out: 1 if secure.
        pub world: u32,
        /// Out: partition whose CPUs are shared.
        pub shared_with: u32,
        /// Out: 1 if a reboot is possible.
        pub has_image: u32,
        /// Out: one bit per CPU.
        pub cpus: [u64; CPU_WORDS],
        /// Out: first address.
        pub base: u64,
        /// Out: bytes.
        pub memory: u64,
        /// Out: address of the access that faulted.
        pub fault_address: u64,
        /// Out: program counter of the fault.
        pub fault_pc: u64,
        /// Out: bytes of the kept copy.
        pub image_bytes: u64,
        /// Out: zero for none.
        pub uuid: [u8; 16],
        /// Out: empty for none.
        pub name: Name,
    }

    /// Argument of [`super::Command::Link`] and [`super::Command::LinkInfo`].
    pub struct Link {
        /// In, out: a partition.
        pub first: u32,
        /// In, out: another one.
        pub second: u32,
        /// Out: first address, in both.
        pub base: u64,
        /// Out: bytes; 0 if there is no such link.
        pub size: u64,
        /// In: number of the link.
        pub index: u32,
        /// Zero.
        pub reserved: u32,
    }

    /// Argument of [`super::Command::Deploy`].
    pub struct Deploy {
        /// In: address of an array of [`Segment`].
        pub segments: u64,
        /// In: 1 to [`super::SEGMENTS_MAX`].
        pub segment_count: u32,
        /// Zero.
        pub reserved: u32,
        /// In: offset of the first instruction.
        pub entry: u64,
        /// In: offset of the device tree.
        pub device_tree: u64,
    }

    /// Argument of the operations without data.
    pub struct Control {
        /// In: how long to wait.
        pub timeout_ms: u32,
        /// Zero.
        pub reserved: u32,
    }

    /// Argument of [`super::Command::ConsoleRead`] and [`super::Command::ConsoleWrite`].
    pub struct Console {
        /// In, out: first byte wanted, first byte read.
        pub position: u64,
        /// In: address of the buffer.
        pub buffer: u64,
        /// In, out: its bytes, bytes read or taken.
        pub length: u32,
        /// Zero.
        pub reserved: u32,
        /// Out: position behind the last byte printed.
        pub end: u64,
    }

    /// Argument of [`super::Command::Stats`].
    pub struct Stats {
        /// Out: one bit per counter that is counted.
        pub valid: u64,
        /// Out: by counter.
        pub values: [u64; COUNTERS],
    }
}

/// A piece of what is deployed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Segment {
    /// Offset in the partition.
    pub offset: u64,
    /// Bytes.
    pub length: u64,
    /// Address of the bytes.
    pub data: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_room_for_their_end() {
        let longest = "x".repeat(NAME_SIZE - 1);
        assert_eq!(Name::new(&longest).map(|name| name.bytes().len()), Some(63));
        assert_eq!(Name::new(&format!("{longest}x")), None);
        assert_eq!(Name::new("a\0b"), None);
        assert_eq!(Name::default().bytes(), b"");
    }
}
