//! Scripted guests: what runs in a partition of the simulated board.
//!
//! No kernel code is executed. A guest looks at the kernel's header and at the device tree in the partition's memory,
//! exactly as they were loaded, starts its other CPUs through the firmware's PSCI, tells on its console what it
//! found, and then does what `sim.guest=` on the kernel command line says.

mod loaded;
mod script;
mod terminal;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use firmware::{Boot, Lane};
use vman_core::abi::smc::{FaultReason, SmcCall, SmcReturn};
use vman_core::id::{Mpidr, PartitionId, PhysAddr};
use vman_core::plan::World;

use crate::clock::{Action, nanoseconds};
use crate::machine::Machine;
use loaded::{Tree, Unusable};
use script::{Behaviour, Script};

const CPU_ON: u64 = 0xc400_0003;
const SYSTEM_OFF: u64 = 0x8400_0008;
const SYSTEM_RESET: u64 = 0x8400_0009;
/// MIDR_EL1 that guests print: a Cortex-A76, as the emulated board has by default.
const MIDR: u32 = 0x413f_d0c1;
/// Times what a console keeps that a flood prints.
const FLOOD: usize = 4;

/// What runs in a partition.
#[derive(Debug)]
pub(crate) struct Guest {
    script: Script,
    /// Distinguishes the runs of all partitions.
    pub(crate) run: u64,
    /// The CPU that was entered first.
    pub(crate) first: Lane,
    /// CPUs that it has.
    lanes: BTreeSet<(u16, bool)>,
    entry: PhysAddr,
    /// Where its device tree was loaded.
    tree: PhysAddr,
    /// CPUs that it wants to have before it goes on.
    expected: usize,
    booted: bool,
    started_ns: u64,
    /// When it was kicked first and ignored it.
    kicked_ns: Option<u64>,
    /// What was due while it was held.
    deferred: Vec<Action>,
    line: Vec<u8>,
}

impl Guest {
    /// Until when it ignores kicks that came at `kicked_ns`; `None` if it obeys.
    fn ignores_until(&self, kicked_ns: u64) -> Option<u64> {
        match (self.script.behaviour, self.script.after) {
            (Behaviour::Stubborn, None) => Some(u64::MAX),
            (Behaviour::Stubborn, Some(after)) => Some(kicked_ns.saturating_add(nanoseconds(after))),
            _ => None,
        }
    }

    /// Takes note of a CPU that parked. Returns whether it was the last one.
    pub(crate) fn forget(&mut self, lane: Lane) -> bool {
        self.lanes.remove(&(lane.cpu.0, lane.shared));
        self.lanes.is_empty()
    }
}

impl Machine {
    /// A CPU enters its partition.
    pub(crate) fn enter(&mut self, lane: Lane, boot: Boot) {
        match self.guests.get_mut(&boot.partition) {
            Some(guest) => {
                guest.lanes.insert((lane.cpu.0, lane.shared));
                self.enter_secondary(lane, boot.partition);
            }
            None => self.enter_first(lane, boot),
        }
    }

    /// Whether the guest that runs on `lane` goes on in spite of a kick.
    pub(crate) fn ignores_kick(&mut self, id: PartitionId) -> bool {
        let now = self.now_ns();
        let Some(guest) = self.guests.get_mut(&id) else { return false };
        let first_time = guest.kicked_ns.is_none();
        let kicked_ns = *guest.kicked_ns.get_or_insert(now);
        let until = guest.ignores_until(kicked_ns);
        let run = guest.run;
        match until {
            Some(until) if until > now => {
                if first_time && until != u64::MAX {
                    self.agenda.add(until, id, run, Action::Nudge);
                }
                true
            }
            Some(_) | None => {
                guest.kicked_ns = None;
                false
            }
        }
    }

    /// A held guest goes on: what it missed happens now.
    pub(crate) fn awake(&mut self, id: PartitionId) {
        let now = self.now_ns();
        let Some(guest) = self.guests.get_mut(&id) else { return };
        let run = guest.run;
        for action in std::mem::take(&mut guest.deferred) {
            self.agenda.add(now, id, run, action);
        }
        self.read_typed(id);
    }

    /// What was due.
    pub(crate) fn act(&mut self, id: PartitionId, run: u64, action: Action) {
        let Some(first) = self.guests.get(&id).filter(|guest| guest.run == run).map(|guest| guest.first)
        else {
            return;
        };
        if !self.is_running(first, id) {
            if let Some(guest) = self.guests.get_mut(&id) {
                guest.deferred.push(action);
            }
            return;
        }
        match action {
            Action::PowerOff => self.power_off(id, first),
            Action::Reset => self.reset(id, first),
            Action::Crash => {
                self.log(id, "Internal error: synchronous external abort: 96000210 [#1] SMP");
                self.fault(first, id, FaultReason::Exception, PhysAddr(0));
            }
            Action::Oops => self.oops(id),
            Action::Nudge => {}
        }
    }

    fn enter_first(&mut self, lane: Lane, boot: Boot) {
        let id = boot.partition;
        self.runs += 1;
        let found = self.look_around(&boot);
        let script = match &found {
            Ok((_, tree)) => Script::from_command_line(&tree.bootargs),
            Err(_) => Script::from_command_line(""),
        };
        self.guests.insert(
            id,
            Guest {
                script,
                run: self.runs,
                first: lane,
                lanes: BTreeSet::from([(lane.cpu.0, lane.shared)]),
                entry: boot.entry,
                tree: PhysAddr(boot.context),
                expected: 1,
                booted: false,
                started_ns: self.now_ns(),
                kicked_ns: None,
                deferred: Vec::new(),
                line: Vec::new(),
            },
        );
        match found {
            Ok((image, tree)) => self.start(lane, &boot, &image, &tree),
            Err(unusable) => self.refuse(lane, id, &unusable),
        }
    }

    /// Reads what was loaded.
    fn look_around(&mut self, boot: &Boot) -> Result<(String, Tree), Unusable> {
        let id = boot.partition;
        let kernel = loaded::kernel(&mut self.board, id, boot.entry)?;
        let tree = loaded::tree(&mut self.board, id, PhysAddr(boot.context))?;
        for (base, size) in &tree.memory {
            let last = PhysAddr(base.saturating_add(size.saturating_sub(1)));
            for address in [PhysAddr(*base), last] {
                if self.board.guest_read(id, address, 1).is_none() {
                    let text =
                        format!("Device tree names memory at {address}, which is outside this partition");
                    return Err(Unusable { address, text, outside: true });
                }
            }
        }
        Ok((format!("{} at {}, text offset {:#x}", kernel.image_size, boot.entry, kernel.text_offset), tree))
    }

    fn refuse(&mut self, lane: Lane, id: PartitionId, unusable: &Unusable) {
        self.log(id, &unusable.text);
        let reason = if unusable.outside { FaultReason::Memory } else { FaultReason::Entry };
        self.fault(lane, id, reason, unusable.address);
    }

    fn start(&mut self, lane: Lane, boot: &Boot, image: &str, tree: &Tree) {
        let id = boot.partition;
        if self.guests.get(&id).is_some_and(|guest| guest.script.behaviour == Behaviour::Spin) {
            return;
        }
        let own = self.mpidr(lane);
        self.log(id, &format!("Booting Linux on physical CPU {:#012x} [{MIDR:#010x}]", own.0));
        self.log(id, "Simulated guest: no kernel code runs, this log tells what was loaded");
        if boot.world == World::Secure {
            self.log(id, "Critical partition: secure world");
        }
        self.log(id, &format!("Machine model: {}", tree.model));
        self.log(id, &format!("Kernel image: {image}"));
        for (base, size) in &tree.memory {
            let end = base.saturating_add(*size);
            self.log(id, &format!("Memory: {}K at {base:#x}-{end:#x}", size >> 10));
        }
        self.log(id, &format!("Kernel command line: {}", tree.bootargs));
        if let Some((start, end)) = tree.initrd {
            let size = end.saturating_sub(start);
            self.log(id, &format!("Initial ramdisk: {size} bytes at {start:#x}-{end:#x}"));
        }
        self.log(id, "psci: PSCIv1.1 detected in firmware.");
        self.start_secondaries(lane, id, own, tree);
        self.finish_boot(id);
    }

    /// Starts the other CPUs of the device tree by PSCI CPU_ON, as Linux does.
    fn start_secondaries(&mut self, lane: Lane, id: PartitionId, own: Mpidr, tree: &Tree) {
        let Some(entry) = self.guests.get(&id).map(|guest| guest.entry) else { return };
        for (index, cpu) in (1u64..).zip(tree.cpus.iter().filter(|cpu| **cpu != own)) {
            let call = SmcCall { function: CPU_ON, args: [cpu.0, entry.0, index, 0, 0, 0, 0] };
            match self.smc(lane, call) {
                Some(SmcReturn([0, ..])) => {
                    if let Some(guest) = self.guests.get_mut(&id) {
                        guest.expected += 1;
                    }
                }
                Some(SmcReturn([error, ..])) => {
                    let code = error.cast_signed();
                    self.log(id, &format!("CPU {:#x}: failed to boot: PSCI error {code}", cpu.0));
                }
                None => return,
            }
        }
    }

    fn enter_secondary(&mut self, lane: Lane, id: PartitionId) {
        let Some(number) = self.guests.get(&id).map(|guest| guest.lanes.len() - 1) else { return };
        let mpidr = self.mpidr(lane);
        self.log(id, &format!("CPU{number}: Booted secondary processor {:#012x} [{MIDR:#010x}]", mpidr.0));
        self.finish_boot(id);
    }

    /// Once every CPU is there: the prompt, and what the script wants.
    fn finish_boot(&mut self, id: PartitionId) {
        let Some(guest) = self.guests.get_mut(&id) else { return };
        if guest.booted || guest.lanes.len() < guest.expected {
            return;
        }
        guest.booted = true;
        let (script, cpus) = (guest.script.clone(), guest.lanes.len());
        self.log(id, &format!("smp: Brought up 1 node, {cpus} CPU{}", if cpus == 1 { "" } else { "s" }));
        for parameter in &script.unknown {
            self.log(id, &format!("Unknown parameter of the simulator: {parameter}"));
        }
        self.prompt(id);
        self.follow(id, &script);
        self.read_typed(id);
    }

    fn follow(&mut self, id: PartitionId, script: &Script) {
        match script.behaviour {
            Behaviour::Boot | Behaviour::Stubborn | Behaviour::Spin => {}
            Behaviour::PowerOff => self.later(id, script.delay(), Action::PowerOff),
            Behaviour::Reset if self.resets.get(&id).copied().unwrap_or(0) < script.times => {
                self.later(id, script.delay(), Action::Reset);
            }
            Behaviour::Reset => {}
            Behaviour::Crash => self.later(id, script.delay(), Action::Crash),
            Behaviour::Oops => self.later(id, script.delay(), Action::Oops),
            Behaviour::Flood => self.flood(id),
        }
    }

    pub(super) fn later(&mut self, id: PartitionId, delay: Duration, action: Action) {
        let at_ns = self.now_ns().saturating_add(nanoseconds(delay));
        if let Some(run) = self.guests.get(&id).map(|guest| guest.run) {
            self.agenda.add(at_ns, id, run, action);
        }
    }

    fn power_off(&mut self, id: PartitionId, lane: Lane) {
        self.log(id, "reboot: Power down");
        self.smc(lane, SmcCall { function: SYSTEM_OFF, args: [0; 7] });
    }

    fn reset(&mut self, id: PartitionId, lane: Lane) {
        self.log(id, "reboot: Restarting system");
        *self.resets.entry(id).or_default() += 1;
        self.smc(lane, SmcCall { function: SYSTEM_RESET, args: [0; 7] });
    }

    fn oops(&mut self, id: PartitionId) {
        self.log(id, "Unable to handle kernel NULL pointer dereference at virtual address 0000000000000000");
        self.log(id, "Internal error: Oops: 0000000096000004 [#1] SMP");
        self.log(id, "Kernel panic - not syncing: Fatal exception (simulated)");
    }

    fn flood(&mut self, id: PartitionId) {
        let size = self.board.spaces.get(&id).map_or(0, |space| space.console.size());
        let mut text = String::new();
        let mut line = 0u64;
        while text.len() < FLOOD * size {
            line += 1;
            let _ = writeln!(text, "flood line {line}\r");
        }
        self.board.print(id, text.as_bytes());
    }

    /// A kernel message, with the time since the guest's start.
    pub(super) fn log(&mut self, id: PartitionId, text: &str) {
        let started_ns = self.guests.get(&id).map_or(0, |guest| guest.started_ns);
        let since = Duration::from_nanos(self.now_ns().saturating_sub(started_ns));
        let line = format!("[{:5}.{:06}] {text}\r\n", since.as_secs(), since.subsec_micros());
        self.board.print(id, line.as_bytes());
    }
}
