//! The whole board: firmware, CPUs and guests, one step after another. Nothing here waits or starts threads.

use std::collections::BTreeMap;

use firmware::platform::Cores as _;
use firmware::{Board as BoardPlan, Kick, Lane, Monitor, Outcome};
use vman_core::abi::smc::{FaultReason, SmcCall, SmcReturn};
use vman_core::id::{CpuId, MAX_CPUS, Mpidr, PartitionId, PhysAddr, PhysRange};

use crate::board::Board;
use crate::clock::{Agenda, Clock};
use crate::config::SimConfig;
use crate::guest::Guest;
use crate::trace::Tracer;

/// Partitions at a time that a simulated board can have.
pub const SLOTS: usize = 128;
/// The event interrupt: an SPI, as on the emulated board.
const EVENT_INTERRUPT: u32 = 40;
/// The management partition's CPU that makes the driver's calls.
pub(crate) const DRIVER_CPU: CpuId = CpuId(0);
const CPU_ON: u64 = 0xc400_0003;

/// What a CPU (one of its lanes) does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Core {
    Parked,
    Running(PartitionId),
    Held(PartitionId),
}

/// The board with its firmware.
#[derive(Debug)]
pub(crate) struct Machine {
    monitor: Box<Monitor<MAX_CPUS, SLOTS>>,
    pub(crate) board: Board,
    cores: Vec<[Core; 2]>,
    pub(crate) guests: BTreeMap<PartitionId, Guest>,
    /// Guests that were ever started.
    pub(crate) runs: u64,
    /// How often each partition has reset itself since somebody deployed it.
    pub(crate) resets: BTreeMap<PartitionId, u32>,
    pub(crate) agenda: Agenda,
    clock: Clock,
    tracer: Option<Tracer>,
    /// Whether partitions run scripted guests, or CPUs that do nothing of their own.
    puppets: bool,
}

impl Machine {
    /// A board that has just been turned on; the management partition runs on the CPUs that it keeps.
    pub(crate) fn new(config: &SimConfig, tracer: Option<Tracer>) -> Self {
        let mut machine = Self::turn_on(config, config.pool(), config.secure_pool());
        for cpu in config.kept_cpus().iter().filter(|cpu| *cpu != DRIVER_CPU) {
            let args = [config.mpidr(cpu).0, config.management_entry().0, 0, 0, 0, 0, 0];
            machine.smc(DRIVER_CPU.into(), SmcCall { function: CPU_ON, args });
        }
        machine.run();
        machine.tracer = tracer;
        machine
    }

    /// A board without guests, with its memory somewhere else: its CPUs start and stop as they are told and do nothing
    /// of their own.
    pub(crate) fn with_puppets(config: &SimConfig, memory: PhysRange, secure_memory: PhysRange) -> Self {
        Self { puppets: true, ..Self::turn_on(config, memory, secure_memory) }
    }

    fn turn_on(config: &SimConfig, memory: PhysRange, secure_memory: PhysRange) -> Self {
        let plan = BoardPlan {
            cpus: config.all_cpus(),
            boot_cpu: DRIVER_CPU,
            memory,
            secure_memory,
            granule: config.granule,
            event_interrupt: EVENT_INTERRUPT,
        };
        let monitor = Monitor::new(plan, config.management_entry(), config.management_range().base().0)
            .with_secure(SLOTS, true)
            .with_slots(config.slots);
        let mut machine = Self {
            monitor: Box::new(monitor),
            board: Board::new(config.clone()),
            cores: vec![[Core::Parked; 2]; config.cpus.into()],
            guests: BTreeMap::new(),
            runs: 0,
            resets: BTreeMap::new(),
            agenda: Agenda::default(),
            clock: Clock::start(),
            tracer: None,
            puppets: false,
        };
        machine.look(DRIVER_CPU.into());
        machine
    }

    /// An SMC of a CPU that runs. `None` if the CPU parked instead of returning.
    pub(crate) fn smc(&mut self, lane: Lane, call: SmcCall) -> Option<SmcReturn> {
        let answer = match self.monitor.on_smc(lane, call, &mut self.board) {
            Outcome::Return(answer) | Outcome::Standby(answer) => Some(answer),
            Outcome::Park => None,
        };
        if let Some(tracer) = &mut self.tracer {
            tracer.record(lane, call, answer);
        }
        if answer.is_none() {
            self.park(lane);
        }
        answer
    }

    /// Every CPU does what it was told, until all are at rest.
    pub(crate) fn run(&mut self) {
        loop {
            let signalled: Vec<Lane> = self.board.signalled().collect();
            let moved = signalled.into_iter().fold(false, |moved, lane| self.obey(lane) | moved);
            if !moved {
                return;
            }
        }
    }

    /// Guests do what is due.
    pub(crate) fn run_due(&mut self) {
        let now = self.now_ns();
        while let Some(due) = self.agenda.take_due(now) {
            self.act(due.id, due.run, due.action);
            self.run();
        }
    }

    /// A guest's CPU faults; the firmware holds it.
    pub(crate) fn fault(&mut self, lane: Lane, id: PartitionId, reason: FaultReason, address: PhysAddr) {
        self.monitor.on_fault(lane, reason, address.0, address.0, &mut self.board);
        self.ask(lane, id);
    }

    /// Whether `lane` runs code of `id` now.
    pub(crate) fn is_running(&self, lane: Lane, id: PartitionId) -> bool {
        self.core(lane) == Core::Running(id)
    }

    pub(crate) fn now_ns(&self) -> u64 {
        self.clock.now_ns()
    }

    pub(crate) fn mpidr(&self, lane: Lane) -> Mpidr {
        self.board.mpidr(lane.cpu).unwrap_or(Mpidr(0))
    }

    fn core(&self, lane: Lane) -> Core {
        self.cores.get(lane.cpu.index()).map_or(Core::Parked, |cpu| cpu[usize::from(lane.shared)])
    }

    fn set_core(&mut self, lane: Lane, core: Core) {
        if let Some(cpu) = self.cores.get_mut(lane.cpu.index()) {
            cpu[usize::from(lane.shared)] = core;
        }
    }

    /// Obeys a wake or a kick. Returns whether anything changed.
    fn obey(&mut self, lane: Lane) -> bool {
        match self.core(lane) {
            Core::Parked => {
                self.board.take_kick(lane);
                self.board.take_wake(lane) && self.look(lane)
            }
            Core::Held(id) => {
                let woken = self.board.take_wake(lane);
                if self.board.take_kick(lane) || woken {
                    self.ask(lane, id);
                }
                woken
            }
            Core::Running(id) => {
                self.board.take_wake(lane);
                if !self.board.is_kicked(lane) || self.ignores_kick(id) {
                    return false;
                }
                self.board.take_kick(lane);
                self.ask(lane, id);
                true
            }
        }
    }

    /// A parked CPU looks whether it starts.
    fn look(&mut self, lane: Lane) -> bool {
        let Some(boot) = self.monitor.on_parked(lane) else { return false };
        self.set_core(lane, Core::Running(boot.partition));
        if !boot.partition.is_management() && !self.puppets {
            self.enter(lane, boot);
        }
        true
    }

    /// A CPU that was forced into the firmware asks what to do.
    fn ask(&mut self, lane: Lane, id: PartitionId) {
        match self.monitor.on_kick(lane, &mut self.board) {
            Kick::Resume => {
                let was_held = self.core(lane) == Core::Held(id);
                self.set_core(lane, Core::Running(id));
                if was_held {
                    self.awake(id);
                }
            }
            Kick::Hold => self.set_core(lane, Core::Held(id)),
            Kick::Park => self.park(lane),
        }
    }

    fn park(&mut self, lane: Lane) {
        let (Core::Running(id) | Core::Held(id)) = self.core(lane) else { return };
        self.set_core(lane, Core::Parked);
        self.board.take_kick(lane);
        if self.guests.get_mut(&id).is_some_and(|guest| guest.forget(lane)) {
            self.guests.remove(&id);
        }
        self.monitor.on_off(lane, &mut self.board);
    }
}
