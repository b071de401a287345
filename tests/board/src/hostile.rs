//! Attacks from a hostile kernel in a partition, and what the others notice of them. The attacker is the payload of
//! `firmware/qemu-virt/payload`; it counts attempts that went through.

use std::thread;
use std::time::{Duration, Instant};

use vman_core::device::{CharDevice, CreateRequest, ManagerDevice, PartitionDevice};
use vman_core::id::ByteSize;
use vman_core::state::Operation;

use crate::guest::{Guest, online, request};
use crate::life::{end, up};
use crate::memory_map::EVENT_SPI;
use crate::orders::{MAGIC, Orders, Task};
use crate::scratch::Scratch;
use crate::{Broken, Kept, SKIPPED, ensure, must};

pub(crate) const PAYLOAD: &str = "/boot/hostile";
/// Calls of the vManager service that are forged.
const FORGED_CALLS: u64 = 120_000;
/// Milliseconds of each kind of flood.
const FLOOD_MS: u64 = 1500;
/// INTID of the event interrupt, which is the management partition's.
pub(crate) const EVENT_INTERRUPT: u64 = 32 + EVENT_SPI as u64;

/// What became of an attack.
#[derive(Debug)]
pub(crate) struct Verdict {
    /// Attempts that went through.
    pub(crate) through: u64,
    tried: u64,
    /// Everything that the attacker said.
    pub(crate) log: String,
}

fn words(orders: &Orders) -> Vec<u8> {
    let head = [orders.magic, orders.task, orders.weaken];
    head.iter().chain(&orders.args).flat_map(|word| word.to_le_bytes()).collect()
}

/// A partition that does what it is told.
pub(crate) struct Attacker(pub(crate) Guest);

impl Attacker {
    /// A partition of one CPU and little memory.
    pub(crate) fn new(board: &CharDevice) -> Result<Self, Broken> {
        Ok(Self(Guest::create(board, &CreateRequest { memory: ByteSize(4 << 20), ..request(1) })?))
    }

    /// Starts on a task.
    pub(crate) fn start(&mut self, task: Task, weaken: u64, args: [u64; 5]) -> Kept {
        self.0.output()?;
        self.0.deploy_payload(PAYLOAD, &words(&Orders { magic: MAGIC, task: task as u64, weaken, args }))
    }

    /// Carries a task out to its end; the payload turns itself off behind it.
    pub(crate) fn attack(&mut self, task: Task, weaken: u64, args: [u64; 5]) -> Result<Verdict, Broken> {
        self.start(task, weaken, args)?;
        let mut log = self.0.read_until("H-END ")?;
        let counts = self.0.read_until("\n")?;
        log.push_str(&counts);
        let number = |name: &str| {
            let value = counts.split_whitespace().find_map(|word| word.strip_prefix(name));
            value.and_then(|value| value.parse().ok()).ok_or_else(|| format!("no {name} in {counts:?}"))
        };
        let verdict = Verdict { tried: number("tried=")?, through: number("through=")?, log };
        self.0.wait_until_ready()?;
        Ok(verdict)
    }

    /// As [`Attacker::attack`]; nothing may go through.
    pub(crate) fn in_vain(&mut self, task: Task, args: [u64; 5]) -> Result<Verdict, Broken> {
        let verdict = self.attack(task, 0, args)?;
        println!("  {task:?}: {} attempts, {} went through", verdict.tried, verdict.through);
        ensure(verdict.tried > 0 && verdict.through == 0, || {
            format!("{} went through: {}", verdict.through, verdict.log)
        })?;
        Ok(verdict)
    }

    /// Gives the partition back.
    pub(crate) fn end(self) -> Kept {
        self.0.control(Operation::Destroy)
    }
}

/// A partition that beats, as a victim.
pub(crate) struct Listener(pub(crate) Guest);

/// What a victim noticed since it was asked last.
#[derive(Debug, Default)]
pub(crate) struct Noticed {
    /// Beats.
    pub(crate) beats: usize,
    /// The longest time in microseconds that it could not look at the clock.
    pub(crate) gap_us: u64,
    /// SGIs so far.
    pub(crate) sgis: u64,
}

impl Listener {
    /// Beats when this returns.
    pub(crate) fn new(board: &CharDevice) -> Result<Self, Broken> {
        Self::start(board, 0)
    }

    /// Is there, and sleeps.
    pub(crate) fn asleep(board: &CharDevice) -> Result<Self, Broken> {
        Self::start(board, 1)
    }

    fn start(board: &CharDevice, only: u64) -> Result<Self, Broken> {
        let mut attacker = Attacker::new(board)?;
        attacker.start(Task::Listen, 0, [0, 0, only, 0, 0])?;
        attacker.0.wait_for("H-BEAT 1 ")?;
        Ok(Self(attacker.0))
    }

    /// What it noticed; waits for the next beat, so that everything up to now is told.
    pub(crate) fn noticed(&mut self) -> Result<Noticed, Broken> {
        self.0.wait_for("H-BEAT ")?;
        self.0.wait_for("\n")?;
        self.0.wait_for("H-BEAT ")?;
        self.since(String::new())
    }

    /// Everything that it said in `time`.
    pub(crate) fn watch(&mut self, time: Duration) -> Result<Noticed, Broken> {
        self.0.output()?;
        let (begin, mut said) = (Instant::now(), String::new());
        while begin.elapsed() < time {
            thread::sleep(Duration::from_millis(50));
            said.push_str(&self.0.output()?);
        }
        self.since(said)
    }

    fn since(&mut self, mut said: String) -> Result<Noticed, Broken> {
        said.push_str(&self.0.read_until("\n")?);
        let number = |line: &str, name: &str| -> u64 {
            line.split_whitespace().find_map(|word| word.strip_prefix(name)?.parse().ok()).unwrap_or(0)
        };
        let lines = || said.lines().filter(|line| line.contains("gap_us="));
        Ok(Noticed {
            beats: lines().count(),
            gap_us: lines().map(|line| number(line, "gap_us=")).max().ok_or("the victim is silent")?,
            sgis: lines().map(|line| number(line, "sgis=")).max().unwrap_or(0),
        })
    }

    /// The CPU that it runs on.
    pub(crate) fn cpu(&self) -> Result<u64, Broken> {
        Ok(self.0.info()?.cpus.lowest().ok_or("no CPU")?.0.into())
    }

    /// Gives everything back.
    pub(crate) fn end(self) -> Kept {
        end(&self.0)
    }
}

/// Address of the partition's memory.
fn base(guest: &Guest) -> Result<u64, Broken> {
    Ok(guest.info()?.memory.base().0)
}

/// Attacks memory, and compares what it aims at; the victim beats on.
fn memory_attack(board: &CharDevice, task: Task) -> Kept {
    let scratch = Scratch::new()?;
    let mut victim = Listener::new(board)?;
    let mut attacker = Attacker::new(board)?;
    attacker.in_vain(task, [scratch.address, base(&victim.0)?, 0, 0, 0])?;
    ensure(scratch.get(0) == 0, || format!("target holds {:#x}", scratch.get(0)))?;
    victim.noticed()?;
    attacker.end()?;
    victim.end()
}

pub(crate) fn memory(board: &CharDevice) -> Kept {
    memory_attack(board, Task::Memory)
}

pub(crate) fn mapped_memory(board: &CharDevice) -> Kept {
    memory_attack(board, Task::MappedMemory)
}

pub(crate) fn dma(board: &CharDevice) -> Kept {
    let scratch = Scratch::new()?;
    let mut attacker = Attacker::new(board)?;
    attacker.in_vain(Task::Dma, [scratch.address, 0, 0, 0, 0])?;
    ensure(scratch.get(0) == 0, || format!("target holds {:#x}", scratch.get(0)))?;
    attacker.end()
}

pub(crate) fn registers(board: &CharDevice) -> Kept {
    let mut attacker = Attacker::new(board)?;
    attacker.in_vain(Task::Registers, [0; 5])?;
    attacker.end()
}

/// `HCR_EL2.TIDCP` is set; older emulators ignore it.
pub(crate) fn chip_maker(board: &CharDevice) -> Kept {
    let mut attacker = Attacker::new(board)?;
    let verdict = attacker.attack(Task::Registers, 0, [0, 0, 1, 0, 0])?;
    attacker.end()?;
    if verdict.through == verdict.tried {
        return Err(format!("{SKIPPED}the emulated CPU ignores HCR_EL2.TIDCP"));
    }
    ensure(verdict.through == 0, || verdict.log.clone())
}

pub(crate) fn distributor(board: &CharDevice) -> Kept {
    let mut attacker = Attacker::new(board)?;
    let verdict = attacker.in_vain(Task::Distributor, [EVENT_INTERRUPT, 0, 0, 0, 0])?;
    ensure(verdict.log.contains("enabled before: true"), || format!("no target: {}", verdict.log))?;
    attacker.end()
}

pub(crate) fn redistributors(board: &CharDevice) -> Kept {
    let mut victim = Listener::new(board)?;
    let mut attacker = Attacker::new(board)?;
    attacker.in_vain(Task::Redistributors, [victim.cpu()?, 0, 0, 0, 0])?;
    let noticed = victim.noticed()?;
    ensure(noticed.sgis == 0, || format!("{noticed:?}"))?;
    attacker.end()?;
    victim.end()
}

pub(crate) fn sgis(board: &CharDevice) -> Kept {
    let mut victim = Listener::new(board)?;
    let mut attacker = Attacker::new(board)?;
    attacker.in_vain(Task::Sgis, [0; 5])?;
    let noticed = victim.noticed()?;
    ensure(noticed.sgis == 0, || format!("{noticed:?}"))?;
    attacker.end()?;
    victim.end()
}

/// CPUs that are on, off, and another partition's.
pub(crate) fn cpu_on(board: &CharDevice) -> Kept {
    let victim = Listener::new(board)?;
    let ready = Guest::create(board, &request(1))?;
    let before = online();
    let mut attacker = Attacker::new(board)?;
    attacker.in_vain(Task::CpuOn, [base(&attacker.0)?, 0, 0, 0, 0])?;
    attacker.end()?;
    ensure(online() == before, || format!("CPUs {before} before, {} after", online()))?;
    ready.control(Operation::Destroy)?;
    victim.end()
}

pub(crate) fn forged(board: &CharDevice) -> Kept {
    let mut victim = Listener::new(board)?;
    let mut attacker = Attacker::new(board)?;
    let before = must("list", board.list())?;
    attacker.in_vain(Task::Forge, [FORGED_CALLS, victim.0.id.0.into(), 0, 0, 0])?;
    let after = must("list", board.list())?;
    ensure(before == after, || format!("before {before:?}, after {after:?}"))?;
    victim.noticed()?;
    attacker.end()?;
    victim.end()
}

pub(crate) fn spin(board: &CharDevice) -> Kept {
    let mut attacker = Attacker::new(board)?;
    attacker.start(Task::Loop, 0, [0; 5])?;
    attacker.0.wait_for("H-LOOP")?;
    for operation in [Operation::Suspend, Operation::Restore, Operation::Shutdown] {
        let begin = Instant::now();
        attacker.0.control(operation)?;
        println!("BENCH masked_loop_{operation} {:.3} ms", begin.elapsed().as_secs_f64() * 1e3);
    }
    attacker.end()
}

/// The demonstration of the source document's chapter 6.2: one partition attacks without pause, another one keeps its beat,
/// a third one its Linux.
pub(crate) fn floods(board: &CharDevice) -> Kept {
    let mut linux = up(board, 1, "")?;
    let mut victim = Listener::new(board)?;
    let calm = victim.watch(Duration::from_secs(3))?;
    let mut attacker = Attacker::new(board)?;
    attacker.start(Task::Flood, 0, [FLOOD_MS, 0, 0, 0, 0])?;
    let calls = victim.watch(Duration::from_millis(4 * FLOOD_MS))?;
    let log = attacker.0.read_until("H-END")?;
    log.lines().filter(|line| line.contains("H-CALLS")).for_each(|line| println!("  {line}"));
    attacker.0.wait_until_ready()?;
    attacker.start(Task::Console, 0, [0; 5])?;
    attacker.0.wait_for("H-FLOOD")?;
    let console = victim.watch(Duration::from_secs(3))?;
    attacker.0.control(Operation::Shutdown)?;
    for (name, noticed) in [("calm", &calm), ("smc_hvc_eret_flood", &calls), ("console_flood", &console)] {
        println!("BENCH victim_longest_gap/{name} {} us", noticed.gap_us);
        println!("BENCH victim_beats/{name} {} beats", noticed.beats);
        ensure(noticed.beats > 0, || format!("{name}: the victim is silent"))?;
    }
    linux.output()?;
    linux.wait_for("GUEST-TICK")?;
    attacker.end()?;
    end(&linux)?;
    victim.end()
}

/// A program that runs as root in a partition's Linux.
pub(crate) fn root_program(board: &CharDevice) -> Kept {
    let mut guest = up(board, 1, "aivirt.try=root")?;
    let log = guest.read_until("GUEST-ROOT-END")?;
    let results: Vec<&str> = log.lines().filter_map(|line| line.split("GUEST-ROOT ").nth(1)).collect();
    ensure(results.len() >= 8, || format!("{} results: {results:?}", results.len()))?;
    let through: Vec<_> = results.iter().filter(|result| !result.ends_with(" 135")).collect();
    ensure(through.is_empty(), || format!("not killed by SIGBUS: {through:?}"))?;
    println!("  {} accesses by a root program, each ends with SIGBUS", results.len());
    guest.wait_for("GUEST-TICK 1")?;
    let stats = must("stats", guest.device.stats())?;
    println!("  counters {stats:?}");
    end(&guest)
}
