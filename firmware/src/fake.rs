//! A machine for tests: it records what it is asked for and lets the test decide when each CPU obeys.

use std::collections::BTreeMap;
use std::vec::Vec;

use vman_core::abi::smc::{Completion, Counter, FunctionId, SmcCall, SmcError, SmcReturn};
use vman_core::id::{ByteSize, CpuId, CpuSet, Mpidr, PartitionId, PhysAddr, PhysRange};
use vman_core::plan::World;

use crate::monitor::{Board, Boot, Kick, Monitor, Outcome};
use crate::platform::{Cores, Machine, Memory};
use crate::table::Lane;

pub(crate) const CPUS: u16 = 8;
pub(crate) const SLOTS: usize = 4;
pub(crate) const MIB: u64 = 1 << 20;
pub(crate) const POOL: u64 = 0x8000_0000;
pub(crate) const POOL_SIZE: u64 = 64 * MIB;
pub(crate) const MANAGEMENT: u64 = 0x4000_0000;
pub(crate) const MANAGEMENT_SIZE: u64 = 64 * MIB;
pub(crate) const SECURE: u64 = 0x0e00_0000;
pub(crate) const SECURE_SIZE: u64 = 16 * MIB;

/// What a CPU does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Core {
    Parked,
    /// Runs code of this partition.
    Running(PartitionId),
    /// Was told to hold.
    Held(PartitionId),
    /// Was told to park, is not yet there.
    Parking,
}

/// The platform's part.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    /// CPUs that were woken and have not looked yet.
    pub(crate) woken: CpuSet,
    /// CPUs that were kicked and have not obeyed yet.
    pub(crate) kicked: CpuSet,
    /// Partitions' memory, and whether it is open to the management partition.
    pub(crate) memory: BTreeMap<PartitionId, (PhysRange, bool)>,
    /// Links: what they join, and whether it is mapped.
    pub(crate) links: BTreeMap<PhysRange, ([PartitionId; 2], bool)>,
    pub(crate) scrubbed: Vec<PhysRange>,
    pub(crate) copied: Vec<(PhysRange, PhysRange)>,
    pub(crate) notified: u32,
    pub(crate) system_offs: u32,
    pub(crate) system_resets: u32,
}

impl Cores for Recorder {
    fn cpu(&self, mpidr: Mpidr) -> Option<CpuId> {
        (0..CPUS).map(CpuId).find(|cpu| self.mpidr(*cpu) == Some(mpidr))
    }

    fn mpidr(&self, cpu: CpuId) -> Option<Mpidr> {
        (cpu.0 < CPUS).then(|| mpidr(cpu.0))
    }

    fn wake(&mut self, cpu: CpuId) {
        self.woken.insert(cpu);
    }

    fn kick(&mut self, cpu: CpuId) {
        self.kicked.insert(cpu);
    }
}

impl Memory for Recorder {
    fn assign(&mut self, partition: PartitionId, _world: World, memory: PhysRange, _cpus: CpuSet) {
        assert_eq!(self.memory.insert(partition, (memory, false)), None);
    }

    fn open(&mut self, partition: PartitionId, memory: PhysRange) {
        assert_eq!(self.memory.insert(partition, (memory, true)), Some((memory, false)));
    }

    fn close(&mut self, partition: PartitionId, memory: PhysRange) {
        assert_eq!(self.memory.insert(partition, (memory, false)), Some((memory, true)));
    }

    fn copy(&mut self, from: PhysRange, to: PhysRange) -> bool {
        let allowed = range(MANAGEMENT, MANAGEMENT_SIZE).encloses(from);
        if allowed {
            self.copied.push((from, to));
        }
        allowed
    }

    fn scrub(&mut self, piece: PhysRange) {
        assert!(piece.size().0 <= Self::SCRUB_STEP && !piece.is_empty());
        self.scrubbed.push(piece);
    }

    fn release(&mut self, partition: PartitionId, memory: PhysRange) {
        assert_eq!(self.memory.remove(&partition), Some((memory, false)));
    }

    fn join(&mut self, ends: [PartitionId; 2], memory: PhysRange) {
        assert!(self.memory.values().all(|(other, _)| !other.overlaps(memory)));
        assert!(ends.iter().all(|end| self.memory.contains_key(end)));
        assert_eq!(self.links.insert(memory, (ends, true)), None);
    }

    fn part(&mut self, ends: [PartitionId; 2], memory: PhysRange) {
        let (joined, mapped) = self.links.get_mut(&memory).expect("only what was joined is parted");
        assert_eq!(*joined, ends);
        *mapped = false;
    }

    fn give_back(&mut self, memory: PhysRange) {
        assert!(matches!(self.links.remove(&memory), Some((_, false))));
        let zeroed = self.scrubbed.last().is_some_and(|piece| piece.end() == memory.end());
        assert!(zeroed, "{memory} is given back as it was left");
    }

    fn console(&self, partition: PartitionId) -> Option<(PhysAddr, u64)> {
        self.memory.contains_key(&partition).then_some((PhysAddr(0x1000), 4096))
    }

    fn counter(&self, _partition: PartitionId, counter: Counter) -> Option<u64> {
        (counter == Counter::SgiTraps).then_some(7)
    }
}

impl Machine for Recorder {
    fn system_off(&mut self) {
        self.system_offs += 1;
    }

    fn system_reset(&mut self) {
        self.system_resets += 1;
    }

    fn notify(&mut self) {
        self.notified += 1;
    }
}

/// A monitor with its CPUs.
#[derive(Debug)]
pub(crate) struct Rig {
    pub(crate) monitor: Monitor<{ CPUS as usize }, SLOTS>,
    pub(crate) recorder: Recorder,
    pub(crate) cores: Vec<Core>,
    pub(crate) boots: Vec<(CpuId, Boot)>,
}

pub(crate) fn mpidr(cpu: u16) -> Mpidr {
    Mpidr(u64::from(cpu / 4) << 8 | u64::from(cpu % 4))
}

pub(crate) fn board() -> Board {
    Board {
        cpus: CpuSet::first(CPUS.into()),
        boot_cpu: CpuId(0),
        memory: range(POOL, POOL_SIZE),
        secure_memory: range(SECURE, SECURE_SIZE),
        granule: ByteSize(2 * MIB),
        event_interrupt: 40,
    }
}

pub(crate) fn range(base: u64, size: u64) -> PhysRange {
    PhysRange::new(PhysAddr(base), ByteSize(size)).unwrap()
}

impl Rig {
    /// The management partition runs on CPU 0.
    pub(crate) fn new() -> Self {
        let monitor = Monitor::new(board(), PhysAddr(0x4020_0000), 0x4a00_0000).with_secure(2, true);
        let mut rig = Self {
            monitor,
            recorder: Recorder::default(),
            cores: std::vec![Core::Parked; CPUS.into()],
            boots: Vec::new(),
        };
        rig.look(CpuId(0));
        rig
    }

    /// A call of the management partition's boot CPU.
    pub(crate) fn call(&mut self, function: FunctionId, args: &[u64]) -> Result<Completion, SmcError> {
        match self.smc(0, SmcCall::new(function, args)) {
            Outcome::Return(answer) => answer.outcome(),
            Outcome::Standby(_) | Outcome::Park => panic!("{function:?} does not return"),
        }
    }

    /// A call that must succeed at once; its results.
    pub(crate) fn ok(&mut self, function: FunctionId, args: &[u64]) -> [u64; 3] {
        match self.call(function, args) {
            Ok(Completion::Done(results)) => results,
            other => panic!("{function:?} {args:x?} answered {other:?}"),
        }
    }

    pub(crate) fn smc(&mut self, cpu: u16, call: SmcCall) -> Outcome {
        let outcome = self.monitor.on_smc(CpuId(cpu), call, &mut self.recorder);
        if outcome == Outcome::Park {
            self.cores[usize::from(cpu)] = Core::Parking;
        }
        outcome
    }

    /// A PSCI call; its `x0`.
    pub(crate) fn psci(&mut self, cpu: u16, function: u32, args: [u64; 3]) -> Outcome {
        let [a, b, c] = args;
        self.smc(cpu, SmcCall { function: function.into(), args: [a, b, c, 0, 0, 0, 0] })
    }

    /// A PSCI call that returns; its `x0` as a signed number.
    pub(crate) fn psci_value(&mut self, cpu: u16, function: u32, args: [u64; 3]) -> i64 {
        match self.psci(cpu, function, args) {
            Outcome::Return(SmcReturn([x0, ..])) | Outcome::Standby(SmcReturn([x0, ..])) => x0.cast_signed(),
            Outcome::Park => panic!("{function:#x} parked"),
        }
    }

    /// A partition of `mib` MiB at `offset` MiB of the pool.
    pub(crate) fn create(&mut self, cpus: &[u16], offset: u64, mib: u64) -> PartitionId {
        let [id, ..] = self.ok(FunctionId::PartCreate, &create_args(0, POOL + offset * MIB, mib * MIB, cpus));
        PartitionId(u32::try_from(id).unwrap())
    }

    /// A partition whose lowest CPU runs.
    pub(crate) fn deployed(&mut self, cpus: &[u16], offset: u64, mib: u64) -> PartitionId {
        let id = self.create(cpus, offset, mib);
        let base = POOL + offset * MIB;
        self.ok(FunctionId::PartStart, &[id.0.into(), base, base + MIB]);
        self.obey();
        id
    }

    /// `cpu` looks whether it starts.
    pub(crate) fn look(&mut self, cpu: CpuId) {
        self.recorder.woken.remove(cpu);
        if let Some(boot) = self.monitor.on_parked(cpu) {
            self.cores[cpu.index()] = Core::Running(boot.partition);
            self.boots.push((cpu, boot));
        }
    }

    /// `cpu` asks what to do after a kick or a wake.
    pub(crate) fn ask(&mut self, cpu: CpuId, owner: PartitionId) {
        self.cores[cpu.index()] = match self.monitor.on_kick(cpu, &mut self.recorder) {
            Kick::Resume => Core::Running(owner),
            Kick::Hold => Core::Held(owner),
            Kick::Park => Core::Parking,
        };
    }

    /// `cpu` does what it was told, if it was told something. Returns whether it was.
    pub(crate) fn obey_one(&mut self, cpu: CpuId) -> bool {
        match self.cores[cpu.index()] {
            Core::Parking => {
                self.cores[cpu.index()] = Core::Parked;
                self.recorder.kicked.remove(cpu);
                self.monitor.on_off(cpu, &mut self.recorder);
            }
            Core::Running(owner) if self.recorder.kicked.remove(cpu) => self.ask(cpu, owner),
            Core::Held(owner) if self.recorder.woken.remove(cpu) => self.ask(cpu, owner),
            Core::Parked if self.recorder.woken.contains(cpu) => self.look(cpu),
            Core::Running(_) | Core::Held(_) | Core::Parked => return false,
        }
        true
    }

    /// Every CPU obeys until there is nothing left to obey. Returns the number of steps.
    pub(crate) fn obey(&mut self) -> u32 {
        let mut steps = 0;
        while (0..CPUS).map(CpuId).fold(false, |any, cpu| self.obey_one(cpu) | any) {
            steps += 1;
            assert!(steps < 100, "CPUs never come to rest: {:?}", self.cores);
        }
        steps
    }

    pub(crate) fn fault(&mut self, cpu: u16, reason: vman_core::abi::smc::FaultReason) {
        let cpu = CpuId(cpu);
        let Core::Running(owner) = self.cores[cpu.index()] else { panic!("CPU {cpu} does not run") };
        self.monitor.on_fault(cpu, reason, 0xbad, 0xc0de, &mut self.recorder);
        self.ask(cpu, owner);
    }

    /// Kind, id and detail of the next event.
    pub(crate) fn event(&mut self) -> Option<(u64, u64, u64)> {
        let [id, kind, _seq] = self.ok(FunctionId::EventGet, &[]);
        (id != 0).then_some((kind & 0xffff_ffff, id, kind >> 32))
    }

    pub(crate) fn lane_power(&self, lane: Lane) -> vman_core::abi::smc::CpuPower {
        self.monitor.table.lane(lane).unwrap().power
    }
}

/// `x1`..`x7` of `PART_CREATE`.
pub(crate) fn create_args(flags: u64, base: u64, size: u64, cpus: &[u16]) -> [u64; 7] {
    let set: CpuSet = cpus.iter().copied().map(CpuId).collect();
    let [c0, c1, c2, c3] = set.words();
    [flags, base, size, c0, c1, c2, c3]
}
