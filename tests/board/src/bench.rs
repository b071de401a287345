//! The board and what is put on it.

use std::fs;
use std::time::Duration;

use uuid::Uuid;
use vman_core::device::{CharDevice, CreateRequest, HostInfo, ManagerDevice, PartitionDevice, PartitionInfo};
use vman_core::fdt::BoardTree;
use vman_core::id::{ByteSize, CpuId, PartitionId};
use vman_core::plan::World;
use vman_core::state::{Operation, PartitionState};

use crate::guest::Guest;

/// What a case answers: a detail worth showing, or why it failed.
pub type Outcome<T = String> = Result<T, String>;

/// Emulation on a loaded machine is slow; a real board needs milliseconds.
pub const OPERATION_LIMIT: Duration = Duration::from_secs(20);
const KERNEL: &str = "/images/linux";
const INITRD: &str = "/images/initrd";

/// The board, and the images that its partitions run.
#[derive(Debug)]
pub struct Bench {
    /// The driver.
    pub device: CharDevice,
    /// arm64 Image.
    pub kernel: Vec<u8>,
    /// Root file system of a partition.
    pub initrd: Vec<u8>,
}

/// Any error as text.
pub fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

impl Bench {
    /// Opens the driver and reads the images.
    pub fn open() -> Outcome<Self> {
        let read = |path| fs::read(path).map_err(|error| format!("{path}: {error}"));
        let device = CharDevice::open(CharDevice::PATH).map_err(text)?;
        Ok(Self { device, kernel: read(KERNEL)?, initrd: read(INITRD)? })
    }

    /// What the board is.
    pub fn host(&self) -> Outcome<HostInfo> {
        self.device.host().map_err(text)
    }

    /// The board's tree.
    pub fn tree(&self) -> Outcome<BoardTree> {
        BoardTree::parse(&self.host()?.device_tree).map_err(text)
    }

    /// CPUs that belong to the management partition.
    pub fn own_cpus(&self) -> Outcome<Vec<CpuId>> {
        let cpus = self.host()?.cpus;
        Ok(cpus.iter().filter(|cpu| cpu.owner.is_management()).map(|cpu| cpu.id).collect())
    }

    /// A READY partition.
    pub fn create(&self, cores: u32, mib: u64) -> Outcome<Guest<'_>> {
        let request = CreateRequest {
            cores,
            memory: ByteSize::from_mib(mib).ok_or("too much memory")?,
            world: World::NonSecure,
            shared_with: None,
            name: String::new(),
            uuid: Uuid::nil(),
        };
        let id = self.device.create(&request).map_err(text)?;
        Guest::open(self, id)
    }

    /// A partition whose Linux has come up.
    pub fn boot(&self, cores: u32, job: &str) -> Outcome<Guest<'_>> {
        let mut guest = self.create(cores, 256)?;
        guest.deploy(job)?;
        guest.wait_for("PARTITION-UP")?;
        Ok(guest)
    }

    /// What the driver says of the partition, `None` when it is gone.
    pub fn find(&self, id: PartitionId) -> Outcome<Option<PartitionInfo>> {
        let list = self.device.list().map_err(text)?;
        Ok(list.into_iter().find(|info| info.id == id))
    }

    /// Leaves a board without partitions.
    pub fn destroy_all(&self) -> Outcome<()> {
        for info in self.device.list().map_err(text)? {
            let partition = self.device.open(info.id).map_err(text)?;
            if info.state != PartitionState::Ready {
                partition.control(Operation::Shutdown, OPERATION_LIMIT).map_err(text)?;
            }
            partition.control(Operation::Destroy, OPERATION_LIMIT).map_err(text)?;
        }
        Ok(())
    }
}
