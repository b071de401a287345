//! What a partition and the management partition cannot do to each other, and what the layer between them keeps working.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use vman_core::device::{CharDevice, ConsoleAction, PartitionDevice};
use vman_core::state::Operation;

use crate::guest::{Guest, online, request};
use crate::life::{QUIET, end, up};
use crate::{Broken, Kept, ensure, must};

/// What a program of the management partition gets when it reads a word of physical memory.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Word {
    Value(u32),
    /// The program died of SIGBUS: nothing answers there.
    Nothing,
}

/// Reads a word of physical memory that is not Linux's own.
pub(crate) fn read_physical(address: u64) -> Result<Word, Broken> {
    const SIGBUS: i32 = 7;
    let mut devmem = Command::new("/bin/devmem");
    devmem.arg(format!("{address:#x}")).arg("32").stdin(Stdio::null());
    let output = devmem.output().map_err(|error| format!("devmem: {error}"))?;
    if output.status.signal() == Some(SIGBUS) {
        return Ok(Word::Nothing);
    }
    let printed = String::from_utf8_lossy(&output.stdout);
    let word = u32::from_str_radix(printed.trim().trim_start_matches("0x"), 16);
    word.map(Word::Value).map_err(|_| format!("devmem {address:#x}: {} {printed}", output.status))
}

pub(crate) fn hidden(board: &CharDevice) -> Kept {
    let guest = Guest::create(board, &request(1))?;
    let word = guest.info()?.memory.base().0 + (128 << 20);
    let expect = |when: &str, visible: bool| {
        let found = read_physical(word)?;
        ensure((found != Word::Nothing) == visible, || format!("{when}: {found:?}"))
    };
    expect("READY", true)?;
    guest.deploy(board, QUIET)?;
    expect("DEPLOYED", false)?;
    guest.control(Operation::Suspend)?;
    expect("SUSPENDED", false)?;
    guest.control(Operation::Shutdown)?;
    expect("READY again", true)?;
    guest.control(Operation::Destroy)
}

pub(crate) fn scrubbed(board: &CharDevice) -> Kept {
    let guest = Guest::create(board, &request(1))?;
    let info = guest.info()?;
    guest.deploy(board, QUIET)?;
    guest.control(Operation::Shutdown)?;
    // The kernel's first instruction.
    let base = info.memory.base().0;
    let before = read_physical(base)?;
    ensure(!matches!(before, Word::Value(0) | Word::Nothing), || format!("kernel at {base:#x}: {before:?}"))?;
    guest.control(Operation::Destroy)?;
    let after = read_physical(base)?;
    ensure(after == Word::Value(0), || format!("the next owner finds {after:?}"))
}

/// A CPU that leaves while it handles an interrupt keeps the interrupt's priority, unless the firmware clears it: then
/// the next kernel on it gets no interrupts, be it another partition's or the management partition's.
pub(crate) fn torn_out(board: &CharDevice) -> Kept {
    let before = online();
    let guest = Guest::create(board, &request(2))?;
    for round in 0..4 {
        guest.deploy(board, QUIET)?;
        thread::sleep(Duration::from_millis(1500 + 37 * round));
        guest.control(Operation::Shutdown)?;
    }
    let mut device = guest;
    device.deploy(board, QUIET)?;
    device.wait_for("GUEST-TICK 2")?;
    end(&device)?;
    ensure(online() == before, || format!("CPUs {before} before, {} after", online()))
}

pub(crate) fn hotplug(board: &CharDevice) -> Kept {
    let mut guest = up(board, 2, "aivirt.try=hotplug")?;
    guest.wait_for("GUEST-HOTPLUG cpu1")?;
    guest.wait_for("GUEST-TICK 1")?;
    counted(&guest, &["starts", "smcs", "distributor_traps", "sgi_traps", "console_traps"])?;
    end(&guest)
}

pub(crate) fn terminal(board: &CharDevice) -> Kept {
    let mut guest = up(board, 1, "aivirt.try=terminal")?;
    guest.wait_for("GUEST-LINE 199 ")?;
    guest.wait_for("GUEST-LISTENS")?;
    thread::sleep(Duration::from_secs(1));
    let data = b"sesame\n";
    let span = must("write", guest.device.console(ConsoleAction::Write { data }))?;
    ensure(span.len == data.len(), || format!("{} bytes taken", span.len))?;
    guest.wait_for("GUEST-READ sesame")?;
    end(&guest)
}

/// Each of these counters must have counted.
fn counted(guest: &Guest, names: &[&str]) -> Kept {
    let stats = must("stats", guest.device.stats())?;
    for name in names {
        let value = stats.iter().find(|(counter, _)| counter.name() == *name).map(|(_, value)| *value);
        ensure(value.is_some_and(|value| value > 0), || format!("{name} is {value:?}"))?;
    }
    Ok(())
}
