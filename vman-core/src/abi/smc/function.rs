//! The calls.

const OEM_SMC64: u32 = 0xC300_0000;

/// Bytes that one [`FunctionId::PartLoad`] copies at most: bounds the time of one call.
pub const LOAD_MAX: u64 = 64 << 10;
/// Offset, address and size of a [`FunctionId::PartLoad`] are multiples of this.
pub const LOAD_ALIGNMENT: u64 = 8;

/// Most links ([`FunctionId::LinkCreate`]) at one time.
pub const LINKS_MAX: usize = 8;

macro_rules! function_ids {
    ($($(#[$doc:meta])* $name:ident = $number:literal,)*) => {
        /// A function of the vManager service. `id` is a partition number unless said otherwise.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u32)]
        pub enum FunctionId {
            $($(#[$doc])* $name = OEM_SMC64 | $number,)*
        }

        impl FunctionId {
            /// Every function.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The function with this identifier; the upper half of `x0` is ignored, as the convention says.
            pub const fn from_register(x0: u64) -> Option<Self> {
                #[allow(clippy::cast_possible_truncation, reason = "the convention: W0 holds the identifier")]
                match x0 as u32 {
                    $(id if id == Self::$name as u32 => Some(Self::$name),)*
                    _ => None,
                }
            }
        }
    };
}

function_ids! {
    /// `()` → `x1` = [`super::Version`], `x2` = number of partition slots.
    Version = 0x01,
    /// `(flags, base, size, cpus[0..4])` → `x1` = id. Flags: [`super::CreateFlags`]. READY afterwards.
    PartCreate = 0x02,
    /// `(id, entry, x0 of the entered kernel)`. READY → DEPLOYED; the lowest CPU of the partition enters.
    PartStart = 0x03,
    /// `(id)`. DEPLOYED or SUSPENDED → READY as soon as every CPU is proven off; [`super::PENDING`] until then.
    PartStop = 0x04,
    /// `(id)`. DEPLOYED → SUSPENDED as soon as every CPU is held; [`super::PENDING`] until then.
    PartSuspend = 0x05,
    /// `(id)`. SUSPENDED → DEPLOYED.
    PartResume = 0x06,
    /// `(id)`. READY → gone; [`super::PENDING`] while its memory is scrubbed: call again.
    PartDestroy = 0x07,
    /// `(id, page)` → `x1`..`x3` by page: [`super::InfoPage`].
    PartInfo = 0x08,
    /// `(id)` → `x1` = the lowest existing id above `id`, 0 if there is none.
    PartNext = 0x09,
    /// `(page)` → `x1`..`x3` by page: [`super::BoardPage`].
    BoardInfo = 0x0a,
    /// `(id)` → `x1` = physical address of the console ring, `x2` = its size in bytes.
    ConsoleInfo = 0x0b,
    /// `()` → `x1` = id, `x2` = [`super::EventKind`] | detail << 32, `x3` = sequence number; `x1` = 0 if there is none.
    EventGet = 0x0c,
    /// `(id, counter)` → `x1` = value: [`super::Counter`].
    Stats = 0x0d,
    /// `(cpu)` → `x1` = MPIDR affinity, `x2` = owner's id, `x3` = [`super::CpuPower`].
    CpuInfo = 0x0e,
    /// `(id)`: input was put into the console ring (`abi::console`); the console's interrupt is raised.
    ConsoleNotify = 0x0f,
    /// `(id, offset, physical address, size)`: copies a piece of an image, at most [`LOAD_MAX`] bytes of the management
    /// partition's memory, to `offset` of a critical partition that is READY. Numbers are multiples of [`LOAD_ALIGNMENT`].
    PartLoad = 0x10,
    /// `(id, other id, base)`: zeros one granule of the pool at `base` and maps it into both partitions, which are READY
    /// and not critical, at this address. It lives until either is destroyed.
    LinkCreate = 0x11,
    /// `(index)` → `x1` = id | other id << 32, `x2` = base, `x3` = size in bytes of the link with this index, counted from
    /// 0; all 0 if there are not so many.
    LinkInfo = 0x12,
    /// General query of the convention: number of calls in `x0`.
    CallCount = 0xff00,
    /// General query of the convention: [`super::SERVICE_UID`] in `x0`..`x3`.
    CallUid = 0xff01,
    /// General query of the convention: revision, major in `x0`, minor in `x1`.
    CallRevision = 0xff03,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn function_identifiers_are_fast_smc64_calls_of_the_oem_range() {
        for function in FunctionId::ALL {
            let id = *function as u32;
            assert_eq!(id >> 16, 0xC300);
            assert_eq!(FunctionId::from_register(u64::from(id) | 0xdead << 32), Some(*function));
        }
        assert_eq!(FunctionId::from_register(0xC200_0001), None);
    }
}
