//! The tree of a board that does not exist.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use dtoolkit::model::{DeviceTree, DeviceTreeNode};

use super::node::{self, Cells};
use super::{FdtError, blob};
use crate::id::{ByteSize, CpuId, MAX_CPUS, Mpidr, PhysAddr, PhysRange};

const CELLS: Cells = Cells { address: 2, size: 2 };
const GIC: u32 = 1;
const CLOCK: u32 = 2;
const FIRST_CPU: u32 = 16;

const DISTRIBUTOR: PhysRange = range(0x0800_0000, 0x1_0000);
/// Redistributors of the first CPUs, and of those that find no place there.
const REDISTRIBUTORS: [PhysRange; 2] = [range(0x080a_0000, 123 * FRAME), range(0x1000_0000, 256 * FRAME)];
const FRAME: u64 = 128 << 10;
const UART: PhysRange = range(0x0900_0000, 0x1000);

const fn range(base: u64, size: u64) -> PhysRange {
    PhysRange::between(PhysAddr(base), PhysAddr(base + size))
}

/// Builds the device tree of a server board like QEMU's `virt`: CPUs in clusters, memory, GICv3, timer, PSCI, PL011,
/// and devices that no partition gets (PCIe, RTC, flash, virtio).
///
/// # Examples
/// ```
/// use vman_core::fdt::{BoardTree, BoardTreeBuilder};
/// use vman_core::id::{ByteSize, PhysAddr, PhysRange};
///
/// let memory = PhysRange::between(PhysAddr(0x4000_0000), PhysAddr(0x2_4000_0000));
/// let blob = BoardTreeBuilder::new("Simulated board", 16, memory).cpus_per_cluster(4).build()?;
/// let board = BoardTree::parse(&blob)?;
/// assert_eq!(board.cpus.len(), 16);
/// assert_eq!(board.cpus[5].cluster, 1);
/// # Ok::<(), vman_core::fdt::FdtError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoardTreeBuilder {
    model: String,
    cpus: usize,
    per_cluster: usize,
    memory: Vec<PhysRange>,
    secure_memory: Option<PhysRange>,
    pool: Option<PhysRange>,
}

impl BoardTreeBuilder {
    /// `compatible` of the reserved memory that partitions are made of.
    pub const POOL_COMPATIBLE: &str = "aivirt,vmanager-pool";

    /// A board with `cpus` CPUs in clusters of four, and `memory`, which should lie above 0x4000_0000.
    pub fn new(model: impl Into<String>, cpus: usize, memory: PhysRange) -> Self {
        let (model, memory) = (model.into(), alloc::vec![memory]);
        Self { model, cpus, per_cluster: 4, memory, secure_memory: None, pool: None }
    }

    /// CPUs of each cluster (1 to 256; the last one may have fewer).
    #[must_use]
    pub const fn cpus_per_cluster(mut self, count: usize) -> Self {
        self.per_cluster = if count == 0 { 1 } else { count };
        self
    }

    /// One more range of memory.
    #[must_use]
    pub fn memory(mut self, memory: PhysRange) -> Self {
        self.memory.push(memory);
        self
    }

    /// Memory of the secure world.
    #[must_use]
    pub const fn secure_memory(mut self, memory: PhysRange) -> Self {
        self.secure_memory = Some(memory);
        self
    }

    /// Memory that is reserved for partitions.
    #[must_use]
    pub const fn pool(mut self, pool: PhysRange) -> Self {
        self.pool = Some(pool);
        self
    }

    /// The affinity of a CPU: its cluster in Aff1, its place there in Aff0.
    pub fn mpidr(&self, cpu: CpuId) -> Mpidr {
        let (cluster, core) = (cpu.index() / self.per_cluster, cpu.index() % self.per_cluster);
        let field = |number: usize| u64::try_from(number).unwrap_or(u64::MAX) & 0xff;
        Mpidr(field(cluster) << u8::BITS | field(core))
    }

    /// The blob.
    ///
    /// # Errors
    /// [`FdtError::NoCpus`], [`FdtError::TooManyCpus`]; [`FdtError::BadProperty`] for a model with a zero byte.
    pub fn build(&self) -> Result<Vec<u8>, FdtError> {
        if self.model.contains('\0') {
            return Err(FdtError::BadProperty { node: "/".into(), property: "model" });
        }
        match self.cpus {
            0 => return Err(FdtError::NoCpus),
            1..=MAX_CPUS => {}
            count => return Err(FdtError::TooManyCpus { count }),
        }
        let mut tree = DeviceTree::new();
        self.set_root(&mut tree.root);
        for child in [self.cpu_nodes(), psci(), timer(), self.gic()?, clock(), uart()?] {
            tree.root.add_child(child);
        }
        self.add_memory(&mut tree.root)?;
        add_devices(&mut tree.root)?;
        add_console(&mut tree.root);
        blob::write(&tree)
    }

    fn set_root(&self, root: &mut DeviceTreeNode) {
        node::set(root, "model", self.model.as_str());
        node::set(root, "compatible", "aivirt,simulated-board");
        set_cells(root);
        node::set(root, "interrupt-parent", GIC);
    }

    fn cpu_ids(&self) -> impl Iterator<Item = CpuId> {
        (0u16..).take(self.cpus).map(CpuId)
    }

    fn cpu_nodes(&self) -> DeviceTreeNode {
        let mut cpus = node::new("cpus");
        node::set(&mut cpus, "#address-cells", 1u32);
        node::set(&mut cpus, "#size-cells", 0u32);
        for cpu in self.cpu_ids() {
            cpus.add_child(self.cpu_node(cpu));
        }
        cpus.add_child(self.cpu_map());
        cpus
    }

    fn cpu_node(&self, cpu: CpuId) -> DeviceTreeNode {
        let [.., a, b, c, d] = self.mpidr(cpu).0.to_be_bytes();
        let mpidr = u32::from_be_bytes([a, b, c, d]);
        let mut node = node::new(format!("cpu@{mpidr:x}"));
        node::set(&mut node, "device_type", "cpu");
        node::set(&mut node, "compatible", "arm,cortex-a76");
        node::set(&mut node, "reg", mpidr);
        node::set(&mut node, "enable-method", "psci");
        node::set(&mut node, "phandle", FIRST_CPU + u32::from(cpu.0));
        node
    }

    fn cpu_map(&self) -> DeviceTreeNode {
        let mut map = node::new("cpu-map");
        for (index, first) in (0..self.cpus).step_by(self.per_cluster).enumerate() {
            let mut cluster = node::new(format!("cluster{index}"));
            for (core, cpu) in self.cpu_ids().skip(first).take(self.per_cluster).enumerate() {
                let mut node = node::new(format!("core{core}"));
                node::set(&mut node, "cpu", FIRST_CPU + u32::from(cpu.0));
                cluster.add_child(node);
            }
            map.add_child(cluster);
        }
        map
    }

    fn gic(&self) -> Result<DeviceTreeNode, FdtError> {
        let cpus = u64::try_from(self.cpus).unwrap_or(u64::MAX);
        let first = cpus.min(REDISTRIBUTORS[0].size().0 / FRAME);
        let mut regions = alloc::vec![DISTRIBUTOR];
        for (region, count) in REDISTRIBUTORS.into_iter().zip([first, cpus - first]) {
            let used = PhysRange::new(region.base(), ByteSize(count * FRAME));
            regions.extend(used.filter(|range| !range.is_empty()));
        }
        let mut gic = device("interrupt-controller", &regions, &["arm,gic-v3"])?;
        let count = u32::try_from(regions.len() - 1).unwrap_or(1);
        node::set(&mut gic, "#address-cells", 0u32);
        node::set(&mut gic, "#redistributor-regions", count);
        node::set(&mut gic, "#interrupt-cells", 3u32);
        set_flag(&mut gic, "interrupt-controller");
        node::set(&mut gic, "interrupts", [1u32, 9, 4]);
        node::set(&mut gic, "phandle", GIC);
        Ok(gic)
    }

    fn add_memory(&self, root: &mut DeviceTreeNode) -> Result<(), FdtError> {
        for range in &self.memory {
            root.add_child(memory_node("memory", *range)?);
        }
        if let Some(range) = self.secure_memory {
            let mut memory = memory_node("secram", range)?;
            node::set(&mut memory, "status", "disabled");
            node::set(&mut memory, "secure-status", "okay");
            root.add_child(memory);
        }
        if let Some(range) = self.pool {
            root.add_child(reserved_memory(range)?);
        }
        Ok(())
    }
}

fn set_cells(node: &mut DeviceTreeNode) {
    node::set(node, "#address-cells", 2u32);
    node::set(node, "#size-cells", 2u32);
}

/// A property without a value: that it is there is what it says.
fn set_flag(node: &mut DeviceTreeNode, name: &'static str) {
    node::set(node, name, [0u8; 0].as_slice());
}

/// A node with `compatible` and `reg`, named after its first address.
fn device(name: &str, ranges: &[PhysRange], compatible: &[&str]) -> Result<DeviceTreeNode, FdtError> {
    let base = ranges.first().map_or(0, |range| range.base().0);
    let mut device = node::new(format!("{name}@{base:x}"));
    node::set(&mut device, "compatible", compatible);
    node::set(&mut device, "reg", node::encode_reg(ranges, CELLS)?);
    Ok(device)
}

fn memory_node(name: &str, range: PhysRange) -> Result<DeviceTreeNode, FdtError> {
    let mut memory = node::new(format!("{name}@{:x}", range.base().0));
    node::set(&mut memory, "device_type", "memory");
    node::set(&mut memory, "reg", node::encode_reg(&[range], CELLS)?);
    Ok(memory)
}

fn reserved_memory(pool: PhysRange) -> Result<DeviceTreeNode, FdtError> {
    let mut parent = node::new("reserved-memory");
    set_cells(&mut parent);
    set_flag(&mut parent, "ranges");
    let mut child = device("vmanager-pool", &[pool], &[BoardTreeBuilder::POOL_COMPATIBLE])?;
    set_flag(&mut child, "no-map");
    parent.add_child(child);
    Ok(parent)
}

fn psci() -> DeviceTreeNode {
    let mut psci = node::new("psci");
    node::set(&mut psci, "compatible", ["arm,psci-1.0", "arm,psci-0.2"].as_slice());
    node::set(&mut psci, "method", "smc");
    psci
}

fn timer() -> DeviceTreeNode {
    let mut timer = node::new("timer");
    node::set(&mut timer, "compatible", "arm,armv8-timer");
    set_flag(&mut timer, "always-on");
    node::set(&mut timer, "interrupts", [1u32, 13, 4, 1, 14, 4, 1, 11, 4, 1, 10, 4]);
    timer
}

fn clock() -> DeviceTreeNode {
    let mut clock = node::new("apb-pclk");
    node::set(&mut clock, "compatible", "fixed-clock");
    node::set(&mut clock, "#clock-cells", 0u32);
    node::set(&mut clock, "clock-frequency", 24_000_000u32);
    node::set(&mut clock, "clock-output-names", "clk24mhz");
    node::set(&mut clock, "phandle", CLOCK);
    clock
}

fn uart() -> Result<DeviceTreeNode, FdtError> {
    let mut uart = device("serial", &[UART], &["arm,pl011", "arm,primecell"])?;
    node::set(&mut uart, "interrupts", [0u32, 1, 4]);
    node::set(&mut uart, "clocks", [CLOCK, CLOCK]);
    node::set(&mut uart, "clock-names", ["uartclk", "apb_pclk"].as_slice());
    Ok(uart)
}

/// Devices of the board's maker: a partition's tree must not show them.
fn add_devices(root: &mut DeviceTreeNode) -> Result<(), FdtError> {
    let mut rtc = device("rtc", &[range(0x0901_0000, 0x1000)], &["arm,pl031", "arm,primecell"])?;
    node::set(&mut rtc, "interrupts", [0u32, 2, 4]);
    let mut virtio = device("virtio", &[range(0x0a00_0000, 0x200)], &["virtio,mmio"])?;
    node::set(&mut virtio, "interrupts", [0u32, 16, 1]);
    let mut flash = device("flash", &[range(0, 0x400_0000)], &["cfi-flash"])?;
    node::set(&mut flash, "bank-width", 4u32);
    for child in [rtc, virtio, flash] {
        root.add_child(child);
    }
    Ok(())
}

fn add_console(root: &mut DeviceTreeNode) {
    let path = format!("/serial@{:x}", UART.base().0);
    let mut aliases = node::new("aliases");
    node::set(&mut aliases, "serial0", path.as_str());
    let mut chosen = node::new("chosen");
    node::set(&mut chosen, "stdout-path", "serial0:115200n8");
    root.add_child(aliases);
    root.add_child(chosen);
}
