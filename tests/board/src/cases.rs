//! The cases. Each starts on a board without partitions and may leave some behind.

use std::thread;
use std::time::Duration;

use vman_core::device::{ManagerDevice, PartitionDevice};
use vman_core::error::ErrorKind;
use vman_core::id::PhysAddr;
use vman_core::state::{Operation, PartitionState};

use crate::bench::{Bench, OPERATION_LIMIT, Outcome, text};
use crate::linux::{self, Word};

/// One case.
#[derive(Debug)]
pub struct Case {
    /// The sentence that it proves.
    pub name: &'static str,
    /// Proves it.
    pub run: fn(&Bench) -> Outcome,
}

macro_rules! cases {
    ($($name:ident,)*) => {
        /// Every case.
        pub const ALL: &[Case] = &[$(Case { name: stringify!($name), run: $name },)*];
    };
}

cases! {
    board_is_what_the_firmware_says,
    creation_takes_cpus_and_memory_and_destruction_gives_them_back,
    unmodified_kernel_boots_on_its_own_cpus,
    deployed_memory_is_hidden_from_the_management_partition,
    partition_cannot_read_foreign_memory,
    refused_operations_change_nothing,
    suspended_partition_stands_still_and_goes_on,
    cpu_that_was_torn_out_works_again,
    reboot_starts_again,
    power_off_by_the_guest_is_ready,
    reset_by_the_guest_is_a_reboot,
    two_partitions_run_at_once,
    partition_turns_its_own_cpus_off_and_on,
    program_writes_to_the_console,
    firmware_counts,
}

fn ensure(holds: bool, otherwise: impl Into<String>) -> Outcome<()> {
    if holds { Ok(()) } else { Err(otherwise.into()) }
}

fn refused(result: Result<(), vman_core::device::DeviceError>, kind: ErrorKind) -> Outcome<()> {
    match result {
        Ok(()) => Err("was not refused".to_owned()),
        Err(error) => ensure(error.kind == kind, format!("was refused as {}: {error}", error.kind.name())),
    }
}

fn board_is_what_the_firmware_says(bench: &Bench) -> Outcome {
    let host = bench.host()?;
    ensure(!host.simulated, "it says that it is simulated")?;
    ensure(host.memory.free == host.memory.total, "memory is used without partitions")?;
    let foreign = host.cpus.iter().filter(|cpu| !cpu.owner.is_management()).count();
    ensure(foreign == 0, "CPUs are used without partitions")?;
    Ok(format!("{}, {} CPUs, pool of {}", host.model, host.cpus.len(), host.memory.total))
}

fn creation_takes_cpus_and_memory_and_destruction_gives_them_back(bench: &Bench) -> Outcome {
    let before = (linux::online()?, bench.own_cpus()?, bench.host()?.memory.free);
    let guest = bench.create(2, 128)?;
    let cpus = guest.info()?.cpus;
    ensure(cpus.len() == 2, format!("got CPUs {cpus}"))?;
    let own = bench.own_cpus()?;
    ensure(own.iter().all(|cpu| !cpus.contains(*cpu)), "a CPU has two owners")?;
    ensure(linux::online()? != before.0, "Linux still runs on the CPUs")?;
    let taken = bench.host()?.memory.free;
    ensure(taken.0 + (128 << 20) == before.2.0, format!("free memory went from {} to {taken}", before.2))?;
    guest.control(Operation::Destroy)?;
    let after = (linux::online()?, bench.own_cpus()?, bench.host()?.memory.free);
    ensure(before == after, format!("before {before:?}, after {after:?}"))?;
    Ok(format!("CPUs {cpus}"))
}

fn unmodified_kernel_boots_on_its_own_cpus(bench: &Bench) -> Outcome {
    let mut guest = bench.boot(2, "tick")?;
    ensure(guest.printed.contains("PARTITION-UP cpus=2"), guest.last_lines())?;
    let version = guest.wait_for("Linux version ")?;
    guest.wait_for("TICK 2")?;
    Ok(version.split(' ').next().unwrap_or_default().to_owned())
}

fn deployed_memory_is_hidden_from_the_management_partition(bench: &Bench) -> Outcome {
    let guest = bench.create(1, 256)?;
    let PhysAddr(base) = guest.info()?.memory.base();
    let word = base + (128 << 20);
    ensure(matches!(linux::read_physical(word)?, Word::Value(_)), "memory cannot be loaded while READY")?;
    guest.deploy("tick")?;
    ensure(linux::read_physical(word)? == Word::Nothing, "memory can be read while DEPLOYED")?;
    guest.control(Operation::Suspend)?;
    ensure(linux::read_physical(word)? == Word::Nothing, "memory can be read while SUSPENDED")?;
    guest.control(Operation::Shutdown)?;
    // The kernel stood in the first bytes: destruction leaves nothing of it.
    guest.control(Operation::Destroy)?;
    let first = linux::read_physical(base)?;
    ensure(first == Word::Value(0), format!("the next owner finds {first:?}"))?;
    Ok(String::new())
}

fn partition_cannot_read_foreign_memory(bench: &Bench) -> Outcome {
    let mut guest = bench.boot(1, "foreign")?;
    let status = guest.wait_for("FOREIGN-READ status=")?;
    // 128 + SIGBUS
    ensure(status == "135", format!("devmem ended with {status}"))?;
    guest.wait_for("TICK 1")?;
    let faults = stat(&guest, "stage2_faults")?;
    ensure(faults > 0, "no fault was counted")?;
    Ok(format!("{faults} faults"))
}

fn refused_operations_change_nothing(bench: &Bench) -> Outcome {
    let mut guest = bench.create(1, 256)?;
    for operation in [Operation::Shutdown, Operation::Reboot, Operation::Suspend, Operation::Restore] {
        refused(guest.partition.control(operation, OPERATION_LIMIT), ErrorKind::InvalidState)?;
    }
    guest.deploy("tick")?;
    for operation in [Operation::Restore, Operation::Destroy] {
        refused(guest.partition.control(operation, OPERATION_LIMIT), ErrorKind::InvalidState)?;
    }
    guest.wait_for("PARTITION-UP")?;
    let state = guest.info()?.state;
    ensure(state == PartitionState::Deployed, format!("it is {state}"))?;
    Ok(String::new())
}

fn suspended_partition_stands_still_and_goes_on(bench: &Bench) -> Outcome {
    let mut guest = bench.boot(2, "tick")?;
    guest.wait_for("TICK 1")?;
    let suspend = guest.control(Operation::Suspend)?;
    guest.forget()?;
    thread::sleep(Duration::from_secs(1));
    guest.read()?;
    ensure(guest.printed.is_empty(), format!("it printed {}", guest.last_lines()))?;
    let restore = guest.control(Operation::Restore)?;
    guest.wait_for("TICK ")?;
    Ok(format!("suspend {} us, restore {} us", suspend.as_micros(), restore.as_micros()))
}

/// A CPU that leaves while it handles interrupts keeps active priorities, unless the firmware scrubs it: then the next
/// kernel on it gets no interrupts.
fn cpu_that_was_torn_out_works_again(bench: &Bench) -> Outcome {
    let mut guest = bench.create(2, 256)?;
    for round in 0..3u64 {
        guest.deploy("tick")?;
        guest.wait_for("PARTITION-UP")?;
        thread::sleep(Duration::from_millis(37 * round));
        guest.control(Operation::Shutdown)?;
        guest.forget()?;
    }
    guest.control(Operation::Destroy)?;
    let mut again = bench.boot(2, "tick")?;
    again.wait_for("TICK 3")?;
    Ok("4 boots".to_owned())
}

fn reboot_starts_again(bench: &Bench) -> Outcome {
    let mut guest = bench.boot(2, "tick")?;
    guest.wait_for("TICK 1")?;
    guest.forget()?;
    let time = guest.control(Operation::Reboot)?;
    guest.wait_for("PARTITION-UP")?;
    Ok(format!("reboot {} ms", time.as_millis()))
}

fn power_off_by_the_guest_is_ready(bench: &Bench) -> Outcome {
    let guest = bench.boot(1, "off")?;
    guest.wait_for_state(PartitionState::Ready)?;
    guest.control(Operation::Destroy)?;
    Ok(String::new())
}

fn reset_by_the_guest_is_a_reboot(bench: &Bench) -> Outcome {
    let mut guest = bench.boot(1, "reset")?;
    guest.forget()?;
    guest.wait_for("PARTITION-UP")?;
    guest.wait_for_state(PartitionState::Deployed)?;
    Ok(String::new())
}

fn two_partitions_run_at_once(bench: &Bench) -> Outcome {
    let mut one = bench.boot(1, "tick")?;
    let mut other = bench.boot(1, "tick")?;
    let (cpus, memory) = (one.info()?, other.info()?);
    ensure(cpus.cpus.intersection(&memory.cpus).is_empty(), "they share a CPU")?;
    ensure(!cpus.memory.overlaps(memory.memory), "they share memory")?;
    one.forget()?;
    other.forget()?;
    one.control(Operation::Shutdown)?;
    other.wait_for("TICK ")?;
    Ok(format!("CPUs {} and {}", cpus.cpus, memory.cpus))
}

fn partition_turns_its_own_cpus_off_and_on(bench: &Bench) -> Outcome {
    let mut guest = bench.boot(2, "hotplug")?;
    guest.wait_for("HOTPLUG cpu1 ok")?;
    Ok(String::new())
}

fn program_writes_to_the_console(bench: &Bench) -> Outcome {
    let mut guest = bench.boot(1, "tty")?;
    guest.wait_for("TTY-LINE 199 ")?;
    let lines = guest.printed.matches("TTY-LINE ").count();
    ensure(lines == 200, format!("{lines} of 200 lines arrived"))?;
    Ok(format!("{} traps", stat(&guest, "console_traps")?))
}

fn firmware_counts(bench: &Bench) -> Outcome {
    let guest = bench.boot(2, "tick")?;
    let stats = guest.partition.stats().map_err(text)?;
    for name in ["starts", "smcs", "distributor_traps", "sgi_traps", "console_traps"] {
        ensure(stat(&guest, name)? > 0, format!("{name} is 0"))?;
    }
    ensure(bench.device.list().map_err(text)?.len() == 1, "another partition exists")?;
    Ok(stats.iter().map(|(counter, value)| format!("{}={value}", counter.name())).collect::<Vec<_>>().join(" "))
}

fn stat(guest: &crate::guest::Guest<'_>, name: &str) -> Outcome<u64> {
    let stats = guest.partition.stats().map_err(text)?;
    let found = stats.iter().find(|(counter, _)| counter.name() == name);
    found.map(|(_, value)| *value).ok_or_else(|| format!("{name} is not counted"))
}
