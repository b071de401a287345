//! Arguments of [`super::FunctionId::PartCreate`].

use crate::id::{ByteSize, CPU_SET_WORDS, CpuSet, PartitionId, PhysAddr, PhysRange};

bitflags::bitflags! {
    /// First argument of [`super::FunctionId::PartCreate`]. The upper 32 bits hold the id of the partition whose CPUs are
    /// shared, if [`CreateFlags::SHARED`] is set, else zero.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct CreateFlags: u32 {
        /// A critical partition: secure world, secure memory.
        const SECURE = 1 << 0;
        /// Its CPUs are those of another, non-secure partition, over which it has strict priority.
        const SHARED = 1 << 1;
    }
}

/// Arguments of [`super::FunctionId::PartCreate`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CreateArgs {
    /// World and sharing.
    pub flags: CreateFlags,
    /// Whose CPUs are shared, if [`CreateFlags::SHARED`] is set.
    pub shared_with: Option<PartitionId>,
    /// The partition's memory.
    pub memory: PhysRange,
    /// The partition's CPUs.
    pub cpus: CpuSet,
}

impl CreateArgs {
    /// `x1`..`x7`.
    pub fn to_registers(self) -> [u64; 7] {
        let shared = self.shared_with.map_or(0, |id| u64::from(id.0) << 32);
        let [c0, c1, c2, c3] = self.cpus.words();
        let flags = u64::from(self.flags.bits()) | shared;
        [flags, self.memory.base().0, self.memory.size().0, c0, c1, c2, c3]
    }

    /// From `x1`..`x7`; `None` for unknown flags, a range that wraps, or a sharer without its flag.
    pub fn from_registers(registers: [u64; 7]) -> Option<Self> {
        let [flags, base, size, cpus @ ..] = registers;
        let cpus: [u64; CPU_SET_WORDS] = cpus;
        let shared_with = u32::try_from(flags >> 32).ok().filter(|id| *id != 0).map(PartitionId);
        let flags = CreateFlags::from_bits(u32::try_from(flags & 0xffff_ffff).ok()?)?;
        if flags.contains(CreateFlags::SHARED) != shared_with.is_some() {
            return None;
        }
        let memory = PhysRange::new(PhysAddr(base), ByteSize(size))?;
        Some(Self { flags, shared_with, memory, cpus: CpuSet::from_words(cpus) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn create_arguments_survive_the_registers() {
        let args = CreateArgs {
            flags: CreateFlags::SECURE | CreateFlags::SHARED,
            shared_with: Some(PartitionId(7)),
            memory: PhysRange::new(PhysAddr(0x8000_0000), ByteSize(1 << 30)).unwrap(),
            cpus: CpuSet::from_words([1, 2, 3, 4]),
        };
        assert_eq!(CreateArgs::from_registers(args.to_registers()), Some(args));
        let mut wraps = args.to_registers();
        wraps[1] = u64::MAX;
        assert_eq!(CreateArgs::from_registers(wraps), None);
    }
}
