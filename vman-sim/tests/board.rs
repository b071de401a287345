//! What only a simulated board can show: its guests, unplugging, sharing by several programs, random use.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use proptest::prelude::*;
use uuid::Uuid;
use vman_core::abi::smc::FaultReason;
use vman_core::device::suite::{Guest, Images as _, OwnedImage, ScriptedImages};
use vman_core::device::{
    Change, ConsoleAction, CreateRequest, DeviceEvent, EventSource as _, ManagerDevice, PartitionDevice as _,
};
use vman_core::error::ErrorKind;
use vman_core::fdt::{BoardTree, PartitionTree};
use vman_core::id::{ByteSize, CpuId, Mpidr, PartitionId, PhysAddr, PhysRange};
use vman_core::plan::World;
use vman_core::state::{Operation, PartitionState};
use vman_sim::{SimConfig, SimDevice, SimPartition};

const PATIENCE: Duration = Duration::from_secs(30);
const MIB: u64 = 1 << 20;
const KERNEL: usize = 64 << 10;
const TREE: u64 = 16 * MIB;

fn board() -> SimDevice {
    SimDevice::new(SimConfig::default()).unwrap()
}

fn request(cores: u32) -> CreateRequest {
    CreateRequest {
        cores,
        memory: ByteSize(64 * MIB),
        world: World::NonSecure,
        shared_with: None,
        name: String::new(),
        uuid: Uuid::nil(),
    }
}

fn create(device: &SimDevice, request: &CreateRequest) -> SimPartition {
    device.open(device.create(request).unwrap()).unwrap()
}

/// What a device tree claims.
struct Claims {
    cpus: Vec<(CpuId, Mpidr)>,
    memory: PhysRange,
    initrd: Option<PhysRange>,
}

/// An image whose tree claims what `edit` makes of the truth.
fn image(
    device: &SimDevice,
    partition: &SimPartition,
    command_line: &str,
    edit: impl FnOnce(&mut Claims),
) -> OwnedImage {
    let (host, info) = (device.host().unwrap(), partition.info().unwrap());
    let own = host.cpus.iter().filter(|cpu| info.cpus.contains(cpu.id));
    let mut claims =
        Claims { cpus: own.map(|cpu| (cpu.id, cpu.mpidr)).collect(), memory: info.memory, initrd: None };
    edit(&mut claims);
    let tree = PartitionTree {
        cpus: &claims.cpus,
        memory: claims.memory,
        command_line: Some(command_line),
        initrd: claims.initrd,
        console_interrupt: None,
        entropy: None,
        links: &[],
    };
    let tree = tree.build(&BoardTree::parse(&host.device_tree).unwrap()).unwrap();
    let mut image = ScriptedImages { kernel_len: KERNEL }.image(&host, &info, Guest::Boot).unwrap();
    image.segments[1].1 = tree;
    image
}

fn deploy(device: &SimDevice, partition: &SimPartition, command_line: &str) {
    partition.deploy(&image(device, partition, command_line, |_| {}).as_load()).unwrap();
}

fn console(partition: &SimPartition) -> String {
    let mut text = vec![0; 1 << 20];
    let span = partition.console(ConsoleAction::Read { position: 0, buffer: &mut text }).unwrap();
    String::from_utf8(text[..span.len].to_vec()).unwrap()
}

fn changes(events: &mut vman_sim::SimEvents) -> Vec<Change> {
    std::iter::from_fn(|| events.next().unwrap()).map(|event: DeviceEvent| event.change).collect()
}

fn eventually<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = std::time::Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(std::time::Instant::now() < deadline, "it did not happen");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn guest_tells_what_it_found_in_its_memory() {
    let device = board();
    create(&device, &request(1));
    let partition = create(&device, &request(3));
    let info = partition.info().unwrap();
    let base = info.memory.base().0;
    let initrd = PhysRange::new(PhysAddr(base + 32 * MIB), ByteSize(12345)).unwrap();
    let line = "console=ttyAMA0 root=/dev/ram0 sim.nonsense=1";
    let image = image(&device, &partition, line, |claims| claims.initrd = Some(initrd));
    partition.deploy(&image.as_load()).unwrap();
    let log = console(&partition);
    for fact in [
        "Booting Linux on physical CPU 0x0000000100",
        "Simulated guest: no kernel code runs",
        &format!("Kernel image: 64 KiB at {base:#x}, text offset 0x0"),
        &format!("Memory: 65536K at {base:#x}-{:#x}", base + 64 * MIB),
        &format!("Kernel command line: {line}"),
        &format!("Initial ramdisk: 12345 bytes at {:#x}-{:#x}", initrd.base().0, initrd.end().0),
        "Unknown parameter of the simulator: sim.nonsense=1",
        "smp: Brought up 1 node, 3 CPUs",
    ] {
        assert!(log.contains(fact), "{fact} is missing in\n{log}");
    }
    assert_eq!(log.matches("Booted secondary processor").count(), 2, "{log}");
    assert!(log.ends_with("partition-2 (simulated) # "), "{log}");
}

#[test]
fn cpus_that_the_tree_claims_and_the_firmware_refuses_stay_off() {
    let device = board();
    let partition = create(&device, &request(2));
    let host = device.host().unwrap();
    let all: Vec<_> = host.cpus.iter().map(|cpu| (cpu.id, cpu.mpidr)).collect();
    let image = image(&device, &partition, "", |claims| claims.cpus = all);
    partition.deploy(&image.as_load()).unwrap();
    let log = console(&partition);
    assert!(log.contains("CPU 0x0: failed to boot: PSCI error -2"), "{log}");
    assert!(log.contains("smp: Brought up 1 node, 2 CPUs"), "{log}");
}

#[test]
fn tree_with_foreign_memory_faults() {
    let device = board();
    let partition = create(&device, &request(1));
    let mut events = device.events().unwrap();
    let foreign = PhysRange::new(PhysAddr(0x4000_0000), ByteSize(64 * MIB)).unwrap();
    let image = image(&device, &partition, "", |claims| claims.memory = foreign);
    partition.deploy(&image.as_load()).unwrap();
    assert!(changes(&mut events).contains(&Change::Faulted(FaultReason::Memory)));
    assert!(console(&partition).contains("outside this partition"));
}

#[test]
fn truncated_and_broken_trees_harm_nobody_else() {
    let device = board();
    let sound = create(&device, &request(1));
    deploy(&device, &sound, "");
    let good = {
        let partition = create(&device, &request(1));
        let good = image(&device, &partition, "", |_| {});
        partition.control(Operation::Destroy, PATIENCE).unwrap();
        good
    };
    let len = good.segments[1].1.len();
    for cut in (1..len).step_by(61).chain([4, 7, 8, 39, 40]) {
        let mut bad = good.clone();
        bad.segments[1].1.truncate(cut);
        assert!(boots_or_faults(&device, &bad) == FaultReason::Entry, "cut at {cut}");
    }
    for byte in (0..len).step_by(3) {
        let mut bad = good.clone();
        bad.segments[1].1[byte] ^= 0xff;
        boots_or_faults(&device, &bad);
    }
    assert_eq!(sound.info().unwrap().state, PartitionState::Deployed);
}

/// Deploys in a partition of its own. Returns the fault, if there is one.
fn boots_or_faults(device: &SimDevice, image: &OwnedImage) -> FaultReason {
    let partition = create(device, &request(1));
    partition.deploy(&image.as_load()).unwrap();
    let info = partition.info().unwrap();
    assert_eq!(info.state, PartitionState::Deployed);
    partition.control(Operation::Shutdown, PATIENCE).unwrap();
    partition.control(Operation::Destroy, PATIENCE).unwrap();
    info.fault
}

#[test]
fn words_typed_at_the_prompt_are_obeyed() {
    let device = board();
    let partition = create(&device, &request(1));
    deploy(&device, &partition, "");
    let before = console(&partition).len();
    partition.console(ConsoleAction::Write { data: b"lz\x7fs\rpoweroff\r" }).unwrap();
    eventually(|| Some(()).filter(|()| partition.info().unwrap().state == PartitionState::Ready));
    let log = console(&partition);
    assert!(log[before..].contains("sh: ls: not found (simulated)"), "{log}");
    assert!(log.ends_with("reboot: Power down\r\n"), "{log}");
}

#[test]
fn suspended_guest_does_what_it_missed_when_it_goes_on() {
    let device = board();
    let partition = create(&device, &request(2));
    deploy(&device, &partition, "sim.guest=poweroff sim.after_ms=500");
    partition.control(Operation::Suspend, PATIENCE).unwrap();
    partition.console(ConsoleAction::Write { data: b"x" }).unwrap();
    let held = console(&partition);
    std::thread::sleep(Duration::from_millis(1000));
    assert_eq!(partition.info().unwrap().state, PartitionState::Suspended);
    assert_eq!(console(&partition), held, "a held guest prints nothing");
    partition.control(Operation::Restore, PATIENCE).unwrap();
    eventually(|| Some(()).filter(|()| partition.info().unwrap().state == PartitionState::Ready));
    assert!(console(&partition).contains("reboot: Power down"));
}

#[test]
fn guest_that_panics_stays_deployed() {
    let device = board();
    let partition = create(&device, &request(1));
    deploy(&device, &partition, "sim.guest=oops sim.after_ms=1");
    eventually(|| Some(()).filter(|()| console(&partition).contains("Kernel panic - not syncing")));
    assert_eq!(partition.info().unwrap().state, PartitionState::Deployed);
}

#[test]
fn guest_that_only_spins_prints_nothing_and_can_be_stopped() {
    let device = board();
    let partition = create(&device, &request(2));
    deploy(&device, &partition, "sim.guest=spin");
    assert_eq!(console(&partition), "");
    partition.control(Operation::Shutdown, PATIENCE).unwrap();
}

#[test]
fn critical_partition_shares_the_cpus_of_another_one() {
    let device = board();
    let host = create(&device, &request(3));
    deploy(&device, &host, "");
    let host_id = host.info().unwrap().id;
    let sharing =
        |cores| CreateRequest { world: World::Secure, shared_with: Some(host_id), ..request(cores) };
    assert_eq!(device.create(&sharing(4)).unwrap_err().kind, ErrorKind::NoResources);
    let before = device.host().unwrap();
    let critical = create(&device, &sharing(2));
    let info = critical.info().unwrap();
    assert_eq!((info.shared_with, info.world), (Some(host_id), World::Secure));
    assert!(info.cpus.difference(&host.info().unwrap().cpus).is_empty());
    assert_eq!(device.host().unwrap().cpus, before.cpus, "the CPUs are still the other one's");
    deploy(&device, &critical, "");
    assert!(console(&critical).contains("smp: Brought up 1 node, 2 CPUs"));
    host.control(Operation::Reboot, PATIENCE).unwrap();
    host.control(Operation::Shutdown, PATIENCE).unwrap();
    assert_eq!(
        critical.info().unwrap().state,
        PartitionState::Deployed,
        "strict priority, a life of its own"
    );
    let refused = host.control(Operation::Destroy, PATIENCE).unwrap_err();
    assert_eq!((refused.kind, refused.text.contains("shared by partition 2")), (ErrorKind::Busy, true));
    assert_eq!(
        device.create(&sharing(2)).unwrap_err().kind,
        ErrorKind::NoResources,
        "one CPU is left to share"
    );
    for partition in [&critical, &host] {
        if partition.info().unwrap().state != PartitionState::Ready {
            partition.control(Operation::Shutdown, PATIENCE).unwrap();
        }
        partition.control(Operation::Destroy, PATIENCE).unwrap();
    }
    assert!(device.list().unwrap().is_empty());
}

#[test]
fn copies_of_images_are_accounted() {
    let config = SimConfig { management_memory: ByteSize(2 * MIB), ..SimConfig::default() };
    let device = SimDevice::new(config).unwrap();
    let partition = create(&device, &request(1));
    let mut big = image(&device, &partition, "", |_| {});
    big.segments.push((20 * MIB, vec![1; 2 << 20]));
    let refused = partition.deploy(&big.as_load()).unwrap_err();
    assert_eq!(refused.kind, ErrorKind::NoResources);
    assert!(refused.text.contains("2 MiB"), "{}", refused.text);
    let info = partition.info().unwrap();
    assert_eq!((info.state, info.busy), (PartitionState::Ready, None));
    deploy(&device, &partition, "");
}

#[test]
fn unplugged_board_answers_everybody() {
    let device = board();
    let partition = create(&device, &request(1));
    deploy(&device, &partition, "sim.guest=stubborn");
    let mut events = device.events().unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| partition.control(Operation::Shutdown, PATIENCE));
        eventually(|| partition.info().unwrap().busy);
        device.unplug();
        assert_eq!(waiting.join().unwrap().unwrap_err().kind, ErrorKind::Disconnected);
    });
    assert_eq!(device.host().unwrap_err().kind, ErrorKind::Disconnected);
    assert_eq!(device.list().unwrap_err().kind, ErrorKind::Disconnected);
    assert_eq!(device.events().unwrap_err().kind, ErrorKind::Disconnected);
    assert_eq!(device.create(&request(1)).unwrap_err().kind, ErrorKind::Disconnected);
    assert_eq!(partition.info().unwrap_err().kind, ErrorKind::Disconnected);
    assert_eq!(events.next().unwrap_err().kind, ErrorKind::Disconnected);
}

#[test]
fn thread_of_the_board_lives_only_while_something_is_due() {
    let name = "sim-idle-test";
    let threads = || {
        let tasks = std::fs::read_dir("/proc/self/task").unwrap();
        let names = tasks.filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")).ok());
        names.filter(|found| found.trim() == name).count()
    };
    let config = SimConfig { thread_name: name.into(), ..SimConfig::default() };
    let device = SimDevice::new(config).unwrap();
    let partition = create(&device, &request(1));
    deploy(&device, &partition, "");
    assert_eq!(threads(), 0);
    partition.control(Operation::Shutdown, PATIENCE).unwrap();
    deploy(&device, &partition, "sim.guest=poweroff sim.after_ms=500");
    eventually(|| Some(()).filter(|()| threads() == 1));
    eventually(|| Some(()).filter(|()| partition.info().unwrap().state == PartitionState::Ready));
    eventually(|| Some(()).filter(|()| threads() == 0));
    deploy(&device, &partition, "sim.guest=poweroff sim.after_ms=3600000");
    eventually(|| Some(()).filter(|()| threads() == 1));
    drop((device, partition));
    eventually(|| Some(()).filter(|()| threads() == 0));
}

#[test]
fn board_of_a_tebibyte_costs_nothing() {
    let config = SimConfig {
        cpus: 256,
        cluster: 16,
        memory: ByteSize(1 << 40),
        granule: ByteSize(1 << 30),
        ..SimConfig::default()
    };
    let device = SimDevice::new(config).unwrap();
    let partition = create(&device, &CreateRequest { memory: ByteSize(1 << 40), ..request(255) });
    deploy(&device, &partition, "");
    assert!(console(&partition).contains("smp: Brought up 1 node, 255 CPUs"));
    partition.control(Operation::Shutdown, PATIENCE).unwrap();
    partition.control(Operation::Destroy, PATIENCE).unwrap();
    assert!(device.host().unwrap().cpus.iter().all(|cpu| cpu.available == (cpu.id != CpuId(0))));
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak_kib: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(peak_kib < 512 << 10, "{peak_kib} KiB");
}

/// What a random user does.
#[derive(Debug, Clone)]
enum Step {
    Create(u32, u64),
    /// A critical partition that shares CPUs of the n-th one.
    Share(u32, usize),
    Deploy(usize, u8),
    Control(usize, Operation, bool),
    Type(usize, u8),
    Wait,
}

fn step() -> impl Strategy<Value = Step> {
    let operations = prop::sample::select(Operation::ALL.to_vec());
    prop_oneof![
        2 => (0u32..5, 0u64..6).prop_map(|(cores, size)| Step::Create(cores, size)),
        1 => (0u32..4, 0usize..6).prop_map(|(cores, which)| Step::Share(cores, which)),
        4 => (0usize..6, any::<u8>()).prop_map(|(which, guest)| Step::Deploy(which, guest)),
        6 => (0usize..6, operations, any::<bool>()).prop_map(|(which, operation, short)| Step::Control(which, operation, short)),
        1 => (0usize..6, any::<u8>()).prop_map(|(which, byte)| Step::Type(which, byte)),
        1 => Just(Step::Wait),
    ]
}

const GUESTS: [&str; 6] = [
    "",
    "sim.guest=poweroff sim.after_ms=1",
    "sim.guest=reset sim.after_ms=1 sim.times=3",
    "sim.guest=crash sim.after_ms=1",
    "sim.guest=stubborn sim.after_ms=3",
    "sim.guest=flood",
];

fn do_step(device: &SimDevice, step: &Step) {
    let nth = |which: usize| device.list().unwrap().get(which).and_then(|info| device.open(info.id).ok());
    match step {
        Step::Create(cores, size) => {
            let _ = device.create(&CreateRequest { memory: ByteSize(size * 32 * MIB), ..request(*cores) });
        }
        Step::Share(cores, which) => {
            if let Some(host) = device.list().unwrap().get(*which) {
                let shared_with = Some(host.id);
                let _ =
                    device.create(&CreateRequest { world: World::Secure, shared_with, ..request(*cores) });
            }
        }
        Step::Deploy(which, guest) => {
            if let Some(partition) = nth(*which)
                && let Ok(info) = partition.info()
                && info.memory.size().0 > TREE
            {
                let line = GUESTS[usize::from(*guest) % GUESTS.len()];
                let _ = partition.deploy(&image(device, &partition, line, |_| {}).as_load());
            }
        }
        Step::Control(which, operation, short) => {
            let timeout = if *short { Duration::ZERO } else { PATIENCE };
            if let Some(partition) = nth(*which) {
                let _ = partition.control(*operation, timeout);
            }
        }
        Step::Type(which, byte) => {
            if let Some(partition) = nth(*which) {
                let _ = partition.console(ConsoleAction::Write { data: &[*byte, b'\r'] });
            }
        }
        Step::Wait => std::thread::sleep(Duration::from_millis(1)),
    }
}

/// No core and no byte of memory belongs to two, and what is free plus what is taken is the whole.
fn check_books(device: &SimDevice) {
    let (host, partitions) = (device.host().unwrap(), device.list().unwrap());
    for (world, pool) in [(World::NonSecure, host.memory), (World::Secure, host.secure_memory)] {
        let inside = partitions.iter().filter(|info| info.world == world);
        let taken: u64 = inside.map(|info| info.memory.size().0).sum();
        assert_eq!(pool.free.0 + taken, pool.total.0);
    }
    for cpu in &host.cpus {
        let users = partitions.iter().filter(|info| info.cpus.contains(cpu.id));
        let (sharers, owners): (Vec<_>, Vec<_>) = users.partition(|info| info.shared_with.is_some());
        assert!(sharers.len() <= 1, "CPU {} is shared twice", cpu.id);
        assert!(sharers.iter().all(|info| info.shared_with == owners.first().map(|owner| owner.id)));
        let owners: Vec<PartitionId> = owners.into_iter().map(|info| info.id).collect();
        assert!(owners.len() <= 1, "CPU {} belongs to {owners:?}", cpu.id);
        assert_eq!(owners.first().copied().unwrap_or(PartitionId::MANAGEMENT), cpu.owner);
        assert_eq!(cpu.available, owners.is_empty() && cpu.id != CpuId(0));
    }
    for (index, info) in partitions.iter().enumerate() {
        assert!(partitions[..index].iter().all(|other| !other.memory.overlaps(info.memory)));
    }
}

/// What events tell is what queries tell.
fn check_events(device: &SimDevice, events: &mut vman_sim::SimEvents) {
    let mut known = std::collections::BTreeMap::new();
    let mut seq = 0;
    while let Some(event) = events.next().unwrap() {
        assert!(event.seq > seq);
        seq = event.seq;
        match event.change {
            Change::Created => assert_eq!(known.insert(event.id, PartitionState::Ready), None),
            Change::State { from, to, .. } => assert_eq!(known.insert(event.id, to), Some(from)),
            Change::Destroyed => assert_eq!(known.remove(&event.id), Some(PartitionState::Ready)),
            Change::Rebooted(_) => assert_eq!(known[&event.id], PartitionState::Deployed),
            Change::Faulted(_) => assert_ne!(known[&event.id], PartitionState::Suspended),
            Change::Overflow { .. } => panic!("the queue is long enough for this test"),
        }
    }
    let listed: std::collections::BTreeMap<_, _> =
        device.list().unwrap().into_iter().map(|info| (info.id, info.state)).collect();
    assert_eq!(known, listed);
}

/// Stops and destroys everything, those that share first.
fn release_all(device: &SimDevice) {
    let mut partitions = device.list().unwrap();
    partitions.sort_by_key(|info| info.shared_with.is_none());
    for info in partitions {
        let partition = device.open(info.id).unwrap();
        loop {
            let result = match partition.info().unwrap().state {
                PartitionState::Ready => partition.control(Operation::Destroy, PATIENCE),
                PartitionState::Deployed | PartitionState::Suspended => {
                    partition.control(Operation::Shutdown, PATIENCE)
                }
            };
            match result {
                Ok(()) if partition.info().is_err() => break,
                Ok(()) => {}
                // A guest may turn itself off or on between the look and the call.
                Err(error) => assert_eq!(error.kind, ErrorKind::InvalidState),
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_use_by_several_users_keeps_the_books(
        users in prop::collection::vec(prop::collection::vec(step(), 1..25), 1..4),
    ) {
        let device = SimDevice::new(SimConfig { events: 4096, ..SimConfig::default() }).unwrap();
        let mut events = device.events().unwrap();
        std::thread::scope(|scope| {
            for steps in &users {
                let device = &device;
                scope.spawn(move || steps.iter().for_each(|step| do_step(device, step)));
            }
        });
        check_books(&device);
        release_all(&device);
        check_books(&device);
        prop_assert!(device.list().unwrap().is_empty());
        check_events(&device, &mut events);
    }
}
