//! The machine as the monitor sees it, and the one lock round both.

use core::sync::atomic::{AtomicUsize, Ordering};

use firmware::Monitor;
use firmware::monitor::Board as BoardDescription;
use firmware::platform::{Cores, Machine, Memory};
use qemu_virt::gic::{FIRST_SPI, pend};
use qemu_virt::memory_map::{
    CONSOLE_SIZE, EL2_DATA_BASE, EVENT_SPI, GRANULE, MANAGEMENT_BASE, MANAGEMENT_DTB, MANAGEMENT_KERNEL,
    MANAGEMENT_SIZE, MAX_CPUS, MAX_PARTITIONS, POOL_BASE, POOL_SIZE, SECURE_POOL_BASE, SECURE_POOL_SIZE,
};
use qemu_virt::view::{Ring, console_interrupt, view};
use qemu_virt::weaken;
use spin::mutex::SpinMutex;
use vman_core::abi::smc::Counter;
use vman_core::id::{ByteSize, CpuId, CpuSet, Mpidr, PartitionId, PhysAddr, PhysRange};
use vman_core::plan::World;

use crate::stage2::Stage2Tables;
use crate::{cpu, gic, log, machine, memory};

/// The monitor of this board.
pub(crate) type BoardMonitor = Monitor<MAX_CPUS, MAX_PARTITIONS>;

struct Firmware {
    monitor: BoardMonitor,
    board: Board,
}

static FIRMWARE: SpinMutex<Option<Firmware>> = SpinMutex::new(None);
static CPU_COUNT: AtomicUsize = AtomicUsize::new(0);
const SECURE_POOL: PhysRange = PhysRange::new(PhysAddr(SECURE_POOL_BASE), ByteSize(SECURE_POOL_SIZE))
    .expect("the secure pool ends in the secure memory");
const MANAGEMENT: PhysRange = PhysRange::new(PhysAddr(MANAGEMENT_BASE), ByteSize(MANAGEMENT_SIZE))
    .expect("the management partition's memory ends in RAM");
/// S-EL1 alone does not isolate critical partitions from each other.
const SECURE_LIMIT: usize = 1;
const POOL: PhysRange =
    PhysRange::new(PhysAddr(POOL_BASE), ByteSize(POOL_SIZE)).expect("the pool ends in RAM");

/// Number of CPUs of the machine, at most [`MAX_CPUS`].
pub(crate) fn cpu_count() -> usize {
    match CPU_COUNT.load(Ordering::Relaxed) {
        0 => {
            let count = gic::count_cpus();
            CPU_COUNT.store(count, Ordering::Relaxed);
            count
        }
        count => count,
    }
}

/// Sets up the monitor; the management partition is to start. Called once, by the boot CPU.
pub(crate) fn init() {
    let cpus = CpuSet::first(cpu_count());
    let description = BoardDescription {
        cpus,
        boot_cpu: cpu::current(),
        memory: POOL,
        secure_memory: SECURE_POOL,
        granule: ByteSize(GRANULE),
        event_interrupt: FIRST_SPI + EVENT_SPI,
    };
    let monitor = Monitor::new(description, PhysAddr(MANAGEMENT_KERNEL), MANAGEMENT_DTB)
        .with_secure(SECURE_LIMIT, true);
    let board = Board::new(cpus);
    *FIRMWARE.lock() = Some(Firmware { monitor, board });
}

/// Waits until [`init`] is done.
pub(crate) fn wait_until_ready() {
    while FIRMWARE.lock().is_none() {
        core::hint::spin_loop();
    }
}

/// Runs `job` under the lock.
pub(crate) fn with<R>(job: impl FnOnce(&mut BoardMonitor, &mut Board) -> R) -> R {
    let mut firmware = FIRMWARE.lock();
    let firmware = firmware.as_mut().expect("init comes before every exception");
    job(&mut firmware.monitor, &mut firmware.board)
}

struct Slot {
    id: PartitionId,
    /// CPUs of its own: those that a critical partition shares are another one's.
    cpus: CpuSet,
    /// None for a critical partition: the secure world has no second stage here.
    tables: Option<Stage2Tables>,
}

/// What a CPU needs to enter a partition.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SlotEntry {
    /// Number of the slot.
    pub(crate) index: usize,
    /// `VTTBR_EL2`; 0 for a critical partition.
    pub(crate) vttbr: u64,
}

/// The machine: which slot holds which partition, and their tables.
pub(crate) struct Board {
    slots: [Option<Slot>; MAX_PARTITIONS],
}

impl Board {
    fn new(cpus: CpuSet) -> Self {
        clear_views();
        let mut slots = [const { None }; MAX_PARTITIONS];
        view(0).reset(cpus.words()[0]);
        let tables = Some(Stage2Tables::management(cpus));
        slots[0] = Some(Slot { id: PartitionId::MANAGEMENT, cpus, tables });
        Self { slots }
    }

    fn index(&self, id: PartitionId) -> Option<usize> {
        self.slots.iter().position(|slot| slot.as_ref().is_some_and(|slot| slot.id == id))
    }

    /// The partition's slot.
    pub(crate) fn slot(&self, id: PartitionId) -> Option<SlotEntry> {
        let index = self.index(id)?;
        let tables = self.slots[index].as_ref()?.tables.as_ref();
        Some(SlotEntry { index, vttbr: tables.map_or(0, Stage2Tables::vttbr) })
    }

    /// Number of the partition's slot.
    pub(crate) fn slot_index(&self, id: PartitionId) -> Option<usize> {
        self.index(id)
    }

    fn is_secure(&self, index: usize) -> bool {
        self.slots[index].as_ref().is_some_and(|slot| slot.tables.is_none())
    }

    /// The last kernel may have left it enabled, or active on a CPU that was torn out.
    fn reset_console_interrupt(&self, index: usize) {
        if self.is_secure(index) {
            return;
        }
        if let Some(first) = self.slots[index].as_ref().and_then(|slot| slot.cpus.lowest()) {
            gic::route(console_interrupt(first.0), first);
        }
    }

    fn each_table(&mut self, ids: [PartitionId; 2], job: impl Fn(&mut Stage2Tables)) {
        for slot in self.slots.iter_mut().flatten().filter(|slot| ids.contains(&slot.id)) {
            slot.tables.iter_mut().for_each(&job);
        }
    }

    fn management(&mut self) -> &mut Stage2Tables {
        let slot = self.slots[0].as_mut().expect("the management partition is never released");
        slot.tables.as_mut().expect("the management partition is not critical")
    }

    fn management_cpus(&self) -> CpuSet {
        self.slots[0].as_ref().map_or(CpuSet::EMPTY, |slot| slot.cpus)
    }

    fn set_management_cpus(&mut self, cpus: CpuSet) {
        if let Some(slot) = &mut self.slots[0] {
            slot.cpus = cpus;
        }
        view(0).cpus.store(cpus.words()[0], Ordering::Relaxed);
    }

    /// Positive controls: the partition that `cpu` belongs to sees all Non-secure memory, or what it should again.
    #[cfg(feature = "weaken")]
    pub(crate) fn see_everything(&mut self, cpu: CpuId, everything: bool) {
        let own = |slot: &&mut Slot| slot.cpus.contains(cpu);
        if let Some(tables) = self.slots.iter_mut().flatten().find(own).and_then(|slot| slot.tables.as_mut())
        {
            tables.see_everything(everything);
        }
    }
}

/// The EL2 layer's data area holds chance at power-on and the last run's values at a reset.
fn clear_views() {
    for index in 0..MAX_PARTITIONS {
        view(index).reset(0);
    }
    debug_assert!(core::ptr::from_ref(view(0)) as u64 == EL2_DATA_BASE);
}

impl Cores for Board {
    fn cpu(&self, mpidr: Mpidr) -> Option<CpuId> {
        cpu::from_mpidr(mpidr)
    }

    fn mpidr(&self, cpu: CpuId) -> Option<Mpidr> {
        (cpu.index() < cpu_count()).then_some(Mpidr(u64::from(cpu.0)))
    }

    fn wake(&mut self, cpu: CpuId) {
        gic::kick(cpu);
    }

    fn kick(&mut self, cpu: CpuId) {
        if weaken::is_off(weaken::KICK) {
            gic::kick_maskable(cpu);
        } else {
            gic::kick(cpu);
        }
    }
}

impl Memory for Board {
    fn assign(&mut self, partition: PartitionId, world: World, memory: PhysRange, cpus: CpuSet) {
        let index = self.slots.iter().position(Option::is_none).expect("the monitor bounds the partitions");
        let cpus = if world == World::Secure { cpus.intersection(&self.management_cpus()) } else { cpus };
        self.management().hide_redistributors(cpus);
        self.set_management_cpus(self.management_cpus().difference(&cpus));
        Ring::new(index).clear();
        // The EL2 layer must know every CPU of the machine: kernels walk over all redistributors.
        view(index).reset(cpus.words()[0]);
        let tables = match world {
            World::Secure => None,
            World::NonSecure => {
                self.management().hide(memory);
                Some(Stage2Tables::partition(index, memory, cpus))
            }
        };
        self.slots[index] = Some(Slot { id: partition, cpus, tables });
        self.reset_console_interrupt(index);
        log::line(format_args!("partition {partition}: slot {index}, CPUs {cpus}, memory {memory}"));
    }

    fn open(&mut self, _partition: PartitionId, memory: PhysRange) {
        if POOL.encloses(memory) {
            self.management().show(memory);
        }
    }

    fn close(&mut self, partition: PartitionId, memory: PhysRange) {
        if POOL.encloses(memory) && !weaken::is_off(weaken::HIDING) {
            self.management().hide(memory);
        }
        if let Some(index) = self.index(partition) {
            view(index).reset_uart();
            self.reset_console_interrupt(index);
        }
    }

    fn copy(&mut self, from: PhysRange, to: PhysRange) -> bool {
        let allowed = MANAGEMENT.encloses(from) && SECURE_POOL.encloses(to);
        if allowed {
            memory::copy(from, to);
        }
        allowed
    }

    fn scrub(&mut self, piece: PhysRange) {
        assert!(POOL.encloses(piece) || SECURE_POOL.encloses(piece));
        if !weaken::is_off(weaken::SCRUBBING) {
            memory::scrub(piece);
        }
    }

    fn release(&mut self, partition: PartitionId, memory: PhysRange) {
        let Some(index) = self.index(partition) else { return };
        let Some(slot) = self.slots[index].take() else { return };
        if let Some(first) = slot.cpus.lowest() {
            gic::silence(console_interrupt(first.0));
        }
        view(index).reset(0);
        self.set_management_cpus(self.management_cpus().union(&slot.cpus));
        if POOL.encloses(memory) {
            self.management().show(memory);
        }
        self.management().show_redistributors(slot.cpus);
        log::line(format_args!("partition {partition}: gone"));
    }

    fn join(&mut self, ends: [PartitionId; 2], memory: PhysRange) {
        self.management().hide(memory);
        self.each_table(ends, |tables| tables.share(memory));
    }

    fn part(&mut self, ends: [PartitionId; 2], memory: PhysRange) {
        self.each_table(ends, |tables| tables.hide(memory));
    }

    fn give_back(&mut self, memory: PhysRange) {
        self.management().show(memory);
    }

    fn console(&self, partition: PartitionId) -> Option<(PhysAddr, u64)> {
        let index = self.index(partition).filter(|index| *index != 0)?;
        Some((PhysAddr(Ring::new(index).base()), CONSOLE_SIZE))
    }

    fn notify_console(&mut self, partition: PartitionId) {
        let guest = |index: &usize| *index != 0 && !self.is_secure(*index);
        let Some(index) = self.index(partition).filter(guest) else { return };
        if let Some(interrupt) = view(index).console_interrupt().filter(|_| Ring::new(index).has_input()) {
            pend(interrupt);
        }
    }

    fn counter(&self, partition: PartitionId, counter: Counter) -> Option<u64> {
        view(self.index(partition)?).counter(counter)
    }
}

impl Machine for Board {
    fn system_off(&mut self) {
        log::line(format_args!("machine off"));
        machine::power_off();
    }

    fn system_reset(&mut self) {
        log::line(format_args!("machine reset"));
        machine::reset();
    }

    fn notify(&mut self) {
        pend(FIRST_SPI + EVENT_SPI);
    }
}
