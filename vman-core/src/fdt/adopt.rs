//! A device tree that a user gives.

use alloc::string::ToString;
use alloc::vec::Vec;

use dtoolkit::Node;
use dtoolkit::model::{DeviceTree, DeviceTreeNode};

use super::{FdtError, Link, PartitionTree, blob, board, cpus, node};

impl PartitionTree<'_> {
    /// Checks the user's tree `blob` and writes command line, ramdisk, random numbers and links into it. Its CPUs must be
    /// among the partition's, its memory must lie in the partition's; of its devices nothing is checked, for what a
    /// partition does not own it cannot reach. Memory reservations outside the partition are dropped.
    ///
    /// # Errors
    /// [`FdtError`]: a broken blob, or the CPU or memory that is not the partition's.
    pub fn adopt(&self, blob: &[u8]) -> Result<Vec<u8>, FdtError> {
        self.check()?;
        let mut tree = blob::parse(blob)?;
        self.check_cpus(&tree.root)?;
        self.check_memory(&tree.root)?;
        drop_foreign_reservations(&mut tree, self);
        drop_links(&mut tree.root);
        self.add_links(&mut tree.root)?;
        let mut chosen = match tree.root.child("chosen") {
            Some(chosen) => chosen.clone(),
            None => node::new("chosen"),
        };
        self.edit_chosen(&mut chosen);
        tree.root.add_child(chosen);
        blob::write(&tree)
    }

    fn check_cpus(&self, root: &DeviceTreeNode) -> Result<(), FdtError> {
        for cpu in cpus::parse(root)? {
            if !self.cpus.iter().any(|(_, mpidr)| *mpidr == cpu.mpidr) {
                return Err(FdtError::ForeignCpu { mpidr: cpu.mpidr });
            }
        }
        Ok(())
    }

    fn check_memory(&self, root: &DeviceTreeNode) -> Result<(), FdtError> {
        let ranges = board::memory(root, node::is_okay)?;
        if ranges.is_empty() {
            return Err(FdtError::NoMemory);
        }
        match ranges.into_iter().find(|range| !self.memory.encloses(*range)) {
            Some(found) => Err(FdtError::ForeignMemory { found, memory: self.memory }),
            None => Ok(()),
        }
    }
}

/// A tree that served before may tell of links that are gone.
fn drop_links(root: &mut DeviceTreeNode) {
    let is_link = |child: &&DeviceTreeNode| node::is_compatible(child, Link::COMPATIBLE);
    let names: Vec<_> = root.children().filter(is_link).map(|child| child.name().to_string()).collect();
    for name in names {
        root.remove_child(&name);
    }
}

fn drop_foreign_reservations(tree: &mut DeviceTree, partition: &PartitionTree<'_>) {
    tree.memory_reservations.retain(|reservation| {
        let end = reservation.address().checked_add(reservation.size());
        reservation.address() >= partition.memory.base().0
            && end.is_some_and(|end| end <= partition.memory.end().0)
    });
}
