//! What the simulated board is made of.

use vman_core::id::{ByteSize, CpuId, CpuSet, MAX_CPUS, Mpidr, PhysAddr, PhysRange};

/// Start of the management partition's memory, as on the emulated ARMv8 board.
const MANAGEMENT_BASE: u64 = 0x4000_0000;
/// Entry point of the management partition's kernel, from the start of its memory.
const MANAGEMENT_ENTRY: u64 = 0x20_0000;
/// Memory blocks that a kernel maps; pools begin at a multiple of this.
const POOL_ALIGNMENT: u64 = 2 << 20;
/// Physical addresses of the architecture have 48 bits.
const ADDRESS_LIMIT: u64 = 1 << 48;

/// What the simulated board is made of. [`SimConfig::default`] is a small edge server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimConfig {
    /// `model` of the board's device tree.
    pub model: String,
    /// Physical CPUs, 2 to [`MAX_CPUS`].
    pub cpus: u16,
    /// CPUs of a cluster, which MPIDR's Aff1 numbers; 1 to 255.
    pub cluster: u16,
    /// CPUs that the management partition keeps, from CPU 0 on; 1 or more.
    pub management_cpus: u16,
    /// Memory of the management partition. Copies of deployed images are accounted here.
    pub management_memory: ByteSize,
    /// Memory that partitions are made of.
    pub memory: ByteSize,
    /// Secure memory that critical partitions are made of; zero for none.
    pub secure_memory: ByteSize,
    /// Memory is given in multiples of this.
    pub granule: ByteSize,
    /// Partitions at a time, at most [`crate::SLOTS`].
    pub slots: usize,
    /// Bytes of a console that are kept.
    pub console: usize,
    /// Events that a queue keeps for a reader who does not fetch them.
    pub events: usize,
    /// Name of the board's thread.
    pub thread_name: String,
}

impl Default for SimConfig {
    fn default() -> Self {
        Self {
            model: "Simulated ARMv8 board".into(),
            cpus: 8,
            cluster: 4,
            management_cpus: 1,
            management_memory: ByteSize(1 << 30),
            memory: ByteSize(8 << 30),
            secure_memory: ByteSize(1 << 30),
            granule: ByteSize(2 << 20),
            slots: crate::SLOTS,
            console: 64 << 10,
            events: 256,
            thread_name: "sim-board".into(),
        }
    }
}

/// Why no such board can be simulated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Number of CPUs.
    #[error("A board has 2 to {MAX_CPUS} CPUs, not {cpus}")]
    Cpus {
        /// What was asked.
        cpus: u16,
    },
    /// CPUs of a cluster.
    #[error("A cluster has 1 to 255 CPUs and a board at most 256 clusters, not {cluster} CPUs each")]
    Cluster {
        /// What was asked.
        cluster: u16,
    },
    /// Share of the management partition.
    #[error("The management partition keeps 1 to {cpus} CPUs, not {management_cpus}")]
    ManagementCpus {
        /// What was asked.
        management_cpus: u16,
        /// CPUs of the board.
        cpus: u16,
    },
    /// Granule.
    #[error("Memory granule of {granule} is no power of two from 4 KiB to 1 GiB")]
    Granule {
        /// What was asked.
        granule: ByteSize,
    },
    /// A memory that is not made of whole granules.
    #[error("{what} of {size} is no multiple of {granule}")]
    NotAMultiple {
        /// Which memory.
        what: &'static str,
        /// Its size.
        size: ByteSize,
        /// What it must be a multiple of.
        granule: ByteSize,
    },
    /// Memory that no address reaches, or none at all.
    #[error("{what} of {size} is empty or beyond the 48-bit address space")]
    Memory {
        /// Which memory.
        what: &'static str,
        /// Its size.
        size: ByteSize,
    },
    /// Number of partitions.
    #[error("A board has 1 to {} partitions at a time, not {slots}", crate::SLOTS)]
    Slots {
        /// What was asked.
        slots: usize,
    },
    /// The planner cannot work with it.
    #[error("Board cannot be planned")]
    Plan(#[source] vman_core::plan::PlanError),
    /// A name that no device tree or thread can have.
    #[error("Name of the board's model or thread has a control character")]
    Name,
    /// The board's device tree cannot be made.
    #[error("Board has no device tree")]
    Tree(#[source] vman_core::fdt::FdtError),
    /// The trace cannot be written.
    #[error("Trace cannot be written: {error}")]
    Trace {
        /// What writing says.
        error: std::io::ErrorKind,
    },
    /// Console or event queues without room.
    #[error("{what} needs room for 1 or more")]
    NoRoom {
        /// What has no room.
        what: &'static str,
    },
}

impl SimConfig {
    /// Checks every rule.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.check_cpus()?;
        if [&self.model, &self.thread_name].iter().any(|name| name.chars().any(char::is_control)) {
            return Err(ConfigError::Name);
        }
        let granule = self.granule;
        if !granule.0.is_power_of_two() || !(4 << 10..=1 << 30).contains(&granule.0) {
            return Err(ConfigError::Granule { granule });
        }
        for (what, size) in [
            ("Management memory", self.management_memory),
            ("Memory", self.memory),
            ("Secure memory", self.secure_memory),
        ] {
            if !size.is_multiple_of(granule) {
                return Err(ConfigError::NotAMultiple { what, size, granule });
            }
            if size.0 > ADDRESS_LIMIT / 8 || (size.0 == 0 && what != "Secure memory") {
                return Err(ConfigError::Memory { what, size });
            }
        }
        if self.slots == 0 || self.slots > crate::SLOTS {
            return Err(ConfigError::Slots { slots: self.slots });
        }
        for (what, room) in [("A console", self.console), ("A queue of events", self.events)] {
            if room == 0 {
                return Err(ConfigError::NoRoom { what });
            }
        }
        Ok(())
    }

    fn check_cpus(&self) -> Result<(), ConfigError> {
        let Self { cpus, cluster, management_cpus, .. } = *self;
        if cpus < 2 || usize::from(cpus) > MAX_CPUS {
            return Err(ConfigError::Cpus { cpus });
        }
        if cluster == 0 || cluster > 255 {
            return Err(ConfigError::Cluster { cluster });
        }
        if management_cpus == 0 || management_cpus > cpus {
            return Err(ConfigError::ManagementCpus { management_cpus, cpus });
        }
        Ok(())
    }

    /// Every CPU.
    pub fn all_cpus(&self) -> CpuSet {
        CpuSet::first(self.cpus.into())
    }

    /// CPUs that are never given to a partition.
    pub fn kept_cpus(&self) -> CpuSet {
        CpuSet::first(self.management_cpus.into())
    }

    /// The affinity of a CPU: its cluster in Aff1, its place there in Aff0.
    pub fn mpidr(&self, cpu: CpuId) -> Mpidr {
        Mpidr(u64::from(cpu.0 / self.cluster) << 8 | u64::from(cpu.0 % self.cluster))
    }

    /// The cluster of each CPU, as the planner wants it; clusters beyond 255 count as the last one.
    pub fn clusters(&self) -> Vec<u8> {
        (0..self.cpus).map(|cpu| u8::try_from(cpu / self.cluster).unwrap_or(u8::MAX)).collect()
    }

    /// The management partition's memory.
    pub fn management_range(&self) -> PhysRange {
        range(MANAGEMENT_BASE, self.management_memory)
    }

    /// Memory that partitions are made of.
    pub fn pool(&self) -> PhysRange {
        range(self.aligned_behind(self.management_range()), self.memory)
    }

    /// Secure memory that critical partitions are made of.
    pub fn secure_pool(&self) -> PhysRange {
        range(self.aligned_behind(self.pool()), self.secure_memory)
    }

    /// Where the management partition's kernel is entered.
    pub(crate) fn management_entry(&self) -> PhysAddr {
        PhysAddr(MANAGEMENT_BASE + MANAGEMENT_ENTRY)
    }

    fn aligned_behind(&self, before: PhysRange) -> u64 {
        before.end().0.next_multiple_of(self.granule.0.max(POOL_ALIGNMENT))
    }
}

/// A range that [`SimConfig::check`] has found to fit; an unchecked one that does not is empty.
fn range(base: u64, size: ByteSize) -> PhysRange {
    PhysRange::new(PhysAddr(base), size).unwrap_or(EMPTY)
}

const EMPTY: PhysRange = match PhysRange::new(PhysAddr(0), ByteSize::ZERO) {
    Some(range) => range,
    None => unreachable!(),
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_board_is_sound_and_its_memories_are_disjoint() {
        let config = SimConfig::default();
        assert_eq!(config.check(), Ok(()));
        let ranges = [config.management_range(), config.pool(), config.secure_pool()];
        assert!(ranges.windows(2).all(|pair| pair[0].end() <= pair[1].base()));
        assert_eq!(config.mpidr(CpuId(5)), Mpidr(0x101));
    }

    #[test]
    fn boards_that_cannot_be_are_refused() {
        let good = SimConfig::default;
        let cases = [
            SimConfig { cpus: 1, ..good() },
            SimConfig { cpus: 257, ..good() },
            SimConfig { cluster: 0, ..good() },
            SimConfig { management_cpus: 0, ..good() },
            SimConfig { management_cpus: 9, ..good() },
            SimConfig { granule: ByteSize(0), ..good() },
            SimConfig { granule: ByteSize(3 << 20), ..good() },
            SimConfig { memory: ByteSize(0), ..good() },
            SimConfig { memory: ByteSize(1 << 20), ..good() },
            SimConfig { memory: ByteSize(1 << 47), ..good() },
            SimConfig { secure_memory: ByteSize(u64::MAX), ..good() },
            SimConfig { slots: 0, ..good() },
            SimConfig { console: 0, ..good() },
            SimConfig { model: "a\0b".into(), ..good() },
            SimConfig { events: 0, ..good() },
        ];
        for case in cases {
            assert!(case.check().is_err(), "{case:?}");
        }
    }

    #[test]
    fn large_board_is_sound() {
        let config = SimConfig {
            cpus: 256,
            memory: ByteSize(1 << 40),
            granule: ByteSize(1 << 30),
            ..SimConfig::default()
        };
        assert_eq!(config.check(), Ok(()));
    }
}
