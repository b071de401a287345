//! What the simulated kernel driver keeps under its lock.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use uuid::Uuid;
use vman_core::abi::smc::{
    Completion, Counter, CreateArgs, CreateFlags, EventKind, FaultReason, FunctionId, InfoPage, LINKS_MAX,
    PENDING, SmcCall, SmcError, SmcReturn, Status,
};
use vman_core::device::{Cause, Change, CreateRequest, DeviceError, DeviceEvent, LinkInfo, PartitionInfo};
use vman_core::error::ErrorKind;
use vman_core::id::{ByteSize, CpuSet, PartitionId, PhysAddr, PhysRange};
use vman_core::plan::{Book, ResourceGrant, World};
use vman_core::state::{Condition, Operation, PartitionState};

use super::image::Pinned;
use super::queue::{Queue, gone};
use crate::config::SimConfig;
use crate::machine::{DRIVER_CPU, Machine};

/// What the driver knows of a partition and the firmware does not.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) name: String,
    pub(super) uuid: Uuid,
    pub(super) world: World,
    pub(super) shared_with: Option<PartitionId>,
    pub(super) grant: ResourceGrant,
    /// What was deployed last.
    pub(super) image: Option<Pinned>,
    /// The operation that somebody waits for.
    pub(super) busy: Option<Operation>,
    /// The state that was announced last.
    pub(super) announced: PartitionState,
}

/// Everything under the driver's lock.
#[derive(Debug)]
pub(super) struct State {
    pub(super) machine: Machine,
    pub(super) book: Book,
    pub(super) records: BTreeMap<PartitionId, Record>,
    pub(super) links: Vec<LinkInfo>,
    queues: Vec<Weak<Queue>>,
    seq: u64,
    /// The device was unplugged.
    pub(super) unplugged: bool,
    /// Nobody holds the device any more.
    pub(super) closing: bool,
    /// A thread waits for the next action of a guest.
    pub(super) ticking: bool,
}

impl State {
    pub(super) fn new(machine: Machine, book: Book) -> Self {
        Self {
            machine,
            book,
            records: BTreeMap::new(),
            links: Vec::new(),
            queues: Vec::new(),
            seq: 0,
            unplugged: false,
            closing: false,
            ticking: false,
        }
    }

    /// Refuses everything once the device is gone.
    pub(super) fn check_present(&self) -> Result<(), DeviceError> {
        if self.unplugged { Err(gone()) } else { Ok(()) }
    }

    /// Lets guests do what is due and handles what they caused.
    pub(super) fn advance(&mut self) {
        if !self.unplugged {
            self.machine.run_due();
            self.interrupts();
        }
    }

    /// A call of the vManager service; the board's CPUs obey before this returns.
    pub(super) fn call(&mut self, function: FunctionId, args: &[u64]) -> Result<Completion, SmcError> {
        let answer = self.machine.smc(DRIVER_CPU.into(), SmcCall::new(function, args));
        self.machine.run();
        answer.map_or(Err(SmcError::Denied), SmcReturn::outcome)
    }

    /// Makes a link where there is room.
    pub(super) fn link(&mut self, ends: [PartitionId; 2]) -> Result<LinkInfo, DeviceError> {
        self.check_ends(ends)?;
        let memory = self
            .book
            .take_granule()
            .ok_or_else(|| DeviceError::new(ErrorKind::NoResources, "No memory is free for a link"))?;
        let [first, second] = ends.map(|end| u64::from(end.0));
        if let Err(error) = self.results(FunctionId::LinkCreate, &[first, second, memory.base().0]) {
            self.book.give_granule_back(memory);
            return Err(error);
        }
        let link = LinkInfo { ends, memory };
        self.links.push(link);
        Ok(link)
    }

    /// The rules of the kernel driver, in its words.
    fn check_ends(&self, ends: [PartitionId; 2]) -> Result<(), DeviceError> {
        let [first, second] = ends;
        let refused = |kind, text: String| Err(DeviceError::new(kind, text));
        for end in ends {
            if self.record(end)?.world == World::Secure || first == second {
                let text = "A link joins two different partitions that are not critical";
                return refused(ErrorKind::InvalidArgument, format!("{text}, not {first} and {second}"));
            }
        }
        if self.links.len() >= LINKS_MAX {
            let text = format!("There are {} links, the board takes {LINKS_MAX} at most", self.links.len());
            return refused(ErrorKind::NoResources, text);
        }
        let ready = |end: &PartitionId| {
            self.records.get(end).is_some_and(|record| record.announced == PartitionState::Ready)
        };
        if !ends.iter().all(ready) {
            let text = format!("A link is made between READY partitions; {first} or {second} is not");
            return refused(ErrorKind::InvalidState, text);
        }
        Ok(())
    }

    /// The firmware has given the links of `id`, which is gone, back to the pool.
    pub(super) fn forget_links(&mut self, id: PartitionId) {
        let book = &mut self.book;
        self.links.retain(|link| {
            let stays = !link.ends.contains(&id);
            if !stays {
                book.give_granule_back(link.memory);
            }
            stays
        });
    }

    /// A call that is complete when it returns.
    fn results(&mut self, function: FunctionId, args: &[u64]) -> Result<[u64; 3], DeviceError> {
        match self.call(function, args) {
            Ok(Completion::Done(results)) => Ok(results),
            Ok(Completion::Pending) => Err(unexpected(SmcError::Unknown(PENDING))),
            Err(error) => Err(unexpected(error)),
        }
    }

    /// What the firmware says of the board.
    pub(super) fn query(&mut self, function: FunctionId, args: &[u64]) -> Result<[u64; 3], DeviceError> {
        self.results(function, args)
    }

    /// Creates a partition with what the planner gave.
    pub(super) fn create(
        &mut self,
        request: &CreateRequest,
        grant: ResourceGrant,
    ) -> Result<PartitionId, DeviceError> {
        let mut flags = CreateFlags::empty();
        flags.set(CreateFlags::SECURE, request.world == World::Secure);
        flags.set(CreateFlags::SHARED, grant.shared);
        let args = CreateArgs {
            flags,
            shared_with: request.shared_with.filter(|_| grant.shared),
            memory: grant.memory,
            cpus: grant.cpus,
        };
        let [id, ..] = self.results(FunctionId::PartCreate, &args.to_registers())?;
        let id = u32::try_from(id).map(PartitionId).map_err(|_| unexpected(SmcError::Unknown(id)))?;
        self.records.insert(
            id,
            Record {
                name: request.name.clone(),
                uuid: request.uuid,
                world: request.world,
                shared_with: request.shared_with,
                grant,
                image: None,
                busy: None,
                announced: PartitionState::Ready,
            },
        );
        self.announce(id, Change::Created);
        Ok(id)
    }

    pub(super) fn record(&self, id: PartitionId) -> Result<&Record, DeviceError> {
        self.records.get(&id).ok_or_else(|| DeviceError::not_found(id))
    }

    pub(super) fn record_mut(&mut self, id: PartitionId) -> Result<&mut Record, DeviceError> {
        self.records.get_mut(&id).ok_or_else(|| DeviceError::not_found(id))
    }

    /// What the firmware says of a partition's state.
    pub(super) fn status(&mut self, id: PartitionId) -> Result<Status, DeviceError> {
        let [status, ..] = self.results(FunctionId::PartInfo, &[id.0.into(), InfoPage::Status as u64])?;
        Status::from_register(status).ok_or_else(|| unexpected(SmcError::Unknown(status)))
    }

    /// The same, or `NotFound` in words that name the partition.
    pub(super) fn status_of_record(&mut self, id: PartitionId) -> Result<Status, DeviceError> {
        self.record(id)?;
        self.status(id)
    }

    /// Everything that is known of a partition; the firmware's word counts.
    pub(super) fn info(&mut self, id: PartitionId) -> Result<PartitionInfo, DeviceError> {
        self.record(id)?;
        let number = u64::from(id.0);
        let [status, base, size] = self.results(FunctionId::PartInfo, &[number, InfoPage::Status as u64])?;
        let status = Status::from_register(status).ok_or_else(|| unexpected(SmcError::Unknown(status)))?;
        let [w0, w1, w2] = self.results(FunctionId::PartInfo, &[number, InfoPage::CpusLow as u64])?;
        let [w3, ..] = self.results(FunctionId::PartInfo, &[number, InfoPage::CpusHigh as u64])?;
        let fault = match status.condition {
            Condition::Running => FaultReason::None,
            Condition::Faulted => {
                let [reason, ..] = self.results(FunctionId::PartInfo, &[number, InfoPage::Fault as u64])?;
                FaultReason::from_register(reason)
            }
        };
        let record = self.record(id)?;
        let memory = PhysRange::new(PhysAddr(base), ByteSize(size)).unwrap_or(record.grant.memory);
        Ok(PartitionInfo {
            id,
            name: record.name.clone(),
            uuid: record.uuid,
            state: status.state,
            condition: status.condition,
            fault,
            busy: record.busy.or(status.pending),
            world: record.world,
            shared_with: record.shared_with,
            cpus: CpuSet::from_words([w0, w1, w2, w3]),
            memory,
        })
    }

    /// The counters that the board counts.
    pub(super) fn stats(&mut self, id: PartitionId) -> Result<Vec<(Counter, u64)>, DeviceError> {
        self.record(id)?;
        let mut counted = Vec::new();
        for counter in Counter::ALL {
            match self.call(FunctionId::Stats, &[id.0.into(), counter as u64]) {
                Ok(Completion::Done([value, ..])) => counted.push((counter, value)),
                Err(SmcError::NotSupported) => {}
                Ok(Completion::Pending) => return Err(unexpected(SmcError::Unknown(PENDING))),
                Err(error) => return Err(unexpected(error)),
            }
        }
        Ok(counted)
    }

    /// Bytes of all copies of images.
    pub(super) fn pinned_bytes(&self) -> u64 {
        self.records.values().filter_map(|record| record.image.as_ref()).map(|image| image.bytes).sum()
    }

    /// Loads the kept image and starts the partition.
    pub(super) fn load_and_start(&mut self, id: PartitionId) -> Result<(), DeviceError> {
        let record = self.record(id)?;
        let memory = record.grant.memory;
        let Some(image) = record.image.clone() else {
            return Err(DeviceError::new(
                ErrorKind::Internal,
                format!("No image was kept for partition {id}"),
            ));
        };
        if !self.machine.board.is_open(memory) {
            return Err(DeviceError::new(
                ErrorKind::Internal,
                format!("Memory of partition {id} is closed to the management partition"),
            ));
        }
        for (offset, data) in &image.segments {
            self.machine.board.ram.load(Pinned::address(memory, *offset), data, 0, data.len());
        }
        let [entry, tree] = [image.entry, image.device_tree].map(|offset| Pinned::address(memory, offset).0);
        self.results(FunctionId::PartStart, &[id.0.into(), entry, tree]).map(|_| ())
    }

    /// A new queue.
    pub(super) fn subscribe(&mut self, config: &SimConfig, limit: usize) -> Result<Arc<Queue>, DeviceError> {
        self.queues.retain(|queue| queue.strong_count() > 0);
        if self.queues.len() >= limit {
            return Err(DeviceError::new(
                ErrorKind::NoResources,
                format!("There are {limit} queues of events already"),
            ));
        }
        let queue = Arc::new(Queue::new(config.events)?);
        self.queues.push(Arc::downgrade(&queue));
        Ok(queue)
    }

    /// Tells every queue.
    pub(super) fn announce(&mut self, id: PartitionId, change: Change) {
        self.seq += 1;
        let event = DeviceEvent { seq: self.seq, timestamp_ns: self.machine.now_ns(), id, change };
        self.queues.retain(|queue| match queue.upgrade() {
            Some(queue) => {
                queue.push(event.clone());
                true
            }
            None => false,
        });
    }

    /// Tells that the state is another one.
    pub(super) fn announce_state(&mut self, id: PartitionId, to: PartitionState, cause: Cause) {
        let Some(record) = self.records.get_mut(&id) else { return };
        let from = std::mem::replace(&mut record.announced, to);
        if from != to {
            self.announce(id, Change::State { from, to, cause });
        }
    }

    /// The device goes: every queue is told, nothing works any more.
    pub(super) fn unplug(&mut self) {
        self.unplugged = true;
        for queue in self.queues.drain(..).filter_map(|queue| queue.upgrade()) {
            queue.close();
        }
    }

    /// Fetches what the firmware tells, until it has nothing more.
    pub(super) fn interrupts(&mut self) {
        while std::mem::take(&mut self.machine.board.interrupt) {
            while let Ok(Completion::Done([id, kind, _seq])) = self.call(FunctionId::EventGet, &[]) {
                let (Ok(id), Some(event)) = (u32::try_from(id), EventKind::from_register(kind)) else {
                    break;
                };
                if id == 0 {
                    break;
                }
                self.on_firmware_event(PartitionId(id), event, kind >> 32);
            }
        }
    }

    fn on_firmware_event(&mut self, id: PartitionId, event: EventKind, detail: u64) {
        let busy = self.records.get(&id).and_then(|record| record.busy);
        match event {
            // A reboot goes on from here; it is told as one event.
            EventKind::Stopped if busy == Some(Operation::Reboot) => {}
            EventKind::Stopped => self.announce_state(id, PartitionState::Ready, Cause::Command),
            EventKind::Suspended => self.announce_state(id, PartitionState::Suspended, Cause::Command),
            EventKind::GuestOff => self.announce_state(id, PartitionState::Ready, Cause::Guest),
            EventKind::GuestReset => self.restart(id),
            EventKind::Faulted => self.announce(id, Change::Faulted(FaultReason::from_register(detail))),
            EventKind::Overflow => self.resynchronise(),
        }
    }

    /// The partition's operating system asked for a reset.
    fn restart(&mut self, id: PartitionId) {
        match self.load_and_start(id) {
            Ok(()) => self.announce(id, Change::Rebooted(Cause::Guest)),
            Err(_) => self.announce_state(id, PartitionState::Ready, Cause::Guest),
        }
    }

    /// Events of the firmware were lost: tells what has changed meanwhile.
    fn resynchronise(&mut self) {
        let ids: Vec<PartitionId> = self.records.keys().copied().collect();
        for id in ids {
            if let Ok(status) = self.status(id) {
                self.announce_state(id, status.state, Cause::Firmware);
            }
        }
    }
}

/// A refusal of the firmware, in the words of [`SmcError`].
pub(super) fn unexpected(error: SmcError) -> DeviceError {
    DeviceError::new(error.kind(), error.to_string())
}
