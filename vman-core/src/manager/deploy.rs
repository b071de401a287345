//! `deploy`: files read, header checked, device tree made, everything laid out, device asked.

use super::{FileSource, ManagerError, PartitionManager};
use crate::command::Deploy;
use crate::device::{LoadImage, ManagerDevice, PartitionDevice as _, PartitionInfo, Segment};
use crate::error::Error;
use crate::id::{ByteSize, PhysRange};
use crate::image::{self, DEVICE_TREE_MAX, KernelImage, Layout};
use crate::state::Operation;

/// The longest kernel command line that arm64 Linux takes, its NUL included (`COMMAND_LINE_SIZE`).
const COMMAND_LINE_MAX: usize = 2048;

impl<D: ManagerDevice> PartitionManager<D> {
    pub(super) fn deploy(&self, args: &Deploy, source: &dyn FileSource) -> Result<(), Error> {
        let command_line = checked_command_line(args.cmdline.as_deref())?;
        let partition = self.open(args.partition_id)?;
        let (_token, info) = self.begin(&partition, args.partition_id, Operation::Deploy)?;
        let files = Files::read(args, source, info.memory.size())?;
        let kernel = KernelImage::parse(&files.kernel)?;
        let initrd = files.initrd.as_deref().unwrap_or_default();
        // Neither kernel nor initrd moves with the length of the device tree, which names the initrd's place.
        let places = image::layout(info.memory, &kernel, length(initrd), DEVICE_TREE_MAX.0)?;
        let tree = self.device_tree(files.device_tree, &info, places.initrd, command_line)?;
        let places = image::layout(info.memory, &kernel, length(initrd), length(&tree))?;
        Ok(partition.deploy(&load_image(info.memory, &places, &files.kernel, &tree, initrd))?)
    }

    fn device_tree(
        &self,
        given: Option<Vec<u8>>,
        _info: &PartitionInfo,
        _initrd: Option<PhysRange>,
        _command_line: Option<&str>,
    ) -> Result<Vec<u8>, Error> {
        given.ok_or_else(|| ManagerError::NeedsDaemon("device tree").into())
    }
}

/// What is deployed, as it was read.
struct Files {
    kernel: Vec<u8>,
    device_tree: Option<Vec<u8>>,
    initrd: Option<Vec<u8>>,
}

impl Files {
    /// No file can be larger than the partition's memory, and a device tree not larger than Linux maps.
    fn read(args: &Deploy, source: &dyn FileSource, memory: ByteSize) -> Result<Self, Error> {
        let optional = |path: Option<&String>, limit| path.map(|path| source.read(path, limit)).transpose();
        Ok(Self {
            kernel: source.read(&args.kernel, memory)?,
            device_tree: optional(args.dtb.as_ref(), DEVICE_TREE_MAX)?,
            initrd: optional(args.initrd.as_ref(), memory)?,
        })
    }
}

fn load_image<'a>(
    memory: PhysRange,
    places: &Layout,
    kernel: &'a [u8],
    tree: &'a [u8],
    initrd: &'a [u8],
) -> LoadImage<'a> {
    let offset = |range: PhysRange| range.base().0 - memory.base().0;
    let kernel = Segment { offset: offset(places.kernel), data: kernel };
    let tree = Segment { offset: offset(places.device_tree), data: tree };
    let initrd = places.initrd.map(|range| Segment { offset: offset(range), data: initrd });
    LoadImage {
        entry: kernel.offset,
        device_tree: tree.offset,
        segments: [Some(kernel), Some(tree), initrd].into_iter().flatten().collect(),
    }
}

fn length(data: &[u8]) -> u64 {
    u64::try_from(data.len()).unwrap_or(u64::MAX)
}

fn checked_command_line(text: Option<&str>) -> Result<Option<&str>, ManagerError> {
    match text {
        Some(text) if text.len() >= COMMAND_LINE_MAX => Err(ManagerError::CommandLine("has 2048 bytes or more")),
        Some(text) if text.contains('\0') => Err(ManagerError::CommandLine("contains a NUL byte")),
        other => Ok(other),
    }
}
