//! Identifiers, CPU sets, addresses and sizes.

use core::fmt;

/// A partition's number. Numbers start at 1, rise, and are not used again while the board is up. The default is the
/// management partition's, 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "std", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct PartitionId(pub u32);

impl PartitionId {
    /// The management partition: the first operating system that the firmware starts.
    pub const MANAGEMENT: Self = Self(0);

    /// Whether this is the management partition.
    pub const fn is_management(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Display for PartitionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A physical CPU's index on its board, counted from 0 in the order of the board's device tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "std", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct CpuId(pub u16);

impl CpuId {
    /// The index as an array subscript.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for CpuId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The affinity fields of `MPIDR_EL1` (Aff3 in bits 39..32, Aff2..Aff0 in bits 23..0), as PSCI and the device
/// tree's `reg` spell them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "std", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct Mpidr(pub u64);

impl Mpidr {
    const AFFINITY: u64 = 0xff_00ff_ffff;

    /// Keeps the affinity fields of a register value (drops U, MT and the RES1 bit).
    pub const fn from_register(value: u64) -> Self {
        Self(value & Self::AFFINITY)
    }
}

impl fmt::Display for Mpidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

/// The largest number of CPUs that a board can have.
pub const MAX_CPUS: usize = 256;
const WORD_BITS: usize = u64::BITS as usize;
/// Words in a [`CpuSet`], and in the SMC calls that carry one.
pub const CPU_SET_WORDS: usize = MAX_CPUS / WORD_BITS;

/// A set of physical CPUs, one bit each.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "std", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct CpuSet([u64; CPU_SET_WORDS]);

impl CpuSet {
    /// The empty set.
    pub const EMPTY: Self = Self([0; CPU_SET_WORDS]);

    /// The set whose bit `n % 64` of word `n / 64` stands for CPU `n`.
    pub const fn from_words(words: [u64; CPU_SET_WORDS]) -> Self {
        Self(words)
    }

    /// The words of [`CpuSet::from_words`].
    pub const fn words(self) -> [u64; CPU_SET_WORDS] {
        self.0
    }

    /// CPUs 0 to `count - 1`; `count` above [`MAX_CPUS`] means all.
    pub fn first(count: usize) -> Self {
        (0..count.min(MAX_CPUS)).filter_map(|n| u16::try_from(n).ok()).map(CpuId).collect()
    }

    /// Whether `cpu` is a member.
    pub const fn contains(&self, cpu: CpuId) -> bool {
        cpu.index() < MAX_CPUS && self.0[cpu.index() / WORD_BITS] >> (cpu.index() % WORD_BITS) & 1 == 1
    }

    /// Adds `cpu`; a number of [`MAX_CPUS`] or more is no CPU and changes nothing. Returns whether the set changed.
    pub const fn insert(&mut self, cpu: CpuId) -> bool {
        if cpu.index() >= MAX_CPUS || self.contains(cpu) {
            return false;
        }
        self.0[cpu.index() / WORD_BITS] |= 1 << (cpu.index() % WORD_BITS);
        true
    }

    /// Removes `cpu`. Returns whether the set changed.
    pub const fn remove(&mut self, cpu: CpuId) -> bool {
        if !self.contains(cpu) {
            return false;
        }
        self.0[cpu.index() / WORD_BITS] &= !(1 << (cpu.index() % WORD_BITS));
        true
    }

    /// Number of members.
    pub const fn len(&self) -> usize {
        let mut count = 0;
        let mut word = 0;
        while word < CPU_SET_WORDS {
            count += self.0[word].count_ones() as usize;
            word += 1;
        }
        count
    }

    /// Whether there is no member.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The member with the lowest number.
    pub fn lowest(&self) -> Option<CpuId> {
        self.iter().next()
    }

    /// The members in rising order.
    pub fn iter(&self) -> impl Iterator<Item = CpuId> + use<> {
        let words = self.0;
        (0u16..).zip(words).flat_map(|(index, word)| Bits(word).map(move |bit| CpuId(index * 64 + bit)))
    }

    /// Members of both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        Self(core::array::from_fn(|word| self.0[word] & other.0[word]))
    }

    /// Members of either.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self(core::array::from_fn(|word| self.0[word] | other.0[word]))
    }

    /// Members that `other` lacks.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        Self(core::array::from_fn(|word| self.0[word] & !other.0[word]))
    }
}

struct Bits(u64);

impl Iterator for Bits {
    type Item = u16;

    fn next(&mut self) -> Option<u16> {
        let bit = u16::try_from(self.0.trailing_zeros()).ok().filter(|_| self.0 != 0)?;
        self.0 &= self.0 - 1;
        Some(bit)
    }
}

impl FromIterator<CpuId> for CpuSet {
    fn from_iter<I: IntoIterator<Item = CpuId>>(cpus: I) -> Self {
        let mut set = Self::EMPTY;
        for cpu in cpus {
            set.insert(cpu);
        }
        set
    }
}

/// The kernel's CPU list format, `0-3,8`.
impl fmt::Display for CpuSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut cpus = self.iter().peekable();
        let mut separator = "";
        while let Some(start) = cpus.next() {
            let mut end = start;
            while let Some(next) = cpus.next_if(|next| next.0 == end.0 + 1) {
                end = next;
            }
            write!(f, "{separator}{start}")?;
            if end != start {
                write!(f, "-{end}")?;
            }
            separator = ",";
        }
        Ok(())
    }
}

impl fmt::Debug for CpuSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CpuSet({self})")
    }
}

/// A physical address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "std", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct PhysAddr(pub u64);

impl fmt::Display for PhysAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "std", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct ByteSize(pub u64);

impl ByteSize {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    const MIB: u64 = 1 << 20;
    const GIB: u64 = 1 << 30;

    /// `mib` binary megabytes, `None` beyond 64 bits.
    pub const fn from_mib(mib: u64) -> Option<Self> {
        match mib.checked_mul(Self::MIB) {
            Some(bytes) => Some(Self(bytes)),
            None => None,
        }
    }

    /// `gib` binary gigabytes (the source document's `memsize`), `None` beyond 64 bits.
    pub const fn from_gib(gib: u64) -> Option<Self> {
        match gib.checked_mul(Self::GIB) {
            Some(bytes) => Some(Self(bytes)),
            None => None,
        }
    }

    /// Whole binary megabytes, rounded down.
    pub const fn mib(self) -> u64 {
        self.0 / Self::MIB
    }

    /// Whether this is a multiple of `granule` (of which zero has none).
    pub const fn is_multiple_of(self, granule: Self) -> bool {
        self.0.is_multiple_of(granule.0)
    }
}

/// Binary units, as precise as they are whole: `512 MiB`, `1 GiB`, `4097 B`.
impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const KIB: u64 = 1 << 10;
        let (unit, name) = match self.0 {
            n if n != 0 && n.is_multiple_of(Self::GIB) => (Self::GIB, "GiB"),
            n if n != 0 && n.is_multiple_of(Self::MIB) => (Self::MIB, "MiB"),
            n if n != 0 && n.is_multiple_of(KIB) => (KIB, "KiB"),
            _ => (1, "B"),
        };
        write!(f, "{} {name}", self.0 / unit)
    }
}

/// A range of physical memory, `base` to `base + size`; it never wraps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(
    feature = "std",
    derive(serde::Serialize, serde::Deserialize),
    serde(into = "(PhysAddr, ByteSize)", try_from = "(PhysAddr, ByteSize)")
)]
pub struct PhysRange {
    base: PhysAddr,
    size: ByteSize,
}

impl PhysRange {
    /// A range, or `None` if it would go past the last address.
    pub const fn new(base: PhysAddr, size: ByteSize) -> Option<Self> {
        match base.0.checked_add(size.0) {
            Some(_) => Some(Self { base, size }),
            None => None,
        }
    }

    /// The range from `from` up to `to`, which is not in it; empty if `to` is not above `from`.
    pub const fn between(from: PhysAddr, to: PhysAddr) -> Self {
        Self { base: from, size: ByteSize(to.0.saturating_sub(from.0)) }
    }

    /// First address.
    pub const fn base(self) -> PhysAddr {
        self.base
    }

    /// Length in bytes.
    pub const fn size(self) -> ByteSize {
        self.size
    }

    /// First address behind the range.
    pub const fn end(self) -> PhysAddr {
        PhysAddr(self.base.0 + self.size.0)
    }

    /// Whether the range has no byte.
    pub const fn is_empty(self) -> bool {
        self.size.0 == 0
    }

    /// Whether `address` lies in the range.
    pub const fn contains(self, address: PhysAddr) -> bool {
        address.0 >= self.base.0 && address.0 - self.base.0 < self.size.0
    }

    /// Whether every byte of `other` lies in this range.
    pub const fn encloses(self, other: Self) -> bool {
        other.base.0 >= self.base.0 && other.end().0 <= self.end().0
    }

    /// Whether the two ranges share a byte.
    pub const fn overlaps(self, other: Self) -> bool {
        !self.is_empty() && !other.is_empty() && self.base.0 < other.end().0 && other.base.0 < self.end().0
    }
}

impl From<PhysRange> for (PhysAddr, ByteSize) {
    fn from(range: PhysRange) -> Self {
        (range.base, range.size)
    }
}

impl TryFrom<(PhysAddr, ByteSize)> for PhysRange {
    type Error = &'static str;

    fn try_from((base, size): (PhysAddr, ByteSize)) -> Result<Self, Self::Error> {
        Self::new(base, size).ok_or("Range goes past the last address")
    }
}

impl fmt::Display for PhysRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}-{:#x}", self.base.0, self.end().0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_sets_print_as_the_kernel_lists_them() {
        let set: CpuSet = [0, 1, 2, 5, 64, 255].map(CpuId).into_iter().collect();
        assert_eq!(set.to_string(), "0-2,5,64,255");
        assert_eq!(set.len(), 6);
        assert_eq!(CpuSet::EMPTY.to_string(), "");
    }

    #[test]
    fn cpu_beyond_the_largest_board_is_no_member() {
        let mut set = CpuSet::EMPTY;
        assert!(!set.insert(CpuId(256)));
        assert!(!set.contains(CpuId(u16::MAX)));
        assert!(set.is_empty());
    }

    #[test]
    fn range_never_wraps() {
        assert_eq!(PhysRange::new(PhysAddr(u64::MAX), ByteSize(2)), None);
    }

    #[test]
    fn ranges_that_touch_do_not_overlap() {
        let low = PhysRange::new(PhysAddr(0), ByteSize(4096)).unwrap();
        let high = PhysRange::new(PhysAddr(4096), ByteSize(4096)).unwrap();
        assert!(!low.overlaps(high));
        assert!(low.overlaps(low));
    }

    #[test]
    fn sizes_print_in_the_largest_whole_unit() {
        let text = [0, 1 << 30, 3 << 29, 4097].map(|n| ByteSize(n).to_string());
        assert_eq!(text, ["0 B", "1 GiB", "1536 MiB", "4097 B"]);
    }
}
