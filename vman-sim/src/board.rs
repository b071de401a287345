//! The machine below the firmware: CPUs that can be woken and kicked, memory, consoles, an interrupt line.

use std::collections::BTreeMap;

use firmware::Lane;
use firmware::platform::{Cores, Machine, Memory};
use vman_core::abi::smc::Counter;
use vman_core::id::{CpuId, CpuSet, Mpidr, PartitionId, PhysAddr, PhysRange};
use vman_core::plan::World;

use crate::config::SimConfig;
use crate::console::Console;
use crate::ram::Ram;

/// Where consoles lie: below all memory. The simulator keeps them elsewhere, only the address is told.
const CONSOLE_BASE: u64 = 0x2000_0000;
/// Numbers of partitions whose consoles have different addresses; many more than there are partitions at a time.
const CONSOLES: u64 = 4096;

/// A request to the whole machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Power {
    Off,
    Reset,
}

/// What isolates a partition, and its devices.
#[derive(Debug)]
pub(crate) struct Space {
    pub(crate) memory: PhysRange,
    /// Memory that it shares with others.
    links: Vec<PhysRange>,
    /// Whether the management partition reaches `memory`.
    pub(crate) open: bool,
    pub(crate) console: Console,
    /// Accesses outside the partition's memory.
    pub(crate) faults: u64,
    /// Bytes printed and read.
    pub(crate) console_traps: u64,
}

impl Space {
    fn reaches(&self, wanted: PhysRange) -> bool {
        self.memory.encloses(wanted) || self.links.iter().any(|link| link.encloses(wanted))
    }
}

/// The machine.
#[derive(Debug)]
pub(crate) struct Board {
    config: SimConfig,
    pub(crate) ram: Ram,
    pub(crate) spaces: BTreeMap<PartitionId, Space>,
    woken: [CpuSet; 2],
    kicked: [CpuSet; 2],
    /// The event interrupt of the management partition is raised.
    pub(crate) interrupt: bool,
    /// What the management partition wants of the machine.
    pub(crate) power: Option<Power>,
}

impl Board {
    pub(crate) fn new(config: SimConfig) -> Self {
        Self {
            config,
            ram: Ram::default(),
            spaces: BTreeMap::new(),
            woken: [CpuSet::EMPTY; 2],
            kicked: [CpuSet::EMPTY; 2],
            interrupt: false,
            power: None,
        }
    }

    /// Lanes that were woken or kicked and have not obeyed yet.
    pub(crate) fn signalled(&self) -> impl Iterator<Item = Lane> + use<> {
        let [own, shared] = [0, 1].map(|lane| self.woken[lane].union(&self.kicked[lane]));
        own.iter().map(Lane::from).chain(shared.iter().map(Lane::sharer_of))
    }

    /// Takes a wake. Returns whether there was one.
    pub(crate) fn take_wake(&mut self, lane: Lane) -> bool {
        self.woken[usize::from(lane.shared)].remove(lane.cpu)
    }

    /// Takes a kick. Returns whether there was one.
    pub(crate) fn take_kick(&mut self, lane: Lane) -> bool {
        self.kicked[usize::from(lane.shared)].remove(lane.cpu)
    }

    /// Whether a kick waits.
    pub(crate) fn is_kicked(&self, lane: Lane) -> bool {
        self.kicked[usize::from(lane.shared)].contains(lane.cpu)
    }

    /// Prints on the console of a partition.
    pub(crate) fn print(&mut self, id: PartitionId, data: &[u8]) {
        if let Some(space) = self.spaces.get_mut(&id) {
            space.console.print(data);
            space.console_traps += u64::try_from(data.len()).unwrap_or(u64::MAX);
        }
    }

    /// Reads memory as the partition sees it: `None` outside its own.
    pub(crate) fn guest_read(&mut self, id: PartitionId, address: PhysAddr, len: usize) -> Option<Vec<u8>> {
        let space = self.spaces.get_mut(&id)?;
        let size = vman_core::id::ByteSize(u64::try_from(len).ok()?);
        if !PhysRange::new(address, size).is_some_and(|wanted| space.reaches(wanted)) {
            space.faults += 1;
            return None;
        }
        let mut buffer = vec![0; len];
        self.ram.read(address, &mut buffer);
        Some(buffer)
    }

    /// Whether the management partition reaches all of `range`.
    pub(crate) fn is_open(&self, range: PhysRange) -> bool {
        self.spaces.values().any(|space| space.open && space.memory.encloses(range))
    }
}

impl Cores for Board {
    fn cpu(&self, mpidr: Mpidr) -> Option<CpuId> {
        self.config.all_cpus().iter().find(|cpu| self.config.mpidr(*cpu) == mpidr)
    }

    fn mpidr(&self, cpu: CpuId) -> Option<Mpidr> {
        self.config.all_cpus().contains(cpu).then(|| self.config.mpidr(cpu))
    }

    fn wake(&mut self, cpu: CpuId) {
        self.woken[0].insert(cpu);
    }

    fn kick(&mut self, cpu: CpuId) {
        self.kicked[0].insert(cpu);
    }

    fn wake_sharer(&mut self, cpu: CpuId) {
        self.woken[1].insert(cpu);
    }

    fn kick_sharer(&mut self, cpu: CpuId) {
        self.kicked[1].insert(cpu);
    }
}

impl Memory for Board {
    fn assign(&mut self, partition: PartitionId, _world: World, memory: PhysRange, _cpus: CpuSet) {
        let console = Console::new(self.config.console);
        self.spaces.insert(
            partition,
            Space { memory, links: vec![], open: false, console, faults: 0, console_traps: 0 },
        );
    }

    fn open(&mut self, partition: PartitionId, _memory: PhysRange) {
        if let Some(space) = self.spaces.get_mut(&partition) {
            space.open = true;
        }
    }

    fn close(&mut self, partition: PartitionId, _memory: PhysRange) {
        if let Some(space) = self.spaces.get_mut(&partition) {
            space.open = false;
        }
    }

    fn copy(&mut self, from: PhysRange, to: PhysRange) -> bool {
        let allowed = !self.spaces.values().any(|space| space.memory.overlaps(from));
        if allowed {
            self.ram.copy(from, to);
        }
        allowed
    }

    fn scrub(&mut self, piece: PhysRange) {
        self.ram.clear(piece);
    }

    fn release(&mut self, partition: PartitionId, memory: PhysRange) {
        debug_assert!(self.ram.is_clear(memory), "the firmware gives back what it has not scrubbed");
        self.spaces.remove(&partition);
    }

    fn join(&mut self, ends: [PartitionId; 2], memory: PhysRange) {
        for (_, space) in self.spaces.iter_mut().filter(|(id, _)| ends.contains(id)) {
            space.links.push(memory);
        }
    }

    fn part(&mut self, ends: [PartitionId; 2], memory: PhysRange) {
        for (_, space) in self.spaces.iter_mut().filter(|(id, _)| ends.contains(id)) {
            space.links.retain(|link| *link != memory);
        }
    }

    fn give_back(&mut self, memory: PhysRange) {
        debug_assert!(self.ram.is_clear(memory), "the firmware gives back what it has not scrubbed");
    }

    fn console(&self, partition: PartitionId) -> Option<(PhysAddr, u64)> {
        let size = u64::try_from(self.spaces.get(&partition)?.console.size()).ok()?;
        Some((PhysAddr(CONSOLE_BASE + u64::from(partition.0) % CONSOLES * size), size))
    }

    fn counter(&self, partition: PartitionId, counter: Counter) -> Option<u64> {
        let space = self.spaces.get(&partition)?;
        match counter {
            Counter::ConsoleTraps => Some(space.console_traps),
            Counter::Stage2Faults => Some(space.faults),
            Counter::Starts
            | Counter::Suspends
            | Counter::GuestPowerEvents
            | Counter::Smcs
            | Counter::DistributorTraps
            | Counter::SgiTraps => None,
        }
    }
}

impl Machine for Board {
    fn system_off(&mut self) {
        self.power = Some(Power::Off);
    }

    fn system_reset(&mut self) {
        self.power = Some(Power::Reset);
    }

    fn notify(&mut self) {
        self.interrupt = true;
    }
}
