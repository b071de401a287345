//! A partition with Debian's kernel, and what is seen of it.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use uuid::Uuid;
use vman_core::device::{
    Change, CharDevice, CharEvents, CharPartition, ConsoleAction, CreateRequest, DeviceError, DeviceEvent,
    EventSource, LinkInfo, LoadImage, ManagerDevice, PartitionDevice, PartitionInfo, Segment,
};
use vman_core::fdt::{BoardTree, Entropy, Link, PartitionTree};
use vman_core::id::{ByteSize, CpuId, Mpidr, PartitionId};
use vman_core::image::{self, DEVICE_TREE_MAX, KernelImage};
use vman_core::plan::World;
use vman_core::state::{Operation, PartitionState};

use crate::{Broken, Kept, must};

/// Enough for an operation on an emulated board with a busy host.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(30);
/// Enough for a boot there.
const BOOT: Duration = Duration::from_secs(120);
/// Where a payload finds its block of data: behind its image and stack.
const BLOCK_OFFSET: u64 = 1 << 20;
const PAUSE: Duration = Duration::from_millis(20);

/// A request of `cores` CPUs and 256 MiB.
pub(crate) fn request(cores: u32) -> CreateRequest {
    CreateRequest {
        cores,
        memory: ByteSize(256 << 20),
        world: World::NonSecure,
        shared_with: None,
        name: String::new(),
        uuid: Uuid::nil(),
    }
}

/// CPUs that this Linux has online, as the kernel lists them.
pub(crate) fn online() -> String {
    fs::read_to_string("/sys/devices/system/cpu/online").unwrap_or_default().trim().to_owned()
}

/// Gives back whatever a broken case left behind.
pub(crate) fn clear() {
    let Ok(board) = CharDevice::open(CharDevice::PATH) else { return };
    for info in board.list().unwrap_or_default() {
        if let Ok(partition) = board.open(info.id) {
            // What is READY refuses the shutdown; what stays is seen by the next case.
            let _ = partition.control(Operation::Shutdown, TIMEOUT);
            let _ = partition.control(Operation::Destroy, TIMEOUT);
        }
    }
}

/// A partition under test.
pub(crate) struct Guest {
    /// Its number.
    pub(crate) id: PartitionId,
    /// Its device.
    pub(crate) device: CharPartition,
    position: u64,
    /// What was read from the console behind the last text that was waited for.
    rest: String,
}

impl Guest {
    /// A new partition.
    pub(crate) fn create(board: &CharDevice, request: &CreateRequest) -> Result<Self, Broken> {
        let id = must("create", board.create(request))?;
        let device = must("open", board.open(id))?;
        Ok(Self { id, device, position: 0, rest: String::new() })
    }

    /// What the driver says of it.
    pub(crate) fn info(&self) -> Result<PartitionInfo, Broken> {
        must("info", self.device.info())
    }

    /// Deploys Debian's kernel and the small system, with `command_line`.
    pub(crate) fn deploy(&self, board: &CharDevice, command_line: &str) -> Kept {
        let files = Files::read()?;
        let info = self.info()?;
        let places = files.places(&info)?;
        let tree = tree(board, &info, &places, command_line)?;
        let offset = |range: vman_core::id::PhysRange| range.base().0 - info.memory.base().0;
        let initrd = places.initrd.ok_or("layout has no initrd")?;
        let image = LoadImage {
            segments: vec![
                Segment { offset: offset(places.kernel), data: &files.kernel },
                Segment { offset: offset(places.device_tree), data: &tree },
                Segment { offset: offset(initrd), data: &files.initrd },
            ],
            entry: offset(places.kernel),
            device_tree: offset(places.device_tree),
        };
        must("deploy", self.device.deploy(&image))
    }

    /// Deploys a payload of ours with a block of data in the place of a device tree.
    pub(crate) fn deploy_payload(&self, path: &str, block: &[u8]) -> Kept {
        let kernel = fs::read(path).map_err(|error| format!("{path}: {error}"))?;
        let segments =
            vec![Segment { offset: 0, data: &kernel }, Segment { offset: BLOCK_OFFSET, data: block }];
        must("deploy", self.device.deploy(&LoadImage { segments, entry: 0, device_tree: BLOCK_OFFSET }))
    }

    /// Carries an operation out.
    pub(crate) fn control(&self, operation: Operation) -> Kept {
        must(operation.name(), self.device.control(operation, TIMEOUT))
    }

    /// Tries an operation that may be refused.
    pub(crate) fn device_control(&self, operation: Operation) -> Result<(), DeviceError> {
        self.device.control(operation, TIMEOUT)
    }

    /// Waits until the partition has turned itself off.
    pub(crate) fn wait_until_ready(&self) -> Kept {
        let begin = Instant::now();
        while begin.elapsed() < TIMEOUT {
            if self.info()?.state == PartitionState::Ready {
                return Ok(());
            }
            sleep(Duration::from_millis(5));
        }
        Err("it does not turn itself off".into())
    }

    /// Console output that nobody has waited for or read yet.
    pub(crate) fn output(&mut self) -> Result<String, Broken> {
        self.fetch()?;
        Ok(std::mem::take(&mut self.rest))
    }

    fn fetch(&mut self) -> Kept {
        let mut buffer = [0; 16384];
        let action = ConsoleAction::Read { position: self.position, buffer: &mut buffer };
        let span = must("console", self.device.console(action))?;
        self.position = span.position + span.len as u64;
        self.rest.push_str(&String::from_utf8_lossy(&buffer[..span.len]));
        Ok(())
    }

    /// Waits until the console says `text`.
    pub(crate) fn wait_for(&mut self, text: &str) -> Kept {
        self.read_until(text).map(drop)
    }

    /// As [`Guest::wait_for`]; answers everything up to there and keeps what follows.
    pub(crate) fn read_until(&mut self, text: &str) -> Result<String, Broken> {
        let begin = Instant::now();
        while begin.elapsed() < BOOT {
            self.fetch()?;
            if let Some(found) = self.rest.find(text) {
                let rest = self.rest.split_off(found + text.len());
                return Ok(std::mem::replace(&mut self.rest, rest));
            }
            sleep(PAUSE);
        }
        let last: Vec<_> = self.rest.lines().rev().take(3).collect();
        Err(format!("no {text} in {} s; last lines, newest first: {last:?}", BOOT.as_secs()))
    }

    /// Whether the console says anything within `time`.
    pub(crate) fn says_something_within(&mut self, time: Duration) -> Result<bool, Broken> {
        let begin = Instant::now();
        while begin.elapsed() < time {
            if !self.output()?.is_empty() {
                return Ok(true);
            }
            sleep(PAUSE);
        }
        Ok(false)
    }
}

struct Files {
    kernel: Vec<u8>,
    initrd: Vec<u8>,
}

impl Files {
    fn read() -> Result<Self, Broken> {
        let read = |path: &str| fs::read(path).map_err(|error| format!("{path}: {error}"));
        Ok(Self { kernel: read("/boot/Image")?, initrd: read("/boot/guest.cpio")? })
    }

    fn places(&self, info: &PartitionInfo) -> Result<image::Layout, Broken> {
        let kernel = KernelImage::parse(&self.kernel).map_err(|error| error.to_string())?;
        image::layout(info.memory, &kernel, self.initrd.len() as u64, DEVICE_TREE_MAX.0)
            .map_err(|error| error.to_string())
    }
}

fn tree(
    board: &CharDevice,
    info: &PartitionInfo,
    places: &image::Layout,
    command_line: &str,
) -> Result<Vec<u8>, Broken> {
    let (host, links) = (must("host", board.host())?, board.links());
    let cpus: Vec<(CpuId, Mpidr)> =
        host.cpus.iter().filter(|cpu| info.cpus.contains(cpu.id)).map(|cpu| (cpu.id, cpu.mpidr)).collect();
    let board = BoardTree::parse(&host.device_tree).map_err(|error| error.to_string())?;
    let own = |link: &LinkInfo| Some(Link { memory: link.memory, peer: link.peer_of(info.id)? });
    let links: Vec<_> = must("links", links)?.iter().filter_map(own).collect();
    let tree = PartitionTree {
        cpus: &cpus,
        memory: info.memory,
        command_line: Some(command_line),
        initrd: places.initrd,
        console_interrupt: None,
        // A place for the random numbers that the driver gives every start; without, the kernel's generator has no seed for
        // minutes, and every system call pays for that.
        entropy: Some(Entropy { kaslr_seed: 0, rng_seed: [0; 32] }),
        links: &links,
    };
    tree.build(&board).map_err(|error| error.to_string())
}

/// Waits for the next event that `wanted` accepts, and answers all up to it.
pub(crate) fn wait_for_event(
    events: &mut CharEvents,
    wanted: impl Fn(&Change) -> bool,
) -> Result<Vec<DeviceEvent>, Broken> {
    let begin = Instant::now();
    let mut seen = Vec::new();
    while begin.elapsed() < BOOT {
        match must("event", events.next())? {
            Some(event) => {
                let found = wanted(&event.change);
                seen.push(event);
                if found {
                    return Ok(seen);
                }
            }
            None => sleep(PAUSE),
        }
    }
    Err(format!("event did not come in {} s; seen: {seen:?}", BOOT.as_secs()))
}
