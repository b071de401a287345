//! `host`: the board and who has what of it.

use std::fmt::Write as _;

use vman_core::command::{HostRecord, MemoryRecord, PartitionRecord};
use vman_core::id::{ByteSize, PhysAddr, PhysRange};

use super::Look;
use super::list::memory as size;
use super::map;
use super::owner::Owner;
use super::paint::printable;

const INDENT: usize = 8;

/// Board, cores, memory.
pub fn text(host: &HostRecord, partitions: &[PartitionRecord], look: Look) -> String {
    let simulated = if host.simulated { ", simulated" } else { "" };
    let mut text =
        format!("{}{} ({}{simulated})\n", heading("Board", look), printable(&host.model), host.arch);
    text += &cores(host, look);
    text += &memory("Memory", &host.memory, &partitions_of(partitions, false), look);
    if host.secure_memory.total_mib > 0 {
        text += &memory("Secure", &host.secure_memory, &partitions_of(partitions, true), look);
    }
    let granule = size(host.memory_granule_mib);
    let _ = writeln!(
        text,
        "{}{} of the management partition; memory is given in steps of {granule}",
        heading("Apart", look),
        size(host.memory_management_mib)
    );
    text
}

fn heading(name: &str, look: Look) -> String {
    look.bold(format!("{name:<INDENT$}")).to_string()
}

fn partitions_of(partitions: &[PartitionRecord], secure: bool) -> Vec<&PartitionRecord> {
    let mut of: Vec<_> = partitions.iter().filter(|partition| partition.secure == secure).collect();
    of.sort_by_key(|partition| partition.memory_base);
    of
}

/// The line of cores and their map.
pub(super) fn cores(host: &HostRecord, look: Look) -> String {
    let given = host.cores_total.saturating_sub(host.cores_free).saturating_sub(host.cores_management);
    let owners: Vec<_> = host.cpus.iter().map(Owner::from).collect();
    let line = format!(
        "{}{}: {} management (M), {given} in partitions, {} free (.)\n",
        heading("Cores", look),
        host.cores_total,
        host.cores_management,
        host.cores_free,
    );
    line + &map::cores(&owners, look, INDENT)
}

fn memory(name: &str, pool: &MemoryRecord, partitions: &[&PartitionRecord], look: Look) -> String {
    let mut text = memory_bar(name, pool, partitions, look);
    for partition in partitions {
        text += &range(partition, look);
    }
    text
}

/// The line of a pool and its bar.
pub(super) fn memory_bar(
    name: &str,
    pool: &MemoryRecord,
    partitions: &[&PartitionRecord],
    look: Look,
) -> String {
    let line = format!(
        "{}{}: {} in partitions, {}\n",
        heading(name, look),
        size(pool.total_mib),
        size(pool.total_mib.saturating_sub(pool.free_mib)),
        free(pool),
    );
    line + &map::bar(&segments(pool, partitions), look, INDENT)
}

fn free(pool: &MemoryRecord) -> String {
    match (pool.free_mib, pool.largest_free_mib) {
        (0, _) => "none free".into(),
        (free, largest) if free == largest => format!("{} free in one piece", size(free)),
        (free, largest) => format!("{} free, {} of them in one piece", size(free), size(largest)),
    }
}

/// Partitions by address with the gaps between them; what lies before the first is not known, so it is drawn behind
/// the last.
fn segments(pool: &MemoryRecord, partitions: &[&PartitionRecord]) -> Vec<(Owner, u64)> {
    let mut segments = Vec::new();
    let mut free = pool.free_mib;
    let mut end = None;
    for partition in partitions {
        let gap =
            end.map_or(0, |end: u64| ByteSize(partition.memory_base.saturating_sub(end)).mib()).min(free);
        free -= gap;
        segments.extend([(Owner::Free, gap), (Owner::Partition(partition.id), partition.memsize_mib)]);
        end = partition.memory().map(|size| partition.memory_base.saturating_add(size.0));
    }
    segments.push((Owner::Free, free));
    segments
}

fn range(partition: &PartitionRecord, look: Look) -> String {
    let owner = Owner::Partition(partition.id);
    let label = look.paint(owner.style(), format!(" {:>3} ", owner.label()));
    let range = partition.memory().and_then(|size| PhysRange::new(PhysAddr(partition.memory_base), size));
    let range = range.map_or_else(|| PhysAddr(partition.memory_base).to_string(), |range| range.to_string());
    let name = partition.name.as_deref().map_or_else(String::new, printable);
    let line = format!("{:INDENT$}{label} {range:<24} {:>9}  {name}", "", size(partition.memsize_mib));
    format!("{}\n", line.trim_end())
}

#[cfg(test)]
mod tests {
    use super::super::samples::{COLORED, PLAIN, host, partitions};
    use super::*;

    #[test]
    fn board_is_shown_with_its_owners() {
        let expected = "\
Board   linux,dummy-virt (aarch64, simulated)
Cores   8: 2 management (M), 5 in partitions, 1 free (.)
        0   M   M   1   1   2  12   .  12
Memory  4 GiB: 2 GiB in partitions, 2 GiB free, 1536 MiB of them in one piece
        [========1=======|====2===|.........===12==|...........................]
           1  0x80000000-0xc0000000        1 GiB  web
           2  0xc0000000-0xe0000000      512 MiB
          12  0x100000000-0x120000000    512 MiB  db
Apart   512 MiB of the management partition; memory is given in steps of 2 MiB
";
        let text = text(&host(), &partitions(), PLAIN);
        assert_eq!(text, expected, "\n{text}");
    }

    #[test]
    fn secure_pool_is_shown_when_there_is_one() {
        let mut host = host();
        host.secure_memory = MemoryRecord { total_mib: 16, free_mib: 8, largest_free_mib: 8 };
        let mut partitions = partitions();
        partitions[1].secure = true;
        partitions[1].memsize_mib = 8;
        let text = text(&host, &partitions, PLAIN);
        assert!(text.contains("Secure  16 MiB: 8 MiB in partitions, 8 MiB free in one piece\n"), "{text}");
        host.secure_memory.free_mib = 0;
        assert!(super::text(&host, &partitions, PLAIN).contains("16 MiB in partitions, none free\n"));
    }

    #[test]
    fn colours_do_not_break_the_lines() {
        let text = text(&host(), &partitions(), COLORED);
        let stripped = anstream::adapter::strip_str(&text).to_string();
        assert!(stripped.lines().all(|line| line.len() <= 80), "{stripped}");
    }

    #[test]
    fn nonsense_of_a_peer_is_drawn_without_harm() {
        let mut host = host();
        host.cores_free = u32::MAX;
        host.memory.free_mib = u64::MAX;
        let mut partitions = partitions();
        partitions[0].memory_base = u64::MAX;
        partitions[1].memsize_mib = u64::MAX;
        assert!(text(&host, &partitions, Look { width: 0, ..PLAIN }).starts_with("Board"));
    }
}
