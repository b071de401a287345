//! The simulated kernel driver: what `vmanager.ko` does on the emulated board, made of the same SMCs.

mod image;
mod partition;
mod queue;
mod state;

use std::io::Write;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use vman_core::abi::smc::{FunctionId, Version};
use vman_core::device::{
    CpuInfo, CreateRequest, DeviceError, HostInfo, LinkInfo, ManagerDevice, MemoryInfo, NAME_MAX,
    PartitionInfo,
};
use vman_core::error::ErrorKind;
use vman_core::id::{CpuId, Mpidr, PartitionId};
use vman_core::plan::{Book, Inventory, MemoryFigures, PlanError, ResourceRequest, World};

use crate::config::{ConfigError, SimConfig};
use crate::machine::Machine;
use crate::trace::Tracer;
use crate::tree;
pub use partition::SimPartition;
pub use queue::SimEvents;
use state::State;

/// Queues of events at a time.
const QUEUES_MAX: usize = 1024;
/// A guest's action that is not due for longer than this is looked at again.
const LONGEST_SLEEP: Duration = Duration::from_secs(60 * 60);

/// A simulated board in this process. It asks for nothing: no privileges, no files; memory is taken only for what is
/// loaded and printed. A thread runs only while a guest has something to do at a later time.
///
/// # Examples
/// ```
/// use vman_core::device::{CreateRequest, ManagerDevice as _, PartitionDevice as _};
/// use vman_core::id::ByteSize;
/// use vman_core::plan::World;
/// use vman_core::state::PartitionState;
/// use vman_sim::{SimConfig, SimDevice};
///
/// let board = SimDevice::new(SimConfig::default())?;
/// let id = board.create(&CreateRequest {
///     cores: 2,
///     memory: ByteSize(1 << 30),
///     world: World::NonSecure,
///     shared_with: None,
///     name: "web".into(),
///     uuid: uuid::Uuid::nil(),
/// })?;
/// assert_eq!(board.open(id)?.info()?.state, PartitionState::Ready);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct SimDevice {
    handle: Arc<Handle>,
}

/// Ends the board's thread when the last device, partition handle or queue is dropped.
#[derive(Debug)]
pub(crate) struct Handle {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    config: SimConfig,
    device_tree: Vec<u8>,
    state: Mutex<State>,
    /// Something happened on the board.
    changed: Condvar,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.lock().closing = true;
        self.shared.changed.notify_all();
    }
}

impl SimDevice {
    /// Turns a board on.
    ///
    /// # Errors
    /// [`ConfigError`]: no such board can be.
    pub fn new(config: SimConfig) -> Result<Self, ConfigError> {
        config.check()?;
        Self::turn_on(config, None)
    }

    /// Turns a board on and records every SMC ([`crate::trace`]).
    ///
    /// # Errors
    /// [`ConfigError`]; [`ConfigError::Trace`] if the first line cannot be written.
    pub fn with_trace(config: SimConfig, out: Box<dyn Write + Send>) -> Result<Self, ConfigError> {
        config.check()?;
        let tracer = Tracer::new(out, &config).map_err(|error| ConfigError::Trace { error: error.kind() })?;
        Self::turn_on(config, Some(tracer))
    }

    fn turn_on(config: SimConfig, tracer: Option<Tracer>) -> Result<Self, ConfigError> {
        let device_tree = tree::board_tree(&config).map_err(ConfigError::Tree)?;
        let machine = Machine::new(&config, tracer);
        let clusters = config.clusters();
        let (pool, secure) = ([config.pool()], [config.secure_pool()]);
        let inventory = Inventory {
            free: config.all_cpus(),
            management: config.kept_cpus(),
            clusters: &clusters,
            pool: &pool,
            secure_pool: if config.secure_memory.0 == 0 { &[] } else { &secure },
            used: &[],
            granule: config.granule,
        };
        let book = Book::new(&inventory).map_err(ConfigError::Plan)?;
        let state = Mutex::new(State::new(machine, book));
        let shared = Arc::new(Shared { config, device_tree, state, changed: Condvar::new() });
        Ok(Self { handle: Arc::new(Handle { shared }) })
    }

    /// What the board is made of.
    pub fn config(&self) -> &SimConfig {
        &self.shared().config
    }

    /// The device goes away, as if the kernel module were unloaded by force: every call from now on, also through
    /// handles and queues that exist, answers `Disconnected`.
    pub fn unplug(&self) {
        self.shared().lock().unplug();
        self.shared().changed.notify_all();
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.handle.shared
    }
}

impl ManagerDevice for SimDevice {
    type Partition = SimPartition;
    type Events = SimEvents;

    fn host(&self) -> Result<HostInfo, DeviceError> {
        let config = self.config();
        self.shared().with(|state| {
            let [version, ..] = state.query(FunctionId::Version, &[])?;
            let firmware = Version::from_register(version).ok_or_else(|| {
                DeviceError::new(ErrorKind::Firmware, format!("Firmware has the version {version:#x}"))
            })?;
            let cpus =
                config.all_cpus().iter().map(|cpu| cpu_info(state, cpu)).collect::<Result<Vec<_>, _>>()?;
            Ok(HostInfo {
                model: config.model.clone(),
                simulated: true,
                firmware,
                cpus,
                memory: memory_info(state.book.memory(World::NonSecure)),
                secure_memory: memory_info(state.book.memory(World::Secure)),
                management_memory: config.management_memory,
                granule: config.granule,
                device_tree: self.shared().device_tree.clone(),
            })
        })
    }

    fn create(&self, request: &CreateRequest) -> Result<PartitionId, DeviceError> {
        check_name(&request.name)?;
        self.shared().with(|state| {
            check_duplicates(state, request)?;
            let shared = match request.shared_with {
                Some(host) => Some(shared_cpus(state, host)?),
                None => None,
            };
            let resources = ResourceRequest {
                cores: request.cores,
                memory: request.memory,
                world: request.world,
                shared,
            };
            let grant = state.book.take(&resources).map_err(|error| plan_error(&error))?;
            state.create(request, grant).inspect_err(|_| {
                // It was taken a moment ago under the same lock, so it can be given back.
                let _ = state.book.give_back(&grant);
            })
        })
    }

    fn list(&self) -> Result<Vec<PartitionInfo>, DeviceError> {
        self.shared().with(|state| {
            let mut partitions = Vec::new();
            let mut id = 0;
            loop {
                [id, ..] = state.query(FunctionId::PartNext, &[id])?;
                let Some(next) = u32::try_from(id).ok().filter(|id| *id != 0) else {
                    return Ok(partitions);
                };
                partitions.push(state.info(PartitionId(next))?);
            }
        })
    }

    fn open(&self, id: PartitionId) -> Result<SimPartition, DeviceError> {
        self.shared().with(|state| state.record(id).map(|_| ()))?;
        Ok(SimPartition { handle: Arc::clone(&self.handle), id })
    }

    fn link(&self, ends: [PartitionId; 2]) -> Result<LinkInfo, DeviceError> {
        self.shared().with(|state| state.link(ends))
    }

    fn links(&self) -> Result<Vec<LinkInfo>, DeviceError> {
        self.shared().with(|state| Ok(state.links.clone()))
    }

    fn events(&self) -> Result<SimEvents, DeviceError> {
        let queue = self.shared().with(|state| state.subscribe(self.config(), QUEUES_MAX))?;
        Ok(SimEvents { queue, _handle: Arc::clone(&self.handle) })
    }
}

impl Shared {
    /// Does one thing under the lock; guests do what is due before and after.
    fn with<T>(
        self: &Arc<Self>,
        work: impl FnOnce(&mut State) -> Result<T, DeviceError>,
    ) -> Result<T, DeviceError> {
        let mut state = self.lock();
        state.check_present()?;
        state.advance();
        let result = work(&mut state);
        state.advance();
        self.tick_if_needed(&mut state);
        drop(state);
        self.changed.notify_all();
        result
    }

    /// Looks after every change until `done` has an answer; `None` after `deadline`.
    fn wait_until<T>(
        self: &Arc<Self>,
        deadline: Instant,
        mut done: impl FnMut(&mut State) -> Option<Result<T, DeviceError>>,
    ) -> Option<Result<T, DeviceError>> {
        let mut state = self.lock();
        loop {
            if let Err(error) = state.check_present() {
                return Some(Err(error));
            }
            state.advance();
            if let Some(answer) = done(&mut state) {
                return Some(answer);
            }
            self.tick_if_needed(&mut state);
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Starts the board's thread if something is due later and there is none.
    fn tick_if_needed(self: &Arc<Self>, state: &mut State) {
        if state.ticking || state.closing || state.machine.agenda.next_ns().is_none() {
            return;
        }
        let board = Arc::clone(self);
        state.ticking = std::thread::Builder::new()
            .name(self.config.thread_name.clone())
            .spawn(move || board.tick())
            .is_ok();
    }

    /// Sleeps until the next action of a guest, and ends when there is none.
    fn tick(&self) {
        let mut state = self.lock();
        loop {
            state.advance();
            self.changed.notify_all();
            let next = state.machine.agenda.next_ns().filter(|_| !state.closing && !state.unplugged);
            let Some(next) = next else {
                state.ticking = false;
                return;
            };
            let sleep = Duration::from_nanos(next.saturating_sub(state.machine.now_ns())).min(LONGEST_SLEEP);
            state = self.changed.wait_timeout(state, sleep).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn cpu_info(state: &mut State, cpu: CpuId) -> Result<CpuInfo, DeviceError> {
    let [mpidr, owner, _power] = state.query(FunctionId::CpuInfo, &[cpu.0.into()])?;
    let owner = u32::try_from(owner)
        .map_err(|_| DeviceError::new(ErrorKind::Firmware, format!("CPU {cpu} has the owner {owner:#x}")))?;
    let available = state.book.is_free(cpu);
    Ok(CpuInfo { id: cpu, mpidr: Mpidr(mpidr), owner: PartitionId(owner), available })
}

const fn memory_info(figures: MemoryFigures) -> MemoryInfo {
    MemoryInfo { total: figures.total, free: figures.free, largest_free: figures.largest }
}

fn check_name(name: &str) -> Result<(), DeviceError> {
    let refused = |text: String| Err(DeviceError::new(ErrorKind::InvalidArgument, text));
    if name.len() > NAME_MAX {
        return refused(format!("Name of {} bytes is longer than {NAME_MAX}", name.len()));
    }
    if name.chars().any(char::is_control) {
        return refused("Name has a control character".into());
    }
    Ok(())
}

fn check_duplicates(state: &State, request: &CreateRequest) -> Result<(), DeviceError> {
    let taken = |text: String| Err(DeviceError::new(ErrorKind::AlreadyExists, text));
    for (id, other) in &state.records {
        if !request.name.is_empty() && other.name == request.name {
            return taken(format!("Partition {id} has the name {}", request.name));
        }
        if !request.uuid.is_nil() && other.uuid == request.uuid {
            return taken(format!("Partition {id} has the UUID {}", request.uuid));
        }
    }
    Ok(())
}

/// CPUs of `host` that no critical partition shares yet.
fn shared_cpus(state: &State, host: PartitionId) -> Result<vman_core::id::CpuSet, DeviceError> {
    let record = state.record(host)?;
    if record.world == World::Secure {
        return Err(DeviceError::new(
            ErrorKind::InvalidArgument,
            format!("Partition {host} is secure; only CPUs of a non-secure one can be shared"),
        ));
    }
    let sharers = state.records.values().filter(|other| other.shared_with == Some(host));
    Ok(sharers.fold(record.grant.cpus, |left, other| left.difference(&other.grant.cpus)))
}

fn plan_error(error: &PlanError) -> DeviceError {
    DeviceError::new(error.kind(), error.to_string())
}
