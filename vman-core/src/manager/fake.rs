//! A device without a board: states, cores and memory in a table.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Barrier, Mutex};
use std::time::Duration;

use crate::abi::smc::{Counter, FaultReason, Version};
use crate::device::{
    Cause, Change, ConsoleAction, ConsoleSpan, CpuInfo, CreateRequest, DeviceError, DeviceEvent, EventSource,
    HostInfo, LoadImage, ManagerDevice, MemoryInfo, NAME_MAX, PartitionDevice, PartitionInfo,
};
use crate::error::ErrorKind;
use crate::fdt::BoardTreeBuilder;
use crate::id::{ByteSize, CpuId, CpuSet, Mpidr, PartitionId, PhysAddr, PhysRange};
use crate::plan::World;
use crate::state::{Condition, Next, Operation, PartitionState};

const GRANULE: ByteSize = ByteSize(2 << 20);
const BASE: PhysAddr = PhysAddr(1 << 30);
const MEMORY: ByteSize = ByteSize(8 << 30);
const CPUS: u16 = 8;

/// A board with 8 CPUs, one of them the management partition's, and 8 GiB.
#[derive(Debug, Clone, Default)]
pub(crate) struct FakeDevice(Arc<Mutex<Board>>);

#[derive(Debug, Default)]
struct Board {
    created: u32,
    seq: u64,
    partitions: BTreeMap<PartitionId, Slot>,
    queues: Vec<(Sender<DeviceEvent>, UnixStream)>,
    meeting: Option<Arc<Barrier>>,
}

#[derive(Debug)]
struct Slot {
    info: PartitionInfo,
    loaded: Vec<(u64, Vec<u8>)>,
    printed: Vec<u8>,
}

/// One partition of a [`FakeDevice`].
#[derive(Debug)]
pub(crate) struct FakePartition {
    device: FakeDevice,
    id: PartitionId,
}

/// A queue of a [`FakeDevice`].
#[derive(Debug)]
pub(crate) struct FakeEvents {
    events: Receiver<DeviceEvent>,
    bell: UnixStream,
}

impl FakeDevice {
    /// Does to a partition what its guest or a defect would do.
    pub(crate) fn change(&self, id: PartitionId, change: impl FnOnce(&mut PartitionInfo)) {
        let mut board = self.0.lock().unwrap();
        change(&mut board.partitions.get_mut(&id).unwrap().info);
    }

    /// What was loaded at the partition's deployment: offset and bytes.
    pub(crate) fn loaded(&self, id: PartitionId) -> Vec<(u64, Vec<u8>)> {
        self.0.lock().unwrap().partitions[&id].loaded.clone()
    }

    /// The next query of a partition reads its state, then waits at `meeting` twice before it answers.
    pub(crate) fn meet_at_query(&self, meeting: &Arc<Barrier>) {
        self.0.lock().unwrap().meeting = Some(Arc::clone(meeting));
    }

    /// The partition prints.
    pub(crate) fn print(&self, id: PartitionId, text: &[u8]) {
        self.0.lock().unwrap().partitions.get_mut(&id).unwrap().printed.extend_from_slice(text);
    }
}

impl Board {
    fn free_cpus(&self) -> CpuSet {
        let all = (1..CPUS).map(CpuId).collect::<CpuSet>();
        self.partitions.values().fold(all, |free, slot| free.difference(&slot.info.cpus))
    }

    fn free_memory(&self) -> ByteSize {
        ByteSize(MEMORY.0 - self.partitions.values().map(|slot| slot.info.memory.size().0).sum::<u64>())
    }

    fn tell(&mut self, id: PartitionId, change: Change) {
        self.seq += 1;
        let event = DeviceEvent { seq: self.seq, timestamp_ns: self.seq, id, change };
        self.queues
            .retain_mut(|(queue, bell)| queue.send(event.clone()).is_ok() && bell.write_all(b"!").is_ok());
    }

    /// The rules that need no look at what is free, and those about the others.
    fn check(&self, request: &CreateRequest) -> Result<(), DeviceError> {
        let refused = |kind, text: &str| Err(DeviceError::new(kind, text));
        let even = request.memory != ByteSize::ZERO && request.memory.is_multiple_of(GRANULE);
        if request.cores == 0 || !even || request.name.len() > NAME_MAX {
            return refused(ErrorKind::InvalidArgument, "Cores, memory or name break a rule");
        }
        if let Some(host) = request.shared_with {
            self.partitions.get(&host).ok_or_else(|| DeviceError::not_found(host))?;
            return refused(ErrorKind::InvalidArgument, "Nothing is shared here");
        }
        if request.world == World::Secure {
            return refused(ErrorKind::Unsupported, "There is no secure memory");
        }
        let taken = self.partitions.values().any(|slot| {
            !request.name.is_empty() && slot.info.name == request.name
                || !request.uuid.is_nil() && slot.info.uuid == request.uuid
        });
        if taken {
            return refused(ErrorKind::AlreadyExists, "Name or UUID is taken");
        }
        Ok(())
    }

    fn create(&mut self, request: &CreateRequest) -> Result<PartitionId, DeviceError> {
        self.check(request)?;
        let wanted = usize::try_from(request.cores).unwrap_or(usize::MAX);
        let cpus: CpuSet = self.free_cpus().iter().take(wanted).collect();
        if cpus.len() < wanted || request.memory > self.free_memory() {
            return Err(DeviceError::new(ErrorKind::NoResources, "Board has no room"));
        }
        self.created += 1;
        let id = PartitionId(self.created);
        let info = PartitionInfo {
            id,
            name: request.name.clone(),
            uuid: request.uuid,
            state: PartitionState::Ready,
            condition: Condition::Running,
            fault: FaultReason::None,
            busy: None,
            world: request.world,
            shared_with: request.shared_with,
            cpus,
            memory: PhysRange::new(BASE, request.memory).unwrap(),
        };
        self.partitions.insert(id, Slot { info, loaded: Vec::new(), printed: Vec::new() });
        self.tell(id, Change::Created);
        Ok(id)
    }

    fn slot(&mut self, id: PartitionId) -> Result<&mut Slot, DeviceError> {
        self.partitions.get_mut(&id).ok_or_else(|| DeviceError::not_found(id))
    }

    fn operate(&mut self, id: PartitionId, operation: Operation) -> Result<(), DeviceError> {
        let slot = self.slot(id)?;
        let from = slot.info.state;
        let refused = |error: crate::state::InvalidTransition| {
            DeviceError::new(ErrorKind::InvalidState, error.to_string())
        };
        match from.after_in(slot.info.condition, operation).map_err(refused)? {
            Next::Gone => {
                self.partitions.remove(&id);
                self.tell(id, Change::Destroyed);
            }
            Next::State(to) => {
                (slot.info.state, slot.info.condition) = (to, Condition::Running);
                let cause = Cause::Command;
                let change =
                    if from == to { Change::Rebooted(cause) } else { Change::State { from, to, cause } };
                self.tell(id, change);
            }
        }
        Ok(())
    }
}

impl ManagerDevice for FakeDevice {
    type Partition = FakePartition;
    type Events = FakeEvents;

    fn host(&self) -> Result<HostInfo, DeviceError> {
        let board = self.0.lock().unwrap();
        let owner = |cpu| {
            board.partitions.values().find(|slot| slot.info.cpus.contains(cpu)).map(|slot| slot.info.id)
        };
        let cpu = |id| CpuInfo {
            id,
            mpidr: Mpidr(u64::from(id.0)),
            owner: owner(id).unwrap_or(PartitionId::MANAGEMENT),
            available: board.free_cpus().contains(id),
        };
        let free = board.free_memory();
        Ok(HostInfo {
            model: "Fake".into(),
            simulated: true,
            firmware: Version { major: 1, minor: 0 },
            cpus: (0..CPUS).map(CpuId).map(cpu).collect(),
            memory: MemoryInfo { total: MEMORY, free, largest_free: free },
            secure_memory: MemoryInfo::default(),
            management_memory: GRANULE,
            granule: GRANULE,
            device_tree: BoardTreeBuilder::new(
                "Fake",
                usize::from(CPUS),
                PhysRange::new(BASE, MEMORY).unwrap(),
            )
            .build()
            .unwrap(),
        })
    }

    fn create(&self, request: &CreateRequest) -> Result<PartitionId, DeviceError> {
        self.0.lock().unwrap().create(request)
    }

    fn list(&self) -> Result<Vec<PartitionInfo>, DeviceError> {
        Ok(self.0.lock().unwrap().partitions.values().map(|slot| slot.info.clone()).collect())
    }

    fn open(&self, id: PartitionId) -> Result<FakePartition, DeviceError> {
        self.0.lock().unwrap().slot(id)?;
        Ok(FakePartition { device: self.clone(), id })
    }

    fn events(&self) -> Result<FakeEvents, DeviceError> {
        let (sender, events) = channel();
        let (near, bell) = UnixStream::pair()?;
        bell.set_nonblocking(true)?;
        self.0.lock().unwrap().queues.push((sender, near));
        Ok(FakeEvents { events, bell })
    }
}

impl PartitionDevice for FakePartition {
    fn info(&self) -> Result<PartitionInfo, DeviceError> {
        let mut board = self.device.0.lock().unwrap();
        let info = board.slot(self.id)?.info.clone();
        let meeting = board.meeting.take();
        drop(board);
        if let Some(meeting) = meeting {
            meeting.wait();
            meeting.wait();
        }
        Ok(info)
    }

    fn deploy(&self, image: &LoadImage<'_>) -> Result<(), DeviceError> {
        let mut board = self.device.0.lock().unwrap();
        board.operate(self.id, Operation::Deploy)?;
        let segments = image.segments.iter().map(|segment| (segment.offset, segment.data.to_vec()));
        board.slot(self.id)?.loaded = segments.collect();
        Ok(())
    }

    fn control(&self, operation: Operation, _timeout: Duration) -> Result<(), DeviceError> {
        self.device.0.lock().unwrap().operate(self.id, operation)
    }

    fn console(&self, action: ConsoleAction<'_>) -> Result<ConsoleSpan, DeviceError> {
        let mut board = self.device.0.lock().unwrap();
        let printed = &mut board.slot(self.id)?.printed;
        let end = u64::try_from(printed.len()).unwrap();
        Ok(match action {
            ConsoleAction::Write { data } => {
                printed.extend_from_slice(data);
                ConsoleSpan { position: end, len: data.len(), end }
            }
            ConsoleAction::Read { position, buffer } => {
                let position = position.min(end);
                let rest = &printed[usize::try_from(position).unwrap()..];
                let len = rest.len().min(buffer.len());
                buffer[..len].copy_from_slice(&rest[..len]);
                ConsoleSpan { position, len, end }
            }
        })
    }

    fn stats(&self) -> Result<Vec<(Counter, u64)>, DeviceError> {
        self.device.0.lock().unwrap().slot(self.id)?;
        Ok(vec![(Counter::Starts, 3)])
    }
}

impl EventSource for FakeEvents {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }

    fn next(&mut self) -> Result<Option<DeviceEvent>, DeviceError> {
        let _ = self.bell.read(&mut [0; 64]);
        Ok(self.events.try_recv().ok())
    }
}
