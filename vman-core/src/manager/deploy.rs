//! `deploy`: files read, header checked, device tree made, everything laid out, device asked.

use super::{FileSource, ManagerError, PartitionManager};
use crate::command::Deploy;
use crate::device::{
    HostInfo, LinkInfo, LoadImage, ManagerDevice, PartitionDevice as _, PartitionInfo, Segment,
};
use crate::error::Error;
use crate::fdt::{BoardTree, Entropy, Link, PartitionTree};
use crate::id::{ByteSize, CpuId, Mpidr, PartitionId, PhysRange};
use crate::image::{self, DEVICE_TREE_MAX, KernelImage, Layout};
use crate::state::Operation;

impl<D: ManagerDevice> PartitionManager<D> {
    pub(super) fn deploy(&self, args: &Deploy, source: &dyn FileSource) -> Result<(), Error> {
        let partition = self.open(args.partition_id)?;
        let (_token, info) = self.begin(&partition, args.partition_id, Operation::Deploy)?;
        let files = Files::read(args, source, info.memory.size())?;
        let kernel = KernelImage::parse(&files.kernel)?;
        let initrd = files.initrd.as_deref().unwrap_or_default();
        // Neither kernel nor initrd moves with the length of the device tree, which names the initrd's place.
        let places = image::layout(info.memory, &kernel, length(initrd), DEVICE_TREE_MAX.0)?;
        let tree =
            self.device_tree(files.device_tree.as_deref(), &info, places.initrd, args.cmdline.as_deref())?;
        let places = image::layout(info.memory, &kernel, length(initrd), length(&tree))?;
        Ok(partition.deploy(&load_image(info.memory, &places, &files.kernel, &tree, initrd))?)
    }

    /// The tree that was given, with command line, initrd and random numbers written into it, or one made from the
    /// board's. The driver replaces the random numbers when it loads the same tree again.
    fn device_tree(
        &self,
        given: Option<&[u8]>,
        info: &PartitionInfo,
        initrd: Option<PhysRange>,
        command_line: Option<&str>,
    ) -> Result<Vec<u8>, Error> {
        let host = self.device.host()?;
        let tree = PartitionTree {
            cpus: &affinities(&host, info),
            memory: info.memory,
            command_line,
            initrd,
            console_interrupt: None,
            entropy: Some(entropy()?),
            links: &self.links(info.id)?,
        };
        match given {
            Some(given) => Ok(tree.adopt(given)?),
            None => Ok(tree.build(self.board_tree(&host)?)?),
        }
    }

    fn links(&self, id: PartitionId) -> Result<Vec<Link>, Error> {
        let own = |link: &LinkInfo| Some(Link { memory: link.memory, peer: link.peer_of(id)? });
        Ok(self.device.links()?.iter().filter_map(own).collect())
    }

    /// The board's own tree never changes, so it is read once.
    fn board_tree(&self, host: &HostInfo) -> Result<&BoardTree, ManagerError> {
        if let Some(tree) = self.board_tree.get() {
            return Ok(tree);
        }
        let tree =
            BoardTree::parse(&host.device_tree).map_err(|source| ManagerError::BoardTree { source })?;
        Ok(self.board_tree.get_or_init(|| tree))
    }
}

/// Random numbers of this operating system, for one boot.
fn entropy() -> Result<Entropy, ManagerError> {
    let mut entropy = Entropy { kaslr_seed: 0, rng_seed: [0; 32] };
    let mut kaslr_seed = [0; 8];
    getrandom::fill(&mut kaslr_seed)
        .and_then(|()| getrandom::fill(&mut entropy.rng_seed))
        .map_err(|error| ManagerError::Random { reason: error.to_string() })?;
    entropy.kaslr_seed = u64::from_le_bytes(kaslr_seed);
    Ok(entropy)
}

/// The partition's CPUs and their affinities.
fn affinities(host: &HostInfo, info: &PartitionInfo) -> Vec<(CpuId, Mpidr)> {
    let own = host.cpus.iter().filter(|cpu| info.cpus.contains(cpu.id));
    own.map(|cpu| (cpu.id, cpu.mpidr)).collect()
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
