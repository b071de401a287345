//! [`CharDevice`]: the board behind `/dev/vmanager` and its partitions behind `/dev/vmanX`.

mod call;
mod events;
mod partition;
mod refusal;

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use dtoolkit::fdt::Fdt;

use crate::abi::ioctl::{
    ABI_VERSION, Argument, Command, CpuInfo, Create, Host, Info, Link, Name, Pool, Version,
};
use crate::abi::smc;
use crate::device::{
    self, CreateRequest, DeviceError, HostInfo, LinkInfo, ManagerDevice, MemoryInfo, NAME_MAX, PartitionInfo,
};
use crate::error::ErrorKind;
use crate::id::{ByteSize, CpuId, Mpidr, PartitionId, PhysAddr, PhysRange};
use crate::plan::World;

pub use events::CharEvents;
pub use partition::CharPartition;

/// The driver's character device.
///
/// # Examples
/// ```no_run
/// use vman_core::device::{CharDevice, ManagerDevice};
///
/// let board = CharDevice::open(CharDevice::PATH)?;
/// println!("{} CPUs", board.host()?.cpus.len());
/// # Ok::<(), vman_core::device::DeviceError>(())
/// ```
#[derive(Debug)]
pub struct CharDevice {
    path: PathBuf,
    board: File,
    firmware: smc::Version,
    device_tree: PathBuf,
}

impl CharDevice {
    /// Where the driver puts it.
    pub const PATH: &str = "/dev/vmanager";
    /// Where Linux shows the board's device tree.
    pub const DEVICE_TREE: &str = "/sys/firmware/fdt";

    /// Opens the device at `path`; those of the partitions stand beside it.
    ///
    /// # Errors
    /// `NotFound` without the driver, `PermissionDenied`, `Unsupported` if it is another kind of file or another
    /// version.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, DeviceError> {
        Self::open_below(path, "/")
    }

    /// As [`CharDevice::open`], with the system's files below `root`.
    ///
    /// # Errors
    /// As [`CharDevice::open`].
    pub fn open_below(path: impl AsRef<Path>, root: impl AsRef<Path>) -> Result<Self, DeviceError> {
        let path = path.as_ref();
        let board = open_board(path)?;
        let mut version = Version::new();
        call::plain(board.as_fd(), Command::GetVersion, &mut version)
            .map_err(|error| not_ours(path, error))?;
        check_version(path, version.abi)?;
        let firmware = smc::Version::from_register(u64::from(version.firmware))
            .unwrap_or(smc::Version { major: 0, minor: 0 });
        let device_tree = root.as_ref().join(Self::DEVICE_TREE.trim_start_matches('/'));
        Ok(Self { path: path.to_owned(), board, firmware, device_tree })
    }

    fn node(&self, id: PartitionId) -> PathBuf {
        self.path.with_file_name(format!("vman{id}"))
    }

    fn cpus(&self, count: u32) -> Result<Vec<device::CpuInfo>, DeviceError> {
        (0..count).map(|cpu| self.cpu(cpu)).collect()
    }

    fn cpu(&self, cpu: u32) -> Result<device::CpuInfo, DeviceError> {
        let mut info = CpuInfo { cpu, ..CpuInfo::new() };
        call::plain(self.board.as_fd(), Command::CpuInfo, &mut info)?;
        Ok(device::CpuInfo {
            id: CpuId(u16::try_from(cpu).map_err(|_| odd("number of CPUs", cpu.into()))?),
            mpidr: Mpidr(info.mpidr),
            owner: PartitionId(info.owner),
            available: info.available != 0,
        })
    }

    fn read_device_tree(&self) -> Result<Vec<u8>, DeviceError> {
        std::fs::read(&self.device_tree).map_err(|source| DeviceError {
            text: format!("Board's device tree {} cannot be read", self.device_tree.display()),
            ..DeviceError::from(source)
        })
    }

    /// Information on `id` without its device node; `None` if it is gone.
    fn info_of(&self, id: u32) -> Result<Option<PartitionInfo>, DeviceError> {
        let mut info = Info { id, ..Info::new() };
        match call::plain(self.board.as_fd(), Command::Info, &mut info) {
            Ok(()) => partition::info(&info).map(Some),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl ManagerDevice for CharDevice {
    type Partition = CharPartition;
    type Events = CharEvents;

    fn host(&self) -> Result<HostInfo, DeviceError> {
        let mut host = Host::new();
        call::plain(self.board.as_fd(), Command::Host, &mut host)?;
        let device_tree = self.read_device_tree()?;
        Ok(HostInfo {
            model: model(&device_tree)?,
            simulated: false,
            firmware: self.firmware,
            cpus: self.cpus(host.cpus)?,
            memory: memory(host.memory),
            secure_memory: memory(host.secure_memory),
            management_memory: ByteSize(host.management_memory),
            granule: ByteSize(host.granule),
            device_tree,
        })
    }

    fn create(&self, request: &CreateRequest) -> Result<PartitionId, DeviceError> {
        let name = Name::new(&request.name).ok_or_else(|| bad_name(&request.name))?;
        let mut create = Create {
            cores: request.cores,
            world: match request.world {
                World::NonSecure => 0,
                World::Secure => 1,
            },
            memory: request.memory.0,
            shared_with: request.shared_with.map_or(0, |id| id.0),
            uuid: request.uuid.into_bytes(),
            name,
            ..Create::new()
        };
        call::plain(self.board.as_fd(), Command::Create, &mut create)?;
        Ok(PartitionId(create.id))
    }

    fn list(&self) -> Result<Vec<PartitionInfo>, DeviceError> {
        let ids = call::list(self.board.as_fd())?;
        ids.into_iter().filter_map(|id| self.info_of(id).transpose()).collect()
    }

    fn open(&self, id: PartitionId) -> Result<CharPartition, DeviceError> {
        CharPartition::open(&self.node(id), id)
    }

    fn link(&self, [first, second]: [PartitionId; 2]) -> Result<LinkInfo, DeviceError> {
        let mut made = Link { first: first.0, second: second.0, ..Link::new() };
        call::plain(self.board.as_fd(), Command::Link, &mut made)?;
        link_info(&made)
    }

    fn links(&self) -> Result<Vec<LinkInfo>, DeviceError> {
        let mut links = Vec::new();
        loop {
            let index = u32::try_from(links.len()).map_err(|_| odd("number of links", 0))?;
            let mut found = Link { index, ..Link::new() };
            match call::plain(self.board.as_fd(), Command::LinkInfo, &mut found) {
                Ok(()) if found.size != 0 => links.push(link_info(&found)?),
                Ok(()) => return Ok(links),
                // A driver or a firmware that knows no links.
                Err(error) if error.kind == ErrorKind::Unsupported => return Ok(links),
                Err(error) => return Err(error),
            }
        }
    }

    fn events(&self) -> Result<CharEvents, DeviceError> {
        CharEvents::open(&self.path)
    }
}

fn link_info(link: &Link) -> Result<LinkInfo, DeviceError> {
    let memory = PhysRange::new(PhysAddr(link.base), ByteSize(link.size));
    let memory = memory.ok_or_else(|| odd("address of a link", link.base))?;
    Ok(LinkInfo { ends: [link.first, link.second].map(PartitionId), memory })
}

fn open_board(path: &Path) -> Result<File, DeviceError> {
    File::options().read(true).write(true).open(path).map_err(|source| {
        let error = DeviceError::from(source);
        let text = format!("{} cannot be opened{}", path.display(), open_hint(error.kind));
        DeviceError { text, ..error }
    })
}

fn open_hint(kind: ErrorKind) -> &'static str {
    if kind == ErrorKind::NotFound {
        ": is vmanager.ko loaded, and does this board's firmware have the vManager service? A simulated board is \
         `--device sim`"
    } else if kind == ErrorKind::PermissionDenied {
        ": only root and group vman may open it"
    } else {
        ""
    }
}

/// A file that is no device of the driver does not know the first call.
fn not_ours(path: &Path, error: DeviceError) -> DeviceError {
    let text = format!("{} is not a device of the vManager driver", path.display());
    DeviceError { kind: ErrorKind::Unsupported, text, source: error.source }
}

fn check_version(path: &Path, abi: u32) -> Result<(), DeviceError> {
    let major = |version: u32| version >> 16;
    if major(abi) == major(ABI_VERSION) {
        return Ok(());
    }
    let text = format!(
        "{} speaks version {} of the interface, this program version {}",
        path.display(),
        major(abi),
        major(ABI_VERSION)
    );
    Err(DeviceError::new(ErrorKind::Unsupported, text))
}

fn model(device_tree: &[u8]) -> Result<String, DeviceError> {
    let broken = |what: &str| DeviceError::new(ErrorKind::Internal, format!("Board's device tree {what}"));
    let tree = Fdt::new(device_tree).map_err(|error| broken(&format!("is broken: {error}")))?;
    let model = tree.root().model().map_err(|error| broken(&format!("has a broken model: {error}")))?;
    Ok(model.unwrap_or("unknown board").to_owned())
}

fn memory(pool: Pool) -> MemoryInfo {
    MemoryInfo {
        total: ByteSize(pool.total),
        free: ByteSize(pool.free),
        largest_free: ByteSize(pool.largest),
    }
}

fn bad_name(name: &str) -> DeviceError {
    let text = format!("Name has {} bytes or contains a zero byte; at most {NAME_MAX} bytes", name.len());
    DeviceError::new(ErrorKind::InvalidArgument, text)
}

/// The driver said something that nobody can believe.
fn odd(what: &str, value: u64) -> DeviceError {
    DeviceError::new(ErrorKind::Internal, format!("Driver answered {what} {value}"))
}

impl DeviceError {
    fn from_errno(errno: i32, text: impl Into<String>) -> Self {
        let source = io::Error::from_raw_os_error(errno);
        Self { kind: ErrorKind::from_errno(errno), text: text.into(), source: Some(source) }
    }
}

#[cfg(test)]
mod tests;
