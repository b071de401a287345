//! Positive controls: each protection is turned off in firmware that lets itself be weakened, and the attack that it stops
//! succeeds. Without them, a test whose attack is broken would pass.

use std::fs;
use std::time::Duration;

use vman_core::device::{CharDevice, PartitionDevice};
use vman_core::error::ErrorKind;
use vman_core::state::{Operation, PartitionState};

use crate::guest::{Guest, online};
use crate::hostile::{Attacker, EVENT_INTERRUPT, Listener, Verdict};
use crate::isolation::{Word, read_physical};
use crate::orders::Task;
use crate::scratch::Scratch;
use crate::{Broken, Kept, ensure, protection};

/// AArch64: `ret`.
const RET: u64 = 0xd65f_03c0;
/// Tells weakened firmware to turn everything on again: a bit that is no protection.
const NOTHING: u64 = 1 << 63;
/// Milliseconds after which a loop that outlasts its stop lets go.
const LOOP_MS: u64 = 4000;

/// The attack with the protection off.
fn weakened(attacker: &mut Attacker, weaken: u64, task: Task, args: [u64; 5]) -> Result<Verdict, Broken> {
    let verdict = attacker.attack(task, weaken, args)?;
    ensure(verdict.log.contains("H-WEAKEN") && !verdict.log.contains("-1\n"), || {
        format!("firmware does not let itself be weakened: {}", verdict.log)
    })?;
    Ok(verdict)
}

/// It goes through with the protection off, and does not with it on: in the same firmware, by the same payload.
fn decides(attacker: &mut Attacker, weaken: u64, task: Task, args: [u64; 5]) -> Kept {
    let off = weakened(attacker, weaken, task, args)?;
    ensure(off.through > 0, || format!("off, and nothing went through: {}", off.log))?;
    let on = attacker.attack(task, 0, args)?;
    ensure(on.through == 0, || format!("on, and {} went through: {}", on.through, on.log))
}

pub(crate) fn memory(board: &CharDevice) -> Kept {
    let scratch = Scratch::new()?;
    let mut attacker = Attacker::new(board)?;
    scratch.set(0, RET);
    let off = weakened(&mut attacker, protection::STAGE_2, Task::Memory, [scratch.address, 0, 1, 0, 0])?;
    for access in ["ldr 64 of target", "fetch of target", "str 64 of target"] {
        ensure(off.log.contains(access), || format!("no {access}: {}", off.log))?;
    }
    ensure(scratch.get(0) != RET, || "the target was not overwritten".into())?;
    scratch.set(0, RET);
    let on = attacker.attack(Task::Memory, 0, [scratch.address, 0, 1, 0, 0])?;
    ensure(on.through == 0 && scratch.get(0) == RET, || format!("on, and it went through: {}", on.log))?;
    attacker.end()
}

pub(crate) fn dma(board: &CharDevice) -> Kept {
    let scratch = Scratch::new()?;
    let mut attacker = Attacker::new(board)?;
    decides(&mut attacker, protection::STAGE_2, Task::Dma, [scratch.address, 0, 0, 0, 0])?;
    // The signature of the device, "QEMU".
    let written = scratch.get(0).to_le_bytes();
    ensure(written.starts_with(b"QEMU"), || format!("the device wrote {written:?}"))?;
    attacker.end()
}

pub(crate) fn distributor(board: &CharDevice) -> Kept {
    let mut attacker = Attacker::new(board)?;
    decides(&mut attacker, protection::DISTRIBUTOR, Task::Distributor, [EVENT_INTERRUPT, 0, 1, 0, 0])?;
    attacker.end()
}

/// A victim's SGIs behind an attack with the protection on, and behind one with it off, which must reach it.
fn reaches_the_victim(board: &CharDevice, weaken: u64, task: Task) -> Kept {
    let mut victim = Listener::new(board)?;
    let mut attacker = Attacker::new(board)?;
    let args = [victim.cpu()?, 0, 1, 0, 0];
    attacker.attack(task, 0, args)?;
    let on = victim.noticed()?;
    ensure(on.sgis == 0, || format!("on, and the victim noticed {on:?}"))?;
    weakened(&mut attacker, weaken, task, args)?;
    let off = victim.noticed()?;
    ensure(off.sgis > 0, || format!("off, and the victim noticed {off:?}"))?;
    attacker.end()?;
    victim.end()
}

pub(crate) fn redistributor(board: &CharDevice) -> Kept {
    reaches_the_victim(board, protection::REDISTRIBUTORS, Task::Redistributors)
}

pub(crate) fn sgis(board: &CharDevice) -> Kept {
    reaches_the_victim(board, protection::SGIS, Task::Sgis)
}

/// A CPU of the management partition that is off runs the attacker's code on the management partition's memory.
pub(crate) fn cpu_on(board: &CharDevice) -> Kept {
    const MARK: u64 = 0x1234;
    // mov x1, #0x1234; str x1, [x0]; dsb sy; mov x0, #CPU_OFF; smc #0; b .
    const CODE: [u64; 4] = [0xf900_0001_d282_4681, 0xd280_0040_d503_3f9f, 0xd400_0003_f2b0_8000, 0x1400_0000];
    let (code, mark) = (Scratch::new()?, Scratch::new()?);
    CODE.iter().enumerate().for_each(|(word, value)| code.set(word, *value));
    let mut attacker = Attacker::new(board)?;
    let before = online();
    let last = before.rsplit([',', '-']).next().unwrap_or_default();
    let switch = format!("/sys/devices/system/cpu/cpu{last}/online");
    let turn = |on: &str| fs::write(&switch, on).map_err(|error| format!("{switch}: {error}"));
    turn("0")?;
    let args = [code.address, mark.address, 0, 0, 0];
    let on = attacker.attack(Task::CpuOn, 0, args)?;
    ensure(on.through == 0 && mark.get(0) == 0, || format!("on, and it went through: {}", on.log))?;
    let off = weakened(&mut attacker, protection::POWER, Task::CpuOn, args)?;
    ensure(off.through > 0 && mark.get(0) == MARK, || format!("off, mark {:#x}: {}", mark.get(0), off.log))?;
    turn("1")?;
    attacker.end()
}

pub(crate) fn service(board: &CharDevice) -> Kept {
    let victim = Listener::new(board)?;
    let mut attacker = Attacker::new(board)?;
    let args = [0, victim.0.id.0.into(), 0, 0, 0];
    let on = attacker.attack(Task::Forge, 0, args)?;
    ensure(on.through == 0 && victim.0.info()?.state == PartitionState::Deployed, || on.log.clone())?;
    weakened(&mut attacker, protection::SERVICE, Task::Forge, args)?;
    let state = victim.0.info()?.state;
    ensure(state == PartitionState::Suspended, || format!("off, and the victim is {state}"))?;
    attacker.end()?;
    victim.end()
}

pub(crate) fn kick(board: &CharDevice) -> Kept {
    let mut attacker = Attacker::new(board)?;
    attacker.start(Task::Loop, protection::KICK, [LOOP_MS, 0, 0, 0, 0])?;
    attacker.0.wait_for("H-LOOP")?;
    let error = attacker.0.device.control(Operation::Shutdown, Duration::from_secs(1)).err();
    let error = error.ok_or("off, and the loop was stopped")?;
    ensure(error.kind == ErrorKind::Timeout, || error.to_string())?;
    // When it lets go, the stop that goes on completes.
    attacker.0.control(Operation::Shutdown)?;
    attacker.end()
}

/// Leaves a protection off, or all on again.
fn leave(attacker: &mut Attacker, weaken: u64) -> Kept {
    weakened(attacker, weaken, Task::Nothing, [0; 5]).map(drop)
}

/// A word of the partition's memory that its kernel holds, as the management partition reads it.
fn first_word(guest: &Guest) -> Result<Word, Broken> {
    read_physical(guest.info()?.memory.base().0)
}

pub(crate) fn hiding(board: &CharDevice) -> Kept {
    let mut attacker = Attacker::new(board)?;
    leave(&mut attacker, protection::HIDING)?;
    let victim = Listener::new(board)?;
    let off = first_word(&victim.0)?;
    victim.end()?;
    leave(&mut attacker, NOTHING)?;
    let victim = Listener::new(board)?;
    let on = first_word(&victim.0)?;
    victim.end()?;
    ensure(off != Word::Nothing && on == Word::Nothing, || format!("off {off:?}, on {on:?}"))?;
    attacker.end()
}

pub(crate) fn scrubbing(board: &CharDevice) -> Kept {
    let mut attacker = Attacker::new(board)?;
    let mut left_behind = |weaken| {
        leave(&mut attacker, weaken)?;
        let victim = Listener::new(board)?;
        let base = victim.0.info()?.memory.base().0;
        victim.end()?;
        read_physical(base)
    };
    let off = left_behind(protection::SCRUBBING)?;
    let on = left_behind(NOTHING)?;
    ensure(!matches!(off, Word::Value(0) | Word::Nothing) && on == Word::Value(0), || {
        format!("off {off:?}, on {on:?}")
    })?;
    attacker.end()
}
