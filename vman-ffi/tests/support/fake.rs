//! A daemon on a thread: the protocol and the state table, no board behind it.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};

use vman_core::ErrorKind;
use vman_core::command::{
    Command, ConsoleChunk, ConsoleInput, CpuRecord, CreatePartition, Created, ErrorReply, EventData,
    EventRecord, HostRecord, Image, ImagePut, Images, Incoming, Links, MemoryRecord, PartitionRecord,
    Partitions, Paths, Reply, ShutdownMode, Stats, VersionRecord, encode_error, encode_return,
};
use vman_core::device::Cause;
use vman_core::id::{CpuId, PartitionId};
use vman_core::state::{Condition, Next, Operation, PartitionState};

const CORES: u16 = 8;
const MEMORY_MIB: u64 = 4096;
const CONSOLE: &[u8] = b"Booting Linux on physical CPU 0x0\nWelcome\n";

type Answer = Result<Reply, ErrorReply>;

/// What the daemon knows.
pub(crate) struct Fake {
    paths: Paths,
    partitions: BTreeMap<u32, PartitionRecord>,
    next_id: u32,
    images: BTreeMap<String, Vec<u8>>,
    /// Kernels that were deployed, as the client named them.
    pub(crate) deployed: Vec<String>,
    subscribers: Vec<UnixStream>,
    terminals: Vec<(PartitionId, UnixStream)>,
    seq: u64,
}

fn refused(kind: ErrorKind, text: impl Into<String>) -> ErrorReply {
    ErrorReply::new(kind, text)
}

impl Fake {
    pub(crate) fn new(paths: Paths) -> Arc<Mutex<Self>> {
        Arc::new(Mutex::new(Self {
            paths,
            partitions: BTreeMap::new(),
            next_id: 1,
            images: BTreeMap::new(),
            deployed: Vec::new(),
            subscribers: Vec::new(),
            terminals: Vec::new(),
            seq: 0,
        }))
    }

    /// Answers the lines of one connection.
    pub(crate) fn session(fake: &Mutex<Self>, socket: &UnixStream) {
        let mut attached = None;
        for line in BufReader::new(socket).split(b'\n').map_while(Result::ok) {
            let mut out = Vec::new();
            let mut fake = fake.lock().unwrap();
            if let Some(id) = attached {
                let input: ConsoleInput = serde_json::from_slice(&line).unwrap();
                fake.print(id, CONSOLE.len() as u64, &input.data);
                continue;
            }
            let incoming = Incoming::parse(&line);
            let subscribes = incoming.command == Ok(Command::SubscribeEvents);
            if let Ok(Command::ConsoleAttach(args)) = &incoming.command {
                attached = fake.partitions.contains_key(&args.id.0).then_some(args.id);
            }
            let from_start =
                matches!(&incoming.command, Ok(Command::ConsoleAttach(args)) if args.position == Some(0));
            match incoming.command.map_err(vman_core::Error::from).map_err(|error| ErrorReply::from(&error)) {
                Ok(command) => match fake.answer(&command) {
                    Ok(reply) => encode_return(&mut out, &reply, incoming.id),
                    Err(error) => encode_error(&mut out, &error, incoming.id),
                },
                Err(error) => encode_error(&mut out, &error, incoming.id),
            }
            if (&*socket).write_all(&out).is_err() {
                return;
            }
            if subscribes {
                fake.subscribers.push(socket.try_clone().unwrap());
            }
            if let Some(id) = attached {
                fake.terminals.push((id, socket.try_clone().unwrap()));
                if from_start {
                    fake.print(id, 0, CONSOLE);
                }
            }
        }
    }

    fn answer(&mut self, command: &Command) -> Answer {
        match command {
            Command::CreatePartition(args) => self.create(args),
            Command::Deploy(args) => {
                self.operate(args.partition_id, Operation::Deploy)?;
                self.deployed.push(args.kernel.clone());
                Ok(Reply::Done {})
            }
            Command::DestroyPartition(target) => self.operate(target.id, Operation::Destroy),
            Command::Reboot(target) => self.operate(target.id, Operation::Reboot),
            Command::Suspend(target) => self.operate(target.id, Operation::Suspend),
            Command::Restore(target) => self.operate(target.id, Operation::Restore),
            Command::Shutdown(args) if args.mode == ShutdownMode::Graceful => {
                Err(refused(ErrorKind::Unsupported, "Graceful shutdown is not supported"))
            }
            Command::Shutdown(args) => self.operate(args.id, Operation::Shutdown),
            Command::QueryVersion => Ok(Reply::Version(self.version())),
            Command::QueryHost => Ok(Reply::Host(Box::new(self.host()))),
            Command::QueryPartitions => {
                Ok(Reply::Partitions(Partitions { partitions: self.partitions.values().cloned().collect() }))
            }
            Command::QueryPartition(target) => {
                Ok(Reply::Partition(Box::new(self.partition(target.id)?.clone())))
            }
            Command::QueryStats(target) => {
                self.partition(target.id)?;
                let counters = BTreeMap::from([("smcs".to_owned(), 5), ("starts".to_owned(), 2)]);
                Ok(Reply::Stats(Stats { id: target.id, counters }))
            }
            Command::CreateLink(_) => Err(refused(ErrorKind::Unsupported, "Not in this daemon")),
            Command::QueryLinks => Ok(Reply::Links(Links::default())),
            Command::ConsoleRead(args) => {
                self.partition(args.id)?;
                let start = args.position.unwrap_or(0).min(CONSOLE.len() as u64);
                let rest = &CONSOLE[usize::try_from(start).unwrap()..];
                let data = rest[..rest.len().min(args.max.unwrap_or(65536) as usize)].to_vec();
                Ok(Reply::Console(ConsoleChunk { position: start, data, end: CONSOLE.len() as u64 }))
            }
            Command::ConsoleWrite(args) => self.partition(args.id).map(|_| Reply::Done {}),
            Command::ImagePut(piece) => self.put(piece),
            Command::ImageList => Ok(Reply::Images(self.stored())),
            Command::ImageDelete(args) => match self.images.remove(&args.digest) {
                Some(_) => Ok(Reply::Done {}),
                None => Err(refused(ErrorKind::NotFound, "There is no such image")),
            },
            Command::SubscribeEvents => Ok(Reply::Done {}),
            Command::ConsoleAttach(args) => self.partition(args.id).map(|_| Reply::Done {}),
            Command::Hello(_) => Err(refused(ErrorKind::Unsupported, "Not in this daemon")),
        }
    }

    fn partition(&self, id: PartitionId) -> Result<&PartitionRecord, ErrorReply> {
        let missing = || refused(ErrorKind::NotFound, format!("There is no partition {id}"));
        self.partitions.get(&id.0).ok_or_else(missing)
    }

    fn used_cores(&self) -> usize {
        self.partitions.values().map(|partition| partition.cores.len()).sum()
    }

    fn create(&mut self, args: &CreatePartition) -> Answer {
        let memory = args.memory().map_err(|error| ErrorReply::from(&error.into()))?;
        if args.cores == 0 {
            return Err(refused(ErrorKind::InvalidArgument, "Argument cores must be at least 1"));
        }
        if self.partitions.values().any(|other| other.name.is_some() && other.name == args.name) {
            return Err(refused(
                ErrorKind::AlreadyExists,
                format!("Name {:?} is taken", args.name.as_deref().unwrap_or_default()),
            ));
        }
        let first = self.used_cores();
        let Some(cores) = usize::try_from(args.cores).ok().filter(|cores| first + cores < usize::from(CORES))
        else {
            return Err(refused(ErrorKind::NoResources, "Not enough cores"));
        };
        let id = PartitionId(self.next_id);
        self.next_id += 1;
        let cores = (first + 1..=first + cores).map(|cpu| CpuId(u16::try_from(cpu).unwrap())).collect();
        let record = PartitionRecord {
            id,
            name: args.name.clone(),
            uuid: args.uuid,
            state: PartitionState::Ready,
            condition: Condition::Running,
            fault: None,
            busy: None,
            secure: args.secure,
            shared_with: args.shared_with,
            cores,
            memsize_mib: memory.mib(),
            memory_base: 0x8000_0000,
        };
        self.partitions.insert(id.0, record);
        self.push(EventData::PartitionCreated { id });
        Ok(Reply::Created(Created { id }))
    }

    fn operate(&mut self, id: PartitionId, operation: Operation) -> Answer {
        let from = self.partition(id)?.state;
        let cause = Cause::Command;
        let next = from
            .after(operation)
            .map_err(|error| refused(ErrorKind::InvalidState, format!("Partition {id}: {error}")))?;
        match next {
            Next::State(to) => {
                self.partitions.entry(id.0).and_modify(|partition| partition.state = to);
                self.push(if operation == Operation::Reboot {
                    EventData::PartitionRebooted { id, cause }
                } else {
                    EventData::PartitionState { id, from, to, cause }
                });
            }
            Next::Gone => {
                self.partitions.remove(&id.0);
                self.push(EventData::PartitionDestroyed { id });
            }
        }
        Ok(Reply::Done {})
    }

    /// What is printed at `position` goes to everybody who is attached.
    fn print(&mut self, id: PartitionId, position: u64, data: &[u8]) {
        let end = position + data.len() as u64;
        let chunk = ConsoleChunk { position, data: data.to_vec(), end };
        let line = format!("{}\n", serde_json::to_string(&chunk).unwrap());
        self.terminals
            .retain_mut(|(other, socket)| *other != id || socket.write_all(line.as_bytes()).is_ok());
    }

    fn push(&mut self, event: EventData) {
        self.seq += 1;
        let record = EventRecord { event, timestamp_ns: self.seq * 1000, seq: self.seq };
        let line = format!("{}\n", serde_json::to_string(&record).unwrap());
        self.subscribers.retain(|mut socket| socket.write_all(line.as_bytes()).is_ok());
    }

    fn version(&self) -> VersionRecord {
        VersionRecord {
            protocol: 1,
            version: "0.0.0-fake".into(),
            firmware: "1.0".into(),
            paths: self.paths,
            simulated: true,
        }
    }

    fn host(&self) -> HostRecord {
        let used = self.used_cores();
        let used_mib: u64 = self.partitions.values().map(|partition| partition.memsize_mib).sum();
        let cpu = |index: u16| CpuRecord {
            id: CpuId(index),
            mpidr: index.into(),
            partition: PartitionId::MANAGEMENT,
            free: usize::from(index) > used,
        };
        let free_mib = MEMORY_MIB.saturating_sub(used_mib);
        HostRecord {
            arch: "aarch64".into(),
            model: "fake board".into(),
            simulated: true,
            cores_total: CORES.into(),
            cores_free: u32::from(CORES) - 1 - u32::try_from(used).unwrap(),
            cores_management: 1,
            memory: MemoryRecord { total_mib: MEMORY_MIB, free_mib, largest_free_mib: free_mib },
            secure_memory: MemoryRecord { total_mib: 0, free_mib: 0, largest_free_mib: 0 },
            memory_management_mib: 512,
            memory_granule_mib: 2,
            cpus: (0..CORES).map(cpu).collect(),
        }
    }

    fn put(&mut self, piece: &ImagePut) -> Answer {
        let stored = self.images.entry(piece.digest.clone()).or_default();
        assert_eq!(piece.offset, stored.len() as u64, "pieces come in order");
        stored.extend(&piece.data);
        let received = stored.len() as u64;
        Ok(Reply::Image(Image { digest: piece.digest.clone(), size: piece.size, received }))
    }

    fn stored(&self) -> Images {
        let image = |(digest, data): (&String, &Vec<u8>)| {
            let size = data.len() as u64;
            Image { digest: digest.clone(), size, received: size }
        };
        let used = self.images.values().map(|data| data.len() as u64).sum();
        Images { images: self.images.iter().map(image).collect(), capacity: 1 << 30, used }
    }
}
