//! Images for the suite.

use std::time::Duration;

use crate::device::{CpuInfo, HostInfo, LoadImage, PartitionInfo, Segment};
use crate::fdt::{BoardTree, FdtError, PartitionTree};
use crate::id::{CpuId, Mpidr};

/// What a test wants the operating system in a partition to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guest {
    /// Boot, print, read its console.
    Boot,
    /// Boot, then turn itself off.
    PowerOff,
    /// Boot, reset itself once, boot again.
    Reset,
    /// Boot, then fault.
    Crash,
    /// Boot, ignore the first force for so long.
    Stubborn(Duration),
    /// Boot, then print more than its console keeps.
    Flood,
    /// No kernel at all.
    NotAKernel,
    /// A kernel with a device tree that is none.
    NoTree,
}

impl Guest {
    /// Parameters for the simulator's guests on the kernel command line.
    pub fn parameters(self) -> String {
        match self {
            Self::Boot | Self::NotAKernel | Self::NoTree => "sim.guest=boot".into(),
            Self::PowerOff => "sim.guest=poweroff sim.after_ms=5".into(),
            Self::Reset => "sim.guest=reset sim.after_ms=5".into(),
            Self::Crash => "sim.guest=crash sim.after_ms=5".into(),
            Self::Stubborn(time) => format!("sim.guest=stubborn sim.after_ms={}", time.as_millis()),
            Self::Flood => "sim.guest=flood".into(),
        }
    }
}

/// Where a back end's images come from.
pub trait Images: Sync {
    /// An image for `partition` of the board `host`; `None` if there is no such operating system.
    fn image(&self, host: &HostInfo, partition: &PartitionInfo, guest: Guest) -> Option<OwnedImage>;
}

/// An image and its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedImage {
    /// Offsets in the partition's memory, and bytes.
    pub segments: Vec<(u64, Vec<u8>)>,
    /// Offset of the first instruction.
    pub entry: u64,
    /// Offset of the device tree.
    pub device_tree: u64,
}

impl OwnedImage {
    /// The image as a device takes it.
    pub fn as_load(&self) -> LoadImage<'_> {
        let segments = self.segments.iter().map(|(offset, data)| Segment { offset: *offset, data }).collect();
        LoadImage { segments, entry: self.entry, device_tree: self.device_tree }
    }
}

/// Images for boards whose guests follow `sim.guest=` on their command line: a boot header, no code.
#[derive(Debug, Clone, Copy)]
pub struct ScriptedImages {
    /// Bytes of the kernel, 64 or more.
    pub kernel_len: usize,
}

impl Default for ScriptedImages {
    fn default() -> Self {
        Self { kernel_len: 64 << 10 }
    }
}

const TREE_OFFSET: u64 = 16 << 20;

impl Images for ScriptedImages {
    fn image(&self, host: &HostInfo, partition: &PartitionInfo, guest: Guest) -> Option<OwnedImage> {
        let kernel = match guest {
            Guest::NotAKernel => vec![0x55; self.kernel_len],
            _ => kernel(self.kernel_len),
        };
        let tree = match guest {
            Guest::NoTree => b"no device tree at all".to_vec(),
            _ => tree(host, partition, &guest.parameters()).ok()?,
        };
        let segments = vec![(0, kernel), (TREE_OFFSET, tree)];
        Some(OwnedImage { segments, entry: 0, device_tree: TREE_OFFSET })
    }
}

/// An arm64 boot header and bytes behind it that differ by place.
fn kernel(len: usize) -> Vec<u8> {
    let mut kernel: Vec<u8> = (0..len).map(|index| index.to_le_bytes()[0] ^ index.to_le_bytes()[1]).collect();
    kernel[..64].fill(0);
    kernel[16..24].copy_from_slice(&u64::try_from(len).unwrap().to_le_bytes());
    kernel[24..32].copy_from_slice(&0b1010u64.to_le_bytes());
    kernel[56..60].copy_from_slice(b"ARM\x64");
    kernel
}

/// The tree that a deployment without one would make.
fn tree(host: &HostInfo, partition: &PartitionInfo, parameters: &str) -> Result<Vec<u8>, FdtError> {
    let board = BoardTree::parse(&host.device_tree)?;
    let own = |cpu: &&CpuInfo| partition.cpus.contains(cpu.id);
    let cpus: Vec<(CpuId, Mpidr)> = host.cpus.iter().filter(own).map(|cpu| (cpu.id, cpu.mpidr)).collect();
    let tree = PartitionTree {
        cpus: &cpus,
        memory: partition.memory,
        command_line: Some(parameters),
        initrd: None,
        console_interrupt: None,
        entropy: None,
        links: &[],
    };
    tree.build(&board)
}
