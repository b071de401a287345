//! The firmware under calls that no sane operating system makes, from any CPU, in any order with what CPUs do.

use std::collections::BTreeMap;

use arbitrary::Unstructured;
use firmware::monitor::{Board, Kick, Monitor, Outcome};
use firmware::platform::{Cores, Machine, Memory};
use vman_core::abi::smc::{Counter, FaultReason, FunctionId, SmcCall};
use vman_core::id::{ByteSize, CpuId, CpuSet, Mpidr, PartitionId, PhysAddr, PhysRange};
use vman_core::plan::World;

const CPUS: u16 = 4;
const PARTITIONS: usize = 3;
const MIB: u64 = 1 << 20;
const POOL: u64 = 0x8000_0000;
const POOL_SIZE: u64 = 32 * MIB;
const SECURE: u64 = 0x0e00_0000;
const SECURE_SIZE: u64 = 16 * MIB;

/// Identifiers of PSCI and of the calling convention.
const POWER_CALLS: [u64; 12] = [
    0x8400_0000,
    0xc400_0001,
    0x8400_0002,
    0xc400_0003,
    0x8400_0003,
    0xc400_0004,
    0x8400_0008,
    0x8400_0009,
    0x8400_000a,
    0x8000_0000,
    0x8400_ffff,
    0xdead_beef,
];

/// Memory as the platform below the firmware sees it: it refuses what must never be asked.
#[derive(Default)]
struct Ledger {
    owners: BTreeMap<PartitionId, Owned>,
    /// Links: whether they are mapped, and clean.
    links: BTreeMap<PhysRange, (bool, bool)>,
}

struct Owned {
    memory: PhysRange,
    open: bool,
}

impl Cores for Ledger {
    fn cpu(&self, mpidr: Mpidr) -> Option<CpuId> {
        (0..CPUS).map(CpuId).find(|cpu| self.mpidr(*cpu) == Some(mpidr))
    }

    fn mpidr(&self, cpu: CpuId) -> Option<Mpidr> {
        (cpu.0 < CPUS).then(|| Mpidr(cpu.0.into()))
    }

    fn wake(&mut self, cpu: CpuId) {
        assert!(cpu.0 < CPUS);
    }

    fn kick(&mut self, cpu: CpuId) {
        assert!(cpu.0 < CPUS);
    }
}

impl Memory for Ledger {
    fn assign(&mut self, partition: PartitionId, world: World, memory: PhysRange, cpus: CpuSet) {
        let pool = match world {
            World::NonSecure => range(POOL, POOL_SIZE),
            World::Secure => range(SECURE, SECURE_SIZE),
        };
        assert!(pool.encloses(memory) && !memory.is_empty(), "{memory}");
        assert!(self.owners.values().all(|other| !other.memory.overlaps(memory)), "{memory} belongs to two");
        assert!(self.links.keys().all(|link| !link.overlaps(memory)), "{memory} is a link");
        assert!(!cpus.is_empty() && !cpus.contains(CpuId(0)), "{cpus}");
        assert!(self.owners.insert(partition, Owned { memory, open: false }).is_none());
    }

    fn open(&mut self, partition: PartitionId, memory: PhysRange) {
        self.turn(partition, memory, false, true);
    }

    fn close(&mut self, partition: PartitionId, memory: PhysRange) {
        self.turn(partition, memory, true, false);
    }

    fn scrub(&mut self, piece: PhysRange) {
        assert!(piece.size().0 <= Self::SCRUB_STEP && !piece.is_empty());
        if let Some((_, clean)) = self.links.get_mut(&piece) {
            *clean = true;
            return;
        }
        let owned = self.owners.values().any(|owned| owned.memory.encloses(piece) && !owned.open);
        assert!(owned, "{piece} is scrubbed and belongs to no closed partition");
    }

    fn release(&mut self, partition: PartitionId, memory: PhysRange) {
        let owned = self.owners.remove(&partition).expect("only what was assigned is released");
        assert!(owned.memory == memory && !owned.open);
    }

    fn join(&mut self, ends: [PartitionId; 2], memory: PhysRange) {
        assert!(ends[0] != ends[1] && ends.iter().all(|end| self.owners.contains_key(end)));
        assert!(range(POOL, POOL_SIZE).encloses(memory));
        assert!(self.owners.values().all(|other| !other.memory.overlaps(memory)), "{memory} belongs to two");
        assert!(self.links.insert(memory, (true, false)).is_none(), "{memory} is linked twice");
    }

    fn part(&mut self, _ends: [PartitionId; 2], memory: PhysRange) {
        *self.links.get_mut(&memory).expect("only what was joined is parted") = (false, false);
    }

    fn give_back(&mut self, memory: PhysRange) {
        assert_eq!(self.links.remove(&memory), Some((false, true)), "{memory} is given back as it was left");
    }

    fn console(&self, partition: PartitionId) -> Option<(PhysAddr, u64)> {
        self.owners.contains_key(&partition).then_some((PhysAddr(0x1000), 4096))
    }

    fn counter(&self, _partition: PartitionId, _counter: Counter) -> Option<u64> {
        None
    }
}

impl Machine for Ledger {
    fn system_off(&mut self) {}
    fn system_reset(&mut self) {}
    fn notify(&mut self) {}
}

impl Ledger {
    fn turn(&mut self, partition: PartitionId, memory: PhysRange, from: bool, to: bool) {
        let owned = self.owners.get_mut(&partition).expect("it has memory");
        assert!(owned.memory == memory && owned.open == from);
        owned.open = to;
    }
}

/// What a CPU does, as the platform keeps it.
#[derive(Clone, Copy, PartialEq)]
enum Core {
    Parked,
    Running(PartitionId),
    Held(PartitionId),
}

struct Rig {
    monitor: Monitor<{ CPUS as usize }, PARTITIONS>,
    ledger: Ledger,
    cores: [Core; CPUS as usize],
}

/// A script of steps.
pub fn run(data: &[u8]) {
    let board = Board {
        cpus: CpuSet::first(CPUS.into()),
        boot_cpu: CpuId(0),
        memory: range(POOL, POOL_SIZE),
        secure_memory: range(SECURE, SECURE_SIZE),
        granule: ByteSize(2 * MIB),
        event_interrupt: 40,
    };
    let mut rig = Rig {
        monitor: Monitor::new(board, PhysAddr(0x4020_0000), 0),
        ledger: Ledger::default(),
        cores: [Core::Parked; CPUS as usize],
    };
    rig.look(0);
    let mut u = Unstructured::new(data);
    while !u.is_empty() && rig.step(&mut u).is_ok() {}
}

impl Rig {
    fn step(&mut self, u: &mut Unstructured<'_>) -> arbitrary::Result<()> {
        let cpu = u.int_in_range(0..=CPUS - 1)?;
        match u.int_in_range(0..=9u8)? {
            0..=3 => {
                let call = service(u)?;
                self.smc(0, call);
            }
            4 => {
                let call = any_call(u)?;
                self.smc(cpu, call);
            }
            5 | 6 => self.kick(cpu),
            7 | 8 => self.look(cpu),
            _ => self.fault(cpu, u.arbitrary()?),
        }
        Ok(())
    }

    fn smc(&mut self, cpu: u16, call: SmcCall) {
        if matches!(self.cores[usize::from(cpu)], Core::Running(_)) {
            match self.monitor.on_smc(CpuId(cpu), call, &mut self.ledger) {
                Outcome::Return(_) | Outcome::Standby(_) => {}
                Outcome::Park => self.park(cpu),
            }
        }
    }

    fn kick(&mut self, cpu: u16) {
        let core = &mut self.cores[usize::from(cpu)];
        let (Core::Running(owner) | Core::Held(owner)) = *core else { return };
        match self.monitor.on_kick(CpuId(cpu), &mut self.ledger) {
            Kick::Resume => *core = Core::Running(owner),
            Kick::Hold => *core = Core::Held(owner),
            Kick::Park => self.park(cpu),
        }
    }

    fn park(&mut self, cpu: u16) {
        self.cores[usize::from(cpu)] = Core::Parked;
        self.monitor.on_off(CpuId(cpu), &mut self.ledger);
    }

    fn look(&mut self, cpu: u16) {
        if self.cores[usize::from(cpu)] != Core::Parked {
            return;
        }
        let Some(boot) = self.monitor.on_parked(CpuId(cpu)) else { return };
        if !boot.partition.is_management() {
            let owned = self.ledger.owners.get(&boot.partition).expect("who starts has memory");
            assert!(!owned.open, "a partition runs while the management partition can write to it");
            assert!(owned.memory.contains(boot.entry), "{} in {}", boot.entry, owned.memory);
        }
        self.cores[usize::from(cpu)] = Core::Running(boot.partition);
    }

    fn fault(&mut self, cpu: u16, address: u64) {
        if matches!(self.cores[usize::from(cpu)], Core::Running(_)) {
            self.monitor.on_fault(CpuId(cpu), FaultReason::Memory, address, address, &mut self.ledger);
            self.kick(cpu);
        }
    }
}

/// A call of the service with values that mean something more often than not.
fn service(u: &mut Unstructured<'_>) -> arbitrary::Result<SmcCall> {
    let function = *u.choose(FunctionId::ALL)?;
    if function == FunctionId::PartCreate && u.ratio(3, 4)? {
        let secure: bool = u.ratio(1, 4)?;
        let base = if secure { SECURE } else { POOL } + u.int_in_range(0..=20u64)? * 2 * MIB;
        let size = u.int_in_range(1..=4u64)? * 2 * MIB;
        return Ok(SmcCall::new(function, &[secure.into(), base, size, u.int_in_range(0..=15)?]));
    }
    let id = u.int_in_range(0..=6u64)?;
    let address = POOL + u.int_in_range(0..=40u64)? * MIB;
    let rest = if u.ratio(1, 8)? { u.arbitrary()? } else { address };
    Ok(SmcCall::new(function, &[id, rest, address]))
}

fn any_call(u: &mut Unstructured<'_>) -> arbitrary::Result<SmcCall> {
    let mut call = if u.ratio(1, 2)? {
        SmcCall { function: *u.choose(&POWER_CALLS)?, args: [0; 7] }
    } else {
        SmcCall::new(*u.choose(FunctionId::ALL)?, &[])
    };
    let wild = u.ratio(1, 2)?;
    for register in &mut call.args {
        *register = if wild { u.arbitrary()? } else { u.int_in_range(0..=4)? };
    }
    if !wild {
        call.args[1] = POOL + u.int_in_range(0..=40u64)? * MIB;
    }
    Ok(call)
}

fn range(base: u64, size: u64) -> PhysRange {
    PhysRange::new(PhysAddr(base), ByteSize(size)).expect("it does not wrap")
}
