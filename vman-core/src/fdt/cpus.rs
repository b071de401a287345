//! The CPUs of a tree.

use alloc::collections::btree_map::{BTreeMap, Entry};
use alloc::collections::btree_set::BTreeSet;
use alloc::vec::Vec;

use dtoolkit::Node;
use dtoolkit::model::DeviceTreeNode;

use super::FdtError;
use super::node::{self, Cells, Walk};
use crate::id::{CpuId, MAX_CPUS, Mpidr};

/// One physical CPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BoardCpu {
    /// Its index: CPUs are counted in the order of their nodes.
    pub id: CpuId,
    /// Its affinity.
    pub mpidr: Mpidr,
    /// Its cluster, as the planner counts them: by `cpu-map` if the tree has one, by the affinity above Aff0 if not;
    /// numbered in the order in which CPUs name them.
    pub cluster: u8,
}

/// The CPU nodes under `/cpus`, in their order. CPUs that are broken (status "fail") are left out.
pub(super) fn nodes(root: &DeviceTreeNode) -> impl Iterator<Item = &DeviceTreeNode> {
    let cpus = root.child("cpus").into_iter().flat_map(|cpus| cpus.children());
    cpus.filter(|cpu| node::has_type(cpu, "cpu") && !is_broken(cpu))
}

fn is_broken(cpu: &DeviceTreeNode) -> bool {
    matches!(node::string(cpu, "status"), Ok(Some(status)) if status.starts_with("fail"))
}

/// The affinity in a CPU node's `reg`.
pub(super) fn mpidr(root: &DeviceTreeNode, cpu: &DeviceTreeNode) -> Result<Mpidr, FdtError> {
    let cpus = root.child("cpus").ok_or(FdtError::NoCpus)?;
    let cells = Cells { size: 0, ..Cells::of(cpus)? };
    match node::reg(cpu, cells)?.as_slice() {
        [reg] => Ok(Mpidr::from_register(reg.base().0)),
        _ => Err(node::malformed(cpu, "reg")),
    }
}

/// Every CPU of a board.
pub(super) fn parse(root: &DeviceTreeNode) -> Result<Vec<BoardCpu>, FdtError> {
    let count = nodes(root).count();
    match count {
        0 => return Err(FdtError::NoCpus),
        1..=MAX_CPUS => {}
        _ => return Err(FdtError::TooManyCpus { count }),
    }
    let mut clusters = Clusters::new(root)?;
    let mut seen = BTreeSet::new();
    let mut cpus = Vec::new();
    for (index, cpu) in (0..).zip(nodes(root)) {
        let mpidr = mpidr(root, cpu)?;
        if !seen.insert(mpidr) {
            return Err(FdtError::DuplicateCpu { mpidr });
        }
        cpus.push(BoardCpu { id: CpuId(index), mpidr, cluster: clusters.number(cpu, mpidr)? });
    }
    Ok(cpus)
}

/// What makes two CPUs neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    /// The how-many-th cluster node of the `cpu-map`.
    Map(usize),
    /// The affinity fields above Aff0.
    Affinity(u64),
}

struct Clusters {
    /// Cluster node by phandle of the CPU, which a core or a thread of it names.
    map: BTreeMap<u32, usize>,
    numbers: BTreeMap<Key, u8>,
}

impl Clusters {
    fn new(root: &DeviceTreeNode) -> Result<Self, FdtError> {
        let mut map = BTreeMap::new();
        if let Some(cpu_map) = root.child("cpus").and_then(|cpus| cpus.child("cpu-map")) {
            for (index, group) in Walk::new(cpu_map).iter().enumerate() {
                for core in group.children().filter(|child| child.name().starts_with("core")) {
                    for thread in Walk::new(core).iter() {
                        map.extend(node::number(thread, "cpu")?.map(|cpu| (cpu, index)));
                    }
                }
            }
        }
        Ok(Self { map, numbers: BTreeMap::new() })
    }

    fn number(&mut self, cpu: &DeviceTreeNode, mpidr: Mpidr) -> Result<u8, FdtError> {
        let mapped = node::number(cpu, "phandle")?.and_then(|phandle| self.map.get(&phandle));
        let key = mapped.map_or(Key::Affinity(mpidr.0 >> u8::BITS), |index| Key::Map(*index));
        let next = u8::try_from(self.numbers.len()).unwrap_or(u8::MAX);
        Ok(match self.numbers.entry(key) {
            Entry::Occupied(number) => *number.get(),
            Entry::Vacant(free) => *free.insert(next),
        })
    }
}
