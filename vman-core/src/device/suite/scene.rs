//! What the tests have in common.

use std::time::{Duration, Instant};

use uuid::Uuid;

use super::{Guest, Images, OwnedImage};
use crate::device::{
    Change, ConsoleAction, CreateRequest, DeviceError, DeviceEvent, EventSource, HostInfo, ManagerDevice,
    PartitionDevice, PartitionInfo,
};
use crate::error::ErrorKind;
use crate::id::{ByteSize, PartitionId};
use crate::plan::World;
use crate::state::{Operation, PartitionState};

/// Long enough for every operation on every board.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks at something that comes by itself.
const LOOK: Duration = Duration::from_millis(1);
/// Memory of a partition: room for a kernel, its device tree and an initial ramdisk.
const MEMORY: ByteSize = ByteSize(64 << 20);

/// A board under test.
pub(super) struct Scene<'a, D: ManagerDevice, I> {
    pub(super) device: &'a D,
    pub(super) images: &'a I,
    pub(super) host: HostInfo,
}

impl<'a, D: ManagerDevice, I: Images> Scene<'a, D, I> {
    pub(super) fn new(device: &'a D, images: &'a I) -> Self {
        let host = device.host().unwrap();
        assert_eq!(device.list().unwrap(), [], "a test begins on a board without partitions");
        Self { device, images, host }
    }

    pub(super) fn memory(&self) -> ByteSize {
        ByteSize(MEMORY.0.next_multiple_of(self.host.granule.0))
    }

    /// A request without a name.
    pub(super) fn request(&self, cores: u32) -> CreateRequest {
        CreateRequest {
            cores,
            memory: self.memory(),
            world: World::NonSecure,
            shared_with: None,
            name: String::new(),
            uuid: Uuid::nil(),
        }
    }

    /// CPUs that new partitions may get.
    pub(super) fn available(&self) -> u32 {
        let host = self.device.host().unwrap();
        u32::try_from(host.cpus.iter().filter(|cpu| cpu.available).count()).unwrap()
    }

    pub(super) fn create(&self, cores: u32) -> D::Partition {
        let id = self.device.create(&self.request(cores)).unwrap();
        self.device.open(id).unwrap()
    }

    pub(super) fn image(&self, partition: &D::Partition, guest: Guest) -> Option<OwnedImage> {
        self.images.image(&self.host, &partition.info().unwrap(), guest)
    }

    /// A DEPLOYED partition; `None` if the back end has no such guest.
    pub(super) fn deployed(&self, cores: u32, guest: Guest) -> Option<D::Partition> {
        let partition = self.create(cores);
        match self.image(&partition, guest) {
            Some(image) => {
                partition.deploy(&image.as_load()).unwrap();
                Some(partition)
            }
            None => {
                release(&partition);
                None
            }
        }
    }

    /// A partition in `state`.
    pub(super) fn partition_in(&self, state: PartitionState) -> Option<D::Partition> {
        match state {
            PartitionState::Ready => Some(self.create(1)),
            PartitionState::Deployed => self.deployed(1, Guest::Boot),
            PartitionState::Suspended => {
                let partition = self.deployed(1, Guest::Boot)?;
                partition.control(Operation::Suspend, PATIENCE).unwrap();
                Some(partition)
            }
        }
    }

    /// Nothing is left of a test.
    pub(super) fn assert_empty(&self) {
        assert_eq!(self.device.list().unwrap(), []);
        assert_eq!(self.device.host().unwrap(), self.host, "cores and memory came back");
    }
}

/// Releases a partition whatever its state.
pub(super) fn release<P: PartitionDevice>(partition: &P) {
    if partition.info().unwrap().state != PartitionState::Ready {
        partition.control(Operation::Shutdown, PATIENCE).unwrap();
    }
    partition.control(Operation::Destroy, PATIENCE).unwrap();
}

pub(super) fn state<P: PartitionDevice>(partition: &P) -> PartitionState {
    partition.info().unwrap().state
}

/// The kind of a refusal, with a look at its text.
pub(super) fn kind<T: std::fmt::Debug>(result: Result<T, DeviceError>) -> ErrorKind {
    let error = result.expect_err("a refusal");
    assert!(!error.text.is_empty() && !error.text.ends_with('.'), "one clause: {:?}", error.text);
    error.kind
}

/// Waits until `look` finds something.
pub(super) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what} did not happen");
        std::thread::sleep(LOOK);
    }
}

/// Waits for the next event of `id`.
pub(super) fn next_change<E: EventSource>(events: &mut E, id: PartitionId) -> Change {
    wait_for("an event", || events.next().unwrap().filter(|event| event.id == id)).change
}

/// Takes every event that waits.
pub(super) fn drain<E: EventSource>(events: &mut E) -> Vec<DeviceEvent> {
    std::iter::from_fn(|| events.next().unwrap()).collect()
}

/// Waits for `count` events.
pub(super) fn take<E: EventSource>(events: &mut E, count: usize) -> Vec<DeviceEvent> {
    (0..count).map(|_| wait_for("an event", || events.next().unwrap())).collect()
}

/// Everything that a console has.
pub(super) fn console_text<P: PartitionDevice>(partition: &P) -> (u64, Vec<u8>) {
    let mut text = vec![0; 1 << 20];
    let span = partition.console(ConsoleAction::Read { position: 0, buffer: &mut text }).unwrap();
    text.truncate(span.len);
    (span.position, text)
}

/// What does not change when nothing happens.
pub(super) fn identity(info: &PartitionInfo) -> (PartitionId, PartitionState, String) {
    (info.id, info.state, info.name.clone())
}
