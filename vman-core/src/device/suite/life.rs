//! States and operations.

use super::scene::{PATIENCE, Scene, console_text, identity, kind, release, state};
use super::{Guest, Images, Verdict};
use crate::abi::smc::{Counter, FaultReason};
use crate::device::{ConsoleAction, ManagerDevice, PartitionDevice};
use crate::error::ErrorKind;
use crate::id::{CpuId, PartitionId};
use crate::plan::World;
use crate::state::{Condition, Next, Operation, PartitionState};

const NO_BOOT: Verdict = Verdict::Skipped("no operating system to boot");

/// A partition goes through everything that the source document's Figure 19 shows, and leaves nothing behind.
pub fn whole_life_cycle<D: ManagerDevice, I: Images>(device: &D, images: &I) -> Verdict {
    let scene = Scene::new(device, images);
    let mut request = scene.request(2);
    request.name = "edge".into();
    request.uuid = uuid::Uuid::from_u128(0x1234);
    let id = device.create(&request).unwrap();
    let partition = device.open(id).unwrap();
    let info = partition.info().unwrap();
    assert_eq!((info.id, info.state, info.condition), (id, PartitionState::Ready, Condition::Running));
    assert_eq!((info.name.as_str(), info.uuid, info.world), ("edge", request.uuid, World::NonSecure));
    assert_eq!((info.cpus.len(), info.memory.size()), (2, request.memory));
    assert_eq!((info.busy, info.fault, info.shared_with), (None, FaultReason::None, None));
    assert_eq!(device.list().unwrap(), std::slice::from_ref(&info));
    for cpu in device.host().unwrap().cpus {
        let mine = info.cpus.contains(cpu.id);
        assert_eq!(cpu.owner == id, mine, "owner of CPU {}", cpu.id);
        assert!(!mine || (!cpu.available && cpu.id != CpuId(0)));
    }
    let Some(image) = scene.image(&partition, Guest::Boot) else {
        release(&partition);
        return NO_BOOT;
    };
    partition.deploy(&image.as_load()).unwrap();
    drop(image);
    assert_eq!(state(&partition), PartitionState::Deployed);
    let steps = [
        (Operation::Suspend, PartitionState::Suspended),
        (Operation::Restore, PartitionState::Deployed),
        (Operation::Reboot, PartitionState::Deployed),
        (Operation::Suspend, PartitionState::Suspended),
        (Operation::Shutdown, PartitionState::Ready),
    ];
    for (operation, after) in steps {
        partition.control(operation, PATIENCE).unwrap();
        assert_eq!(state(&partition), after, "{operation}");
    }
    let again = scene.image(&partition, Guest::Boot).unwrap();
    partition.deploy(&again.as_load()).unwrap();
    partition.control(Operation::Shutdown, PATIENCE).unwrap();
    partition.control(Operation::Destroy, PATIENCE).unwrap();
    assert_eq!(kind(device.open(id).map(|_| ())), ErrorKind::NotFound);
    scene.assert_empty();
    Verdict::Passed
}

/// Every pair of state and operation does what the table says; a refusal names the rule and changes nothing.
pub fn every_row_of_the_state_table_holds<D: ManagerDevice, I: Images>(device: &D, images: &I) -> Verdict {
    let scene = Scene::new(device, images);
    for before in PartitionState::ALL {
        for operation in Operation::ALL {
            let Some(partition) = scene.partition_in(before) else { return NO_BOOT };
            let info = partition.info().unwrap();
            let image = scene.image(&partition, Guest::Boot).unwrap();
            let result = match operation {
                Operation::Deploy => partition.deploy(&image.as_load()),
                _ => partition.control(operation, PATIENCE),
            };
            match before.after(operation) {
                Ok(Next::Gone) => {
                    result.unwrap();
                    assert_eq!(kind(partition.info()), ErrorKind::NotFound);
                    continue;
                }
                Ok(Next::State(after)) => {
                    result.unwrap();
                    assert_eq!(state(&partition), after, "{operation} of a {before} partition");
                }
                Err(refusal) => {
                    let error = result.expect_err("a refusal");
                    assert_eq!(error.kind, ErrorKind::InvalidState, "{operation} of a {before} partition");
                    assert!(error.text.contains(&before.to_string()), "{} as in {refusal}", error.text);
                    assert_eq!(identity(&partition.info().unwrap()), identity(&info));
                }
            }
            release(&partition);
        }
    }
    scene.assert_empty();
    Verdict::Passed
}

/// A handle whose partition is gone says so, whatever it is asked; unknown numbers have no handle.
pub fn handles_do_not_outlive_their_partition<D: ManagerDevice, I: Images>(
    device: &D,
    images: &I,
) -> Verdict {
    let scene = Scene::new(device, images);
    for id in [0, 1_000_000, u32::MAX] {
        assert_eq!(kind(device.open(PartitionId(id)).map(|_| ())), ErrorKind::NotFound);
    }
    let partition = scene.create(1);
    let image = scene.image(&partition, Guest::Boot);
    partition.control(Operation::Destroy, PATIENCE).unwrap();
    assert_eq!(kind(partition.info()), ErrorKind::NotFound);
    assert_eq!(kind(partition.stats()), ErrorKind::NotFound);
    let mut buffer = [0; 16];
    let read = ConsoleAction::Read { position: 0, buffer: &mut buffer };
    assert_eq!(kind(partition.console(read)), ErrorKind::NotFound);
    for operation in Operation::ALL.into_iter().filter(|operation| *operation != Operation::Deploy) {
        assert_eq!(kind(partition.control(operation, PATIENCE)), ErrorKind::NotFound, "{operation}");
    }
    if let Some(image) = image {
        assert_eq!(kind(partition.deploy(&image.as_load())), ErrorKind::NotFound);
    }
    scene.assert_empty();
    Verdict::Passed
}

/// Counters rise with what they count; deploy without an image is no operation.
pub fn statistics_count<D: ManagerDevice, I: Images>(device: &D, images: &I) -> Verdict {
    let scene = Scene::new(device, images);
    let Some(partition) = scene.deployed(1, Guest::Boot) else { return NO_BOOT };
    let count = |counter| {
        let stats = partition.stats().unwrap();
        stats.into_iter().find(|(known, _)| *known == counter).map(|(_, value)| value)
    };
    assert_eq!((count(Counter::Starts), count(Counter::Suspends)), (Some(1), Some(0)));
    partition.control(Operation::Suspend, PATIENCE).unwrap();
    partition.control(Operation::Restore, PATIENCE).unwrap();
    partition.control(Operation::Reboot, PATIENCE).unwrap();
    assert_eq!((count(Counter::Starts), count(Counter::Suspends)), (Some(2), Some(1)));
    assert_eq!(kind(partition.control(Operation::Deploy, PATIENCE)), ErrorKind::InvalidArgument);
    assert!(!console_text(&partition).1.is_empty() || !scene.host.simulated);
    release(&partition);
    scene.assert_empty();
    Verdict::Passed
}
