//! The vManager Unit: the SMC service of the management partition ([`vman_core::abi::smc`]).
//!
//! Every call is checked in this order: known function, caller allowed (both by [`Monitor::on_smc`]), arguments,
//! existence, another operation under way, state and condition, other owners, room. Only then something happens, so
//! a refused call has changed nothing.
//!
//! # Long operations
//! `PART_STOP` and `PART_SUSPEND` answer `PENDING` as soon as every CPU was told, and are watched by page
//! [`InfoPage::Status`] of `PART_INFO`. The watch is free of races: while the operation is under way `pending` names
//! it and the state is the old one; both change in the same step. The watcher waits until `pending` is no longer its
//! operation, then reads from the state what became of it:
//!
//! | watched | READY | DEPLOYED | SUSPENDED |
//! |---|---|---|---|
//! | stop | done | (never) | (never) |
//! | suspend | its operating system powered off or reset meanwhile | it faulted meanwhile, or was resumed | done |
//!
//! Only the management partition can take a partition out of READY or SUSPENDED, so that the answer cannot be
//! overtaken as long as the driver does one operation at a time. A stop that is asked for again while it goes on is
//! `PENDING` again; afterwards it is refused like any stop of a READY partition. A stop joins a power-off or reset
//! by the partition itself and overrides a suspend. `PART_RESUME` calls a suspend off, so a driver that gives up
//! waiting leaves nothing behind. A stop cannot be called off.
//!
//! `PART_DESTROY` does a bounded piece of scrubbing (a part of its memory, or one link) in each call and is called until it no longer answers `PENDING`.

use vman_core::abi::smc::{
    ABI_VERSION, BoardPage, Counter, CreateArgs, CreateFlags, FunctionId, InfoPage, LOAD_ALIGNMENT, LOAD_MAX,
    SERVICE_UID, SmcError, SmcReturn,
};
use vman_core::id::{ByteSize, CpuId, PartitionId, PhysAddr, PhysRange};
use vman_core::plan::World;
use vman_core::state::{Condition, InvalidTransition, Operation, PartitionState};

use crate::monitor::Monitor;
use crate::platform::Platform;
use crate::scrub;
use crate::table::{Counters, Fault, Lane, Partition, Phase, StopCause};

/// An instruction's alignment in bytes.
const INSTRUCTION: u64 = 4;
/// A device tree's alignment in bytes (devicetree specification, 5.2; Linux's boot protocol for arm64).
const DEVICE_TREE: u64 = 8;

type Reply = Result<SmcReturn, SmcError>;

impl<const CPUS: usize, const PARTITIONS: usize> Monitor<CPUS, PARTITIONS> {
    /// A call of the management partition.
    pub(crate) fn service(
        &mut self,
        function: FunctionId,
        args: [u64; 7],
        platform: &mut impl Platform,
    ) -> SmcReturn {
        self.serve(function, args, platform).unwrap_or_else(SmcReturn::refused)
    }

    fn serve(&mut self, function: FunctionId, args: [u64; 7], platform: &mut impl Platform) -> Reply {
        let [first, second, third, ..] = args;
        match function {
            FunctionId::Version => done([ABI_VERSION.to_register(), count(self.slots), 0]),
            FunctionId::PartCreate => self.create(args, platform),
            FunctionId::PartStart => self.start(id(first)?, PhysAddr(second), PhysAddr(third), platform),
            FunctionId::PartLoad => self.load(id(first)?, second, third, args[3], platform),
            FunctionId::PartStop => self.stop(id(first)?, platform),
            FunctionId::PartSuspend => self.suspend(id(first)?, platform),
            FunctionId::PartResume => self.restore(id(first)?, platform),
            FunctionId::PartDestroy => self.destroy(id(first)?, platform),
            FunctionId::PartInfo => self.info(id(first)?, second),
            FunctionId::PartNext => done([self.next(id(first)?), 0, 0]),
            FunctionId::BoardInfo => self.board_info(first),
            FunctionId::ConsoleInfo => self.console_info(id(first)?, platform),
            FunctionId::ConsoleNotify => self.console_notify(id(first)?, platform),
            FunctionId::EventGet => done(self.events.pop().map_or([0; 3], |event| event.to_registers())),
            FunctionId::Stats => self.stats(id(first)?, second, platform),
            FunctionId::CpuInfo => self.cpu_info(first, platform),
            FunctionId::LinkCreate => {
                self.link([id(first)?, id(second)?], PhysAddr(third), platform).map(|()| SmcReturn::SUCCESS)
            }
            FunctionId::LinkInfo => done(self.link_info(first)),
            FunctionId::CallCount => Ok(SmcReturn([count(FunctionId::ALL.len()), 0, 0, 0])),
            FunctionId::CallUid => Ok(SmcReturn(SERVICE_UID.map(u64::from))),
            FunctionId::CallRevision => {
                Ok(SmcReturn([ABI_VERSION.major.into(), ABI_VERSION.minor.into(), 0, 0]))
            }
        }
    }

    fn create(&mut self, args: [u64; 7], platform: &mut impl Platform) -> Reply {
        let args = CreateArgs::from_registers(args).ok_or(SmcError::InvalidParameters)?;
        let world = self.check_create_arguments(&args)?;
        self.check_sharing(&args)?;
        self.check_cpus(&args)?;
        if self.is_taken(args.memory) {
            return Err(SmcError::Overlap);
        }
        let secure = self.table.iter().filter(|other| other.world == World::Secure).count();
        if self.table.iter().count() >= self.slots || (world == World::Secure && secure >= self.secure_limit)
        {
            return Err(SmcError::NoResources);
        }
        let number = self.last_id.checked_add(1).ok_or(SmcError::NoResources)?;
        self.last_id = number;
        let id = PartitionId(number);
        self.table.insert(Partition {
            id,
            world,
            shared_with: args.shared_with,
            memory: args.memory,
            cpus: args.cpus,
            state: PartitionState::Ready,
            condition: Condition::Running,
            phase: Phase::Idle,
            fault: Fault::NONE,
            counters: Counters::default(),
        });
        platform.assign(id, world, args.memory, args.cpus);
        platform.open(id, args.memory);
        done([number.into(), 0, 0])
    }

    /// What does not depend on other partitions.
    fn check_create_arguments(&self, args: &CreateArgs) -> Result<World, SmcError> {
        let secure = args.flags.contains(CreateFlags::SECURE);
        let (world, pool) = if secure {
            (World::Secure, self.board.secure_memory)
        } else {
            (World::NonSecure, self.board.memory)
        };
        let aligned = args.memory.base().0.is_multiple_of(self.board.granule.0)
            && args.memory.size().is_multiple_of(self.board.granule);
        let cpus_exist = !args.cpus.is_empty()
            && args.cpus.difference(&self.board.cpus).is_empty()
            && args.cpus.iter().all(|cpu| cpu.index() < CPUS);
        if args.memory.is_empty() || !aligned || !pool.encloses(args.memory) || !cpus_exist {
            return Err(SmcError::InvalidParameters);
        }
        match args.shared_with {
            Some(_) if !secure => Err(SmcError::InvalidParameters),
            Some(_) if !self.sharing => Err(SmcError::NotSupported),
            Some(_) | None => Ok(world),
        }
    }

    /// A sharer takes CPUs of an existing partition that is not critical.
    fn check_sharing(&self, args: &CreateArgs) -> Result<(), SmcError> {
        let Some(host) = args.shared_with else { return Ok(()) };
        let host = self.find(host)?;
        let inside = args.cpus.difference(&host.cpus).is_empty();
        if host.world == World::Secure || !inside {
            return Err(SmcError::InvalidParameters);
        }
        Ok(())
    }

    /// CPUs must belong to the management partition and be off; a sharer's must not be shared already.
    fn check_cpus(&self, args: &CreateArgs) -> Result<(), SmcError> {
        let shared = args.shared_with.is_some();
        for cpu in args.cpus.iter() {
            let free = self.table.lane(Lane { cpu, shared }).is_some_and(|lane| lane.owner.is_management());
            if !free || cpu == self.board.boot_cpu {
                return Err(SmcError::Overlap);
            }
        }
        let off = args
            .cpus
            .iter()
            .all(|cpu| self.table.lane(Lane { cpu, shared }).is_some_and(|lane| lane.is_off()));
        if off { Ok(()) } else { Err(SmcError::Busy) }
    }

    /// The management partition cannot write secure memory: a bounded piece of an image is copied for it.
    fn load(
        &mut self,
        id: PartitionId,
        offset: u64,
        source: u64,
        size: u64,
        platform: &mut impl Platform,
    ) -> Reply {
        let aligned = [offset, source, size].iter().all(|number| number.is_multiple_of(LOAD_ALIGNMENT));
        if !aligned || size == 0 || size > LOAD_MAX {
            return Err(SmcError::InvalidParameters);
        }
        let partition = self.find(id)?;
        let target = partition.memory.base().0.checked_add(offset).map(PhysAddr);
        let range = |base| PhysRange::new(base, ByteSize(size));
        let target = target.and_then(range).filter(|target| partition.memory.encloses(*target));
        let (Some(from), Some(to)) = (range(PhysAddr(source)), target) else {
            return Err(SmcError::InvalidParameters);
        };
        if partition.world != World::Secure {
            return Err(SmcError::NotSupported);
        }
        self.check_idle(id)?;
        self.check_state(id, Operation::Deploy)?;
        if platform.copy(from, to) { Ok(SmcReturn::SUCCESS) } else { Err(SmcError::InvalidParameters) }
    }

    fn start(
        &mut self,
        id: PartitionId,
        entry: PhysAddr,
        tree: PhysAddr,
        platform: &mut impl Platform,
    ) -> Reply {
        if !entry.0.is_multiple_of(INSTRUCTION) || !tree.0.is_multiple_of(DEVICE_TREE) {
            return Err(SmcError::InvalidParameters);
        }
        let memory = self.find(id)?.memory;
        if !memory.contains(entry) || !memory.contains(tree) {
            return Err(SmcError::InvalidParameters);
        }
        self.check_idle(id)?;
        self.check_state(id, Operation::Deploy)?;
        self.begin_run(id, entry, tree.0, platform);
        Ok(SmcReturn::SUCCESS)
    }

    fn stop(&mut self, id: PartitionId, platform: &mut impl Platform) -> Reply {
        let partition = self.table.partition_mut(id).ok_or(SmcError::NotFound)?;
        match &mut partition.phase {
            Phase::Stopping(cause) => {
                *cause = StopCause::Command;
                return Ok(SmcReturn::PENDING);
            }
            Phase::Destroying(_) => return Err(SmcError::Busy),
            Phase::Idle | Phase::Suspending => {}
        }
        self.check_state(id, Operation::Shutdown)?;
        self.begin_stop(id, StopCause::Command, None, platform);
        Ok(complete_if(self.settle(id, platform)))
    }

    fn suspend(&mut self, id: PartitionId, platform: &mut impl Platform) -> Reply {
        if self.find(id)?.phase == Phase::Suspending {
            return Ok(SmcReturn::PENDING);
        }
        self.check_idle(id)?;
        self.check_state(id, Operation::Suspend)?;
        self.begin_suspend(id, platform);
        Ok(complete_if(self.settle(id, platform)))
    }

    fn restore(&mut self, id: PartitionId, platform: &mut impl Platform) -> Reply {
        if self.find(id)?.phase != Phase::Suspending {
            self.check_idle(id)?;
            self.check_state(id, Operation::Restore)?;
        }
        self.resume(id, platform);
        Ok(SmcReturn::SUCCESS)
    }

    fn destroy(&mut self, id: PartitionId, platform: &mut impl Platform) -> Reply {
        let partition = *self.find(id)?;
        let clean = match partition.phase {
            Phase::Destroying(clean) => clean,
            Phase::Stopping(_) | Phase::Suspending => return Err(SmcError::Busy),
            Phase::Idle => {
                self.check_unshared(id)?;
                self.check_state(id, Operation::Destroy)?;
                platform.close(id, partition.memory);
                self.unmap_links(id, platform);
                0
            }
        };
        let clean = scrub::step(partition.memory, clean, platform);
        // One piece of work in each call: a part of its memory, or a link.
        if clean < partition.memory.size().0 || self.release_link(id, platform) {
            if let Some(record) = self.table.partition_mut(id) {
                record.phase = Phase::Destroying(clean);
            }
            return Ok(SmcReturn::PENDING);
        }
        self.table.remove(&partition);
        platform.release(id, partition.memory);
        Ok(SmcReturn::SUCCESS)
    }

    fn info(&self, id: PartitionId, page: u64) -> Reply {
        let page = InfoPage::from_register(page).ok_or(SmcError::InvalidParameters)?;
        let partition = self.find(id)?;
        let [cpus0, cpus1, cpus2, cpus3] = partition.cpus.words();
        match page {
            InfoPage::Status => {
                done([partition.status().to_register(), partition.memory.base().0, partition.memory.size().0])
            }
            InfoPage::CpusLow => done([cpus0, cpus1, cpus2]),
            InfoPage::CpusHigh => done([cpus3, creation_flags(partition), self.cpus_on(partition)]),
            InfoPage::Fault => done([
                u64::from(partition.fault.reason as u32),
                partition.fault.address,
                partition.fault.program_counter,
            ]),
        }
    }

    fn cpus_on(&self, partition: &Partition) -> u64 {
        let on = |lane: &Lane| self.table.lane(*lane).is_some_and(|record| !record.is_off());
        count(partition.lanes().filter(on).count())
    }

    fn next(&self, id: PartitionId) -> u64 {
        self.table
            .iter()
            .map(|known| known.id)
            .filter(|known| *known > id)
            .min()
            .map_or(0, |next| next.0.into())
    }

    fn board_info(&self, page: u64) -> Reply {
        let board = &self.board;
        let boot = u64::from(board.boot_cpu.0);
        match BoardPage::from_register(page).ok_or(SmcError::InvalidParameters)? {
            BoardPage::Cpus => done([count(board.cpus.len()), board.granule.0, boot]),
            BoardPage::Memory => done([board.memory.base().0, board.memory.size().0, 0]),
            BoardPage::SecureMemory => done([board.secure_memory.base().0, board.secure_memory.size().0, 0]),
            BoardPage::EventInterrupt => done([board.event_interrupt.into(), 0, 0]),
        }
    }

    fn console_info(&self, id: PartitionId, platform: &impl Platform) -> Reply {
        self.find(id)?;
        let (address, size) = platform.console(id).ok_or(SmcError::NotSupported)?;
        done([address.0, size, 0])
    }

    fn console_notify(&self, id: PartitionId, platform: &mut impl Platform) -> Reply {
        self.find(id)?;
        platform.notify_console(id);
        done([0; 3])
    }

    fn stats(&self, id: PartitionId, counter: u64, platform: &impl Platform) -> Reply {
        let counter = Counter::from_register(counter).ok_or(SmcError::InvalidParameters)?;
        let counters = &self.find(id)?.counters;
        let value = match counter {
            Counter::Starts => Some(counters.starts),
            Counter::Suspends => Some(counters.suspends),
            Counter::GuestPowerEvents => Some(counters.guest_power_events),
            Counter::Smcs => Some(counters.smcs),
            Counter::DistributorTraps | Counter::SgiTraps | Counter::ConsoleTraps | Counter::Stage2Faults => {
                platform.counter(id, counter)
            }
        };
        done([value.ok_or(SmcError::NotSupported)?, 0, 0])
    }

    fn link_info(&self, index: u64) -> [u64; 3] {
        let link = usize::try_from(index).ok().and_then(|index| self.links.iter().flatten().nth(index));
        link.map_or([0; 3], |link| {
            let [first, second] = link.ends.map(|end| u64::from(end.0));
            [first | second << u32::BITS, link.memory.base().0, link.memory.size().0]
        })
    }

    fn cpu_info(&self, cpu: u64, platform: &impl Platform) -> Reply {
        let cpu = u16::try_from(cpu).map(CpuId).map_err(|_| SmcError::InvalidParameters)?;
        if !self.board.cpus.contains(cpu) {
            return Err(SmcError::InvalidParameters);
        }
        let record = self.table.lane(cpu.into()).ok_or(SmcError::InvalidParameters)?;
        let mpidr = platform.mpidr(cpu).ok_or(SmcError::InvalidParameters)?;
        done([mpidr.0, record.owner.0.into(), record.power as u64])
    }

    fn find(&self, id: PartitionId) -> Result<&Partition, SmcError> {
        self.table.partition(id).ok_or(SmcError::NotFound)
    }

    /// Refuses while another operation is under way.
    fn check_idle(&self, id: PartitionId) -> Result<(), SmcError> {
        if self.find(id)?.phase == Phase::Idle { Ok(()) } else { Err(SmcError::Busy) }
    }

    /// Refuses what the state table or the condition refuses.
    fn check_state(&self, id: PartitionId, operation: Operation) -> Result<(), SmcError> {
        let partition = self.find(id)?;
        match partition.state.after_in(partition.condition, operation) {
            Ok(_) => Ok(()),
            Err(InvalidTransition::State { .. }) => Err(SmcError::InvalidState),
            Err(InvalidTransition::Faulted { .. }) => Err(SmcError::Faulted),
        }
    }

    /// Refuses to take the CPUs away under a critical partition that shares them.
    fn check_unshared(&self, id: PartitionId) -> Result<(), SmcError> {
        if self.table.iter().any(|other| other.shared_with == Some(id)) {
            Err(SmcError::Busy)
        } else {
            Ok(())
        }
    }
}

/// A partition number; the management partition has none that a call could name.
fn id(register: u64) -> Result<PartitionId, SmcError> {
    u32::try_from(register).map(PartitionId).map_err(|_| SmcError::InvalidParameters)
}

/// First register of the call that made `partition`.
fn creation_flags(partition: &Partition) -> u64 {
    let mut flags = CreateFlags::empty();
    flags.set(CreateFlags::SECURE, partition.world == World::Secure);
    flags.set(CreateFlags::SHARED, partition.shared_with.is_some());
    let shared_with = partition.shared_with.map_or(0, |id| u64::from(id.0) << u32::BITS);
    u64::from(flags.bits()) | shared_with
}

const fn complete_if(complete: bool) -> SmcReturn {
    if complete { SmcReturn::SUCCESS } else { SmcReturn::PENDING }
}

const fn done(results: [u64; 3]) -> Reply {
    Ok(SmcReturn::with(results))
}

/// A number of things in a register: `usize` is never wider than one.
const fn count(number: usize) -> u64 {
    number as u64
}
