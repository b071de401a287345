//! Events.

use super::scene::{PATIENCE, Scene, drain, next_change, release, state, take};
use super::{Guest, Images, Verdict};
use crate::device::{Cause, Change, EventSource, ManagerDevice, PartitionDevice};
use crate::state::{Operation, PartitionState};

/// More events than a queue of the simulator keeps.
const MANY: usize = 5000;
/// Events that a board makes in bearable time.
const SOME: usize = 40;

const fn changed(from: PartitionState, to: PartitionState, cause: Cause) -> Change {
    Change::State { from, to, cause }
}

/// Two queues see the same events of a whole life, numbered without gaps, with times that do not fall.
pub fn every_queue_sees_every_event_in_order<D: ManagerDevice, I: Images>(device: &D, images: &I) -> Verdict {
    use PartitionState::{Deployed, Ready, Suspended};
    let scene = Scene::new(device, images);
    let mut queues = [device.events().unwrap(), device.events().unwrap()];
    let Some(partition) = scene.deployed(1, Guest::Boot) else {
        return Verdict::Skipped("no operating system to boot");
    };
    for operation in [Operation::Suspend, Operation::Restore, Operation::Reboot, Operation::Shutdown] {
        partition.control(operation, PATIENCE).unwrap();
    }
    partition.control(Operation::Destroy, PATIENCE).unwrap();
    let expected = [
        Change::Created,
        changed(Ready, Deployed, Cause::Command),
        changed(Deployed, Suspended, Cause::Command),
        changed(Suspended, Deployed, Cause::Command),
        Change::Rebooted(Cause::Command),
        changed(Deployed, Ready, Cause::Command),
        Change::Destroyed,
    ];
    let [first, second] = queues.each_mut().map(|queue| take(queue, expected.len()));
    let changes: Vec<Change> = first.iter().map(|event| event.change.clone()).collect();
    assert_eq!(changes, expected);
    assert!(first.windows(2).all(|pair| pair[1].seq == pair[0].seq + 1), "{first:?}");
    assert!(first.windows(2).all(|pair| pair[1].timestamp_ns >= pair[0].timestamp_ns), "{first:?}");
    assert_eq!(first, second);
    assert!(queues.iter_mut().all(|queue| queue.next().unwrap().is_none()));
    scene.assert_empty();
    Verdict::Passed
}

/// A queue knows nothing of what happened before it.
pub fn late_queue_is_empty<D: ManagerDevice, I: Images>(device: &D, images: &I) -> Verdict {
    let scene = Scene::new(device, images);
    let partition = scene.create(1);
    let mut events = device.events().unwrap();
    assert_eq!(events.next().unwrap(), None);
    partition.control(Operation::Destroy, PATIENCE).unwrap();
    let seen = take(&mut events, 1);
    assert_eq!(seen[0].change, Change::Destroyed);
    scene.assert_empty();
    Verdict::Passed
}

/// A reader who does not read loses the oldest events, is told how many, and goes on with what is left.
pub fn slow_reader_is_told_what_it_lost<D: ManagerDevice, I: Images>(device: &D, images: &I) -> Verdict {
    let scene = Scene::new(device, images);
    let mut slow = device.events().unwrap();
    let mut total = 0;
    let wanted = if scene.host.simulated { MANY } else { SOME };
    while total < wanted {
        release(&scene.create(1));
        total += 2;
    }
    let seen = drain_all(&mut slow, total);
    let lost: u64 = seen
        .iter()
        .map(|event| match event.change {
            Change::Overflow { lost } => lost,
            _ => 0,
        })
        .sum();
    let kept = seen.iter().filter(|event| !matches!(event.change, Change::Overflow { .. })).count();
    assert_eq!(lost + u64::try_from(kept).unwrap(), u64::try_from(total).unwrap(), "nothing is lost untold");
    assert!(lost > 0 || !scene.host.simulated, "the simulator's queue is shorter than this");
    let last = seen.last().unwrap();
    assert_eq!(last.change, Change::Destroyed, "the newest is kept");
    scene.assert_empty();
    Verdict::Passed
}

/// Everything up to the event number `total` of this test.
fn drain_all<E: EventSource>(events: &mut E, total: usize) -> Vec<crate::device::DeviceEvent> {
    let mut seen = take(events, 1);
    let count = |seen: &[crate::device::DeviceEvent]| -> u64 {
        seen.iter()
            .map(|event| match event.change {
                Change::Overflow { lost } => lost,
                _ => 1,
            })
            .sum()
    };
    while count(&seen) < u64::try_from(total).unwrap() {
        seen.extend(take(events, 1));
        seen.extend(drain(events));
    }
    seen
}

/// An operating system that turns itself off leaves a READY partition, and events say that it was its own doing.
pub fn power_off_by_the_guest_is_told<D: ManagerDevice, I: Images>(device: &D, images: &I) -> Verdict {
    let scene = Scene::new(device, images);
    let mut events = device.events().unwrap();
    let Some(partition) = scene.deployed(2, Guest::PowerOff) else {
        return Verdict::Skipped("no operating system that turns itself off");
    };
    let id = partition.info().unwrap().id;
    assert_eq!(next_change(&mut events, id), Change::Created);
    next_change(&mut events, id);
    let off = changed(PartitionState::Deployed, PartitionState::Ready, Cause::Guest);
    assert_eq!(next_change(&mut events, id), off);
    assert_eq!(state(&partition), PartitionState::Ready);
    let image = scene.image(&partition, Guest::Boot).unwrap();
    partition.deploy(&image.as_load()).unwrap();
    release(&partition);
    scene.assert_empty();
    Verdict::Passed
}

/// An operating system that resets itself is loaded and started again.
pub fn reset_by_the_guest_is_told<D: ManagerDevice, I: Images>(device: &D, images: &I) -> Verdict {
    let scene = Scene::new(device, images);
    let mut events = device.events().unwrap();
    let Some(partition) = scene.deployed(2, Guest::Reset) else {
        return Verdict::Skipped("no operating system that resets itself");
    };
    let id = partition.info().unwrap().id;
    next_change(&mut events, id);
    next_change(&mut events, id);
    assert_eq!(next_change(&mut events, id), Change::Rebooted(Cause::Guest));
    assert_eq!(state(&partition), PartitionState::Deployed);
    partition.control(Operation::Suspend, PATIENCE).unwrap();
    release(&partition);
    scene.assert_empty();
    Verdict::Passed
}
