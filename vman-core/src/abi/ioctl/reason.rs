//! Why calls fail.

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $number:literal,)*) => {
        /// Why a call failed, in [`super::Header::reason`]; the two words of [`super::Header::detail`] in brackets.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u32)]
        pub enum Reason {
            $($(#[$doc])* $name = $number,)*
        }

        impl Reason {
            /// Every reason.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The reason with this number; a newer driver may know more.
            pub const fn from_number(number: u32) -> Option<Self> {
                match number {
                    $($number => Some(Self::$name),)*
                    _ => None,
                }
            }
        }
    };
}

reasons! {
    /// None is given: errno says it all.
    None = 0,
    /// (given, least): size of the argument.
    Size = 1,
    /// (given, known): flags.
    Flags = 2,
    /// A reserved field or the unknown tail is not zero.
    Reserved = 3,
    /// (id): there is no such partition.
    NoPartition = 4,
    /// (state, operation): the state table refuses it.
    State = 5,
    /// (state, operation): it is faulted.
    Faulted = 6,
    /// (operation under way, operation asked).
    Busy = 7,
    /// (timeout in ms, state).
    Timeout = 8,
    /// (`x0` of the firmware, function identifier).
    Firmware = 9,
    /// No cores asked.
    NoCores = 10,
    /// (wanted, free).
    Cores = 11,
    /// (wanted bytes, granule).
    Granule = 12,
    /// (wanted bytes, largest free range).
    Memory = 13,
    /// (wanted bytes, largest free range).
    SecureMemory = 14,
    /// (partitions, most).
    Slots = 15,
    /// (position): a control character, or no end.
    Name = 16,
    /// (owner).
    NameTaken = 17,
    /// (owner).
    UuidTaken = 18,
    /// (given).
    World = 19,
    /// The board takes no critical partition.
    NoSecureWorld = 20,
    /// (id): this partition's CPUs cannot be shared like that.
    Shared = 21,
    /// (id): the partition whose CPUs should be shared does not exist.
    SharedGone = 22,
    /// (cpu, errno): Linux does not let the CPU go.
    Cpu = 23,
    /// (given, most).
    Segments = 24,
    /// (segment, bytes of the partition).
    SegmentRange = 25,
    /// (segment, other segment).
    SegmentOverlap = 26,
    /// (offset): entry not 4-byte aligned or in no segment.
    Entry = 27,
    /// (offset): device tree not 8-byte aligned or in no segment.
    DeviceTree = 28,
    /// (bytes, most): what the driver can keep.
    ImageSize = 29,
    /// (id): deployed before the driver was loaded.
    NoImage = 30,
    /// (id, offset): a segment of a critical partition has an offset that is no multiple of 8.
    SecureLoad = 31,
    /// (id): no console.
    NoConsole = 32,
    /// (given, CPUs of the board).
    CpuIndex = 33,
    /// (id): nobody reads the console of a READY partition.
    NotRunning = 34,
    /// (id, other id): a link joins two partitions that are not critical.
    LinkEnds = 35,
    /// (id, other id): one of them is not READY.
    LinkState = 36,
    /// (links, most).
    Links = 37,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_again() {
        for reason in Reason::ALL {
            assert_eq!(Reason::from_number(*reason as u32), Some(*reason));
        }
        assert_eq!(Reason::from_number(9999), None);
    }
}
