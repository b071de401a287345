//! Operations that take time.

use std::time::Duration;

use super::scene::{PATIENCE, Scene, kind, next_change, release, state, wait_for};
use super::{Guest, Images, Verdict};
use crate::device::{Cause, Change, EventSource, ManagerDevice, PartitionDevice};
use crate::error::ErrorKind;
use crate::state::{Operation, PartitionState};

const NO_STUBBORN: Verdict = Verdict::Skipped("no operating system that can ignore a force");
/// How long a guest ignores a force: long enough for a busy machine to do the rest of a test meanwhile.
const STUBBORN: Duration = Duration::from_millis(800);
/// How long a test waits that wants to see a time-out.
const SHORT: Duration = Duration::from_millis(10);

/// While somebody waits for an operation, others are refused, queries are not, and other partitions do not notice.
pub fn second_operation_is_refused_meanwhile<D: ManagerDevice, I: Images>(device: &D, images: &I) -> Verdict {
    let scene = Scene::new(device, images);
    let Some(partition) = scene.deployed(1, Guest::Stubborn(STUBBORN)) else { return NO_STUBBORN };
    let other = scene.create(1);
    std::thread::scope(|scope| {
        let first = scope.spawn(|| partition.control(Operation::Shutdown, PATIENCE));
        wait_for("the partition is busy", || partition.info().unwrap().busy);
        let info = partition.info().unwrap();
        assert_eq!((info.state, info.busy), (PartitionState::Deployed, Some(Operation::Shutdown)));
        for operation in [Operation::Shutdown, Operation::Reboot, Operation::Suspend, Operation::Destroy] {
            assert_eq!(kind(partition.control(operation, PATIENCE)), ErrorKind::Busy, "{operation}");
        }
        let image = scene.image(&partition, Guest::Boot).unwrap();
        assert_eq!(kind(partition.deploy(&image.as_load())), ErrorKind::Busy);
        let theirs = scene.image(&other, Guest::Boot).unwrap();
        other.deploy(&theirs.as_load()).unwrap();
        other.control(Operation::Reboot, PATIENCE).unwrap();
        assert!(!first.is_finished(), "the guest gave in too early for this test");
        first.join().unwrap().unwrap();
    });
    assert_eq!((state(&partition), partition.info().unwrap().busy), (PartitionState::Ready, None));
    release(&partition);
    release(&other);
    scene.assert_empty();
    Verdict::Passed
}

/// An operation that takes too long answers `Timeout`; the state is as before. A suspend is called off, a shutdown
/// goes on and can be waited for again.
pub fn timeout_keeps_the_state<D: ManagerDevice, I: Images>(device: &D, images: &I) -> Verdict {
    let scene = Scene::new(device, images);
    let Some(partition) = scene.deployed(2, Guest::Stubborn(STUBBORN)) else { return NO_STUBBORN };
    let id = partition.info().unwrap().id;
    let mut events = device.events().unwrap();
    assert_eq!(kind(partition.control(Operation::Suspend, SHORT)), ErrorKind::Timeout);
    let info = partition.info().unwrap();
    assert_eq!((info.state, info.busy), (PartitionState::Deployed, None));
    std::thread::sleep(2 * STUBBORN);
    assert_eq!(
        state(&partition),
        PartitionState::Deployed,
        "a suspend that nobody waits for happens not later"
    );
    assert_eq!(events.next().unwrap(), None);
    assert_eq!(kind(partition.control(Operation::Shutdown, SHORT)), ErrorKind::Timeout);
    let info = partition.info().unwrap();
    assert_eq!((info.state, info.busy), (PartitionState::Deployed, Some(Operation::Shutdown)));
    assert_eq!(kind(partition.control(Operation::Suspend, PATIENCE)), ErrorKind::Busy);
    partition.control(Operation::Shutdown, PATIENCE).unwrap();
    let ready =
        Change::State { from: PartitionState::Deployed, to: PartitionState::Ready, cause: Cause::Command };
    assert_eq!(next_change(&mut events, id), ready);
    let image = scene.image(&partition, Guest::Stubborn(STUBBORN)).unwrap();
    partition.deploy(&image.as_load()).unwrap();
    assert_eq!(kind(partition.control(Operation::Reboot, SHORT)), ErrorKind::Timeout);
    assert_eq!(state(&partition), PartitionState::Deployed);
    next_change(&mut events, id);
    assert_eq!(next_change(&mut events, id), ready, "a reboot that nobody waits for becomes a shutdown");
    release(&partition);
    scene.assert_empty();
    Verdict::Passed
}
