//! The kernel driver's C headers and this crate say the same of both interfaces: ioctl and SMC.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command as Program;

use vman_core::abi::console;
use vman_core::abi::ioctl::{
    self, Console, Control, CpuInfo, Create, Deploy, Event, EventKind, Header, Host, Info, Link, List, Pool,
    Reason, Segment, Stats, Version, operation, state,
};
use vman_core::abi::smc::{
    self, BoardPage, Counter, CreateFlags, FunctionId, InfoPage, SERVICE_UID, SmcError, Status,
};
use vman_core::state::{Condition, InvalidTransition, Operation, PartitionState};

/// One line for the size of a structure and one for each field: offset and size.
macro_rules! layout {
    ($lines:ident, $($c:literal = $rust:ident { $($field:ident),* })*) => {$(
        $lines.insert(format!("size {} {}", $c, size_of::<$rust>()));
        $(
            let size = size_of_field(|value: &$rust| &value.$field);
            let offset = std::mem::offset_of!($rust, $field);
            $lines.insert(format!("at {}.{} {offset} {size}", $c, stringify!($field)));
        )*
    )*};
}

fn size_of_field<T, F>(_field: impl Fn(&T) -> &F) -> usize {
    size_of::<F>()
}

fn layouts() -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    layout! { lines,
        "vmanager_header" = Header { size, flags, reason, reserved, detail }
        "vmanager_version" = Version { abi, firmware, slots, reserved }
        "vmanager_pool" = Pool { base, total, free, largest }
        "vmanager_host" = Host { cpus, boot_cpu, granule, management_memory, memory, secure_memory }
        "vmanager_cpu_info" = CpuInfo { cpu, owner, mpidr, power, available }
        "vmanager_create" = Create { cores, world, memory, shared_with, id, uuid, name }
        "vmanager_list" = List { ids, capacity, count }
        "vmanager_link" = Link { first, second, base, size, index, reserved }
        "vmanager_info" = Info {
            id, state, condition, fault, busy, world, shared_with, has_image, cpus, base, memory, fault_address,
            fault_pc, image_bytes, uuid, name
        }
        "vmanager_segment" = Segment { offset, length, data }
        "vmanager_deploy" = Deploy { segments, segment_count, reserved, entry, device_tree }
        "vmanager_control" = Control { timeout_ms, reserved }
        "vmanager_console" = Console { position, buffer, length, reserved, end }
        "vmanager_stats" = Stats { valid, values }
        "vmanager_event" = Event { size, kind, seq, timestamp_ns, id, cause, from, to, detail }
    }
    lines
}

fn number(name: &str, value: u64) -> String {
    format!("number VMANAGER_{name} {value}")
}

/// `NoPartition` as `NO_PARTITION`.
fn upper(name: &str) -> String {
    let mut upper = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !upper.is_empty() {
            upper.push('_');
        }
        upper.push(letter.to_ascii_uppercase());
    }
    upper
}

fn ioctl_numbers() -> BTreeSet<String> {
    let mut lines = BTreeSet::from([
        number("ABI_VERSION", ioctl::ABI_VERSION.into()),
        number("NAME_SIZE", ioctl::NAME_SIZE as u64),
        number("COUNTERS", ioctl::COUNTERS as u64),
        number("SEGMENTS_MAX", ioctl::SEGMENTS_MAX.into()),
        number("CPU_WORDS", ioctl::CPU_WORDS as u64),
    ]);
    for command in ioctl::Command::ALL {
        lines.insert(format!("number {} {}", command.name(), command.request()));
    }
    for reason in Reason::ALL {
        lines.insert(number(&format!("REASON_{}", upper(&format!("{reason:?}"))), *reason as u64));
    }
    for kind in EventKind::ALL {
        lines.insert(number(&format!("EVENT_{}", upper(&format!("{kind:?}"))), kind as u64));
    }
    lines
}

fn smc_numbers() -> BTreeSet<String> {
    let event = |name, kind: smc::EventKind| number(&format!("SMC_EVENT_{name}"), kind as u64);
    let mut lines = BTreeSet::from([
        number("SMC_ABI_VERSION", smc::ABI_VERSION.to_register()),
        number("SMC_PENDING", smc::PENDING),
        number("SMC_LINKS_MAX", smc::LINKS_MAX as u64),
        number("SMC_LOAD_MAX", smc::LOAD_MAX),
        number("SMC_LOAD_ALIGNMENT", smc::LOAD_ALIGNMENT),
        number("SMC_CREATE_SECURE", CreateFlags::SECURE.bits().into()),
        number("SMC_CREATE_SHARED", CreateFlags::SHARED.bits().into()),
        number("SMC_INFO_STATUS", InfoPage::Status as u64),
        number("SMC_INFO_CPUS_LOW", InfoPage::CpusLow as u64),
        number("SMC_INFO_CPUS_HIGH", InfoPage::CpusHigh as u64),
        number("SMC_INFO_FAULT", InfoPage::Fault as u64),
        number("SMC_BOARD_CPUS", BoardPage::Cpus as u64),
        number("SMC_BOARD_MEMORY", BoardPage::Memory as u64),
        number("SMC_BOARD_SECURE_MEMORY", BoardPage::SecureMemory as u64),
        number("SMC_BOARD_EVENT_INTERRUPT", BoardPage::EventInterrupt as u64),
        event("STOPPED", smc::EventKind::Stopped),
        event("SUSPENDED", smc::EventKind::Suspended),
        event("GUEST_OFF", smc::EventKind::GuestOff),
        event("GUEST_RESET", smc::EventKind::GuestReset),
        event("FAULTED", smc::EventKind::Faulted),
        event("OVERFLOW", smc::EventKind::Overflow),
        number("SMC_COUNTERS", Counter::ALL.len() as u64),
        number("RING_OUTPUT_COUNT", console::OUTPUT_COUNT as u64),
        number("RING_INPUT_COUNT", console::INPUT_COUNT as u64),
        number("RING_TAKEN_COUNT", console::TAKEN_COUNT as u64),
        number("RING_INPUT", console::INPUT as u64),
        number("RING_INPUT_SIZE", console::INPUT_SIZE as u64),
        number("RING_OUTPUT", console::OUTPUT as u64),
    ]);
    for function in FunctionId::ALL {
        lines.insert(number(&format!("SMC_{}", upper(&format!("{function:?}"))), *function as u64));
    }
    for (index, word) in SERVICE_UID.into_iter().enumerate() {
        lines.insert(number(&format!("SMC_UID_{index}"), word.into()));
    }
    lines
}

fn refusals() -> BTreeSet<String> {
    (1..=9)
        .map(|code: u64| {
            let refusal = SmcError::from_register(code.wrapping_neg());
            number(&format!("SMC_{}", upper(&format!("{refusal:?}"))), code)
        })
        .collect()
}

fn statuses() -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    let pending = [None, Some(Operation::Shutdown), Some(Operation::Suspend), Some(Operation::Destroy)];
    for state in PartitionState::ALL {
        for condition in [Condition::Running, Condition::Faulted] {
            for (number, pending) in pending.into_iter().enumerate() {
                let register = Status { state, condition, pending }.to_register();
                let faulted = u32::from(condition == Condition::Faulted);
                lines.insert(format!("status {register} {} {faulted} {number}", state::number(state)));
            }
        }
    }
    lines
}

fn states() -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    for state in PartitionState::ALL {
        for condition in [Condition::Running, Condition::Faulted] {
            for operation in Operation::ALL {
                let reason = match state.after_in(condition, operation) {
                    Ok(_) => Reason::None,
                    Err(InvalidTransition::State { .. }) => Reason::State,
                    Err(InvalidTransition::Faulted { .. }) => Reason::Faulted,
                };
                let (state, condition) = (state::number(state), u32::from(condition == Condition::Faulted));
                let operation = operation::number(operation);
                lines.insert(format!("state {state} {condition} {operation} {}", reason as u32));
            }
        }
    }
    lines
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// What the C program prints. The compiler refuses structures with padding that nobody wrote down.
fn probe(folder: &Path) -> BTreeSet<String> {
    let program = folder.join("probe");
    let build = Program::new("cc")
        .args(["-Wall", "-Wextra", "-Wpadded", "-Werror", "-std=gnu11", "-I"])
        .arg(root().join("kernel-driver"))
        .arg(root().join("tests/abi/probe.c"))
        .arg("-o")
        .arg(&program)
        .output()
        .expect("a C compiler links every Rust program, so there is one");
    assert!(build.status.success(), "{}", String::from_utf8_lossy(&build.stderr));
    let output = Program::new(&program).output().expect("the compiler made it");
    assert!(output.status.success());
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

fn compare(c: &BTreeSet<String>, kinds: &[&str], rust: &BTreeSet<String>) {
    let c: BTreeSet<_> =
        c.iter().filter(|line| kinds.iter().any(|kind| line.starts_with(kind))).cloned().collect();
    let only_c: Vec<_> = c.difference(rust).collect();
    let only_rust: Vec<_> = rust.difference(&c).collect();
    assert!(only_c.is_empty() && only_rust.is_empty(), "only C: {only_c:#?}\nonly Rust: {only_rust:#?}");
    assert!(!rust.is_empty());
}

#[test]
fn c_and_rust_have_the_same_layout_and_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let c = probe(folder.path());
    compare(&c, &["size ", "at "], &layouts());
    let numbers = [ioctl_numbers(), smc_numbers(), refusals()].into_iter().flatten().collect();
    compare(&c, &["number "], &numbers);
}

#[test]
fn c_and_rust_read_the_same_status_and_refuse_the_same_operations() {
    let folder = tempfile::tempdir().unwrap();
    let c = probe(folder.path());
    compare(&c, &["status "], &statuses());
    compare(&c, &["state "], &states());
}
