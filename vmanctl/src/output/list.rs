//! `list`.

use comfy_table::Cell;
use vman_core::command::{PartitionRecord, Partitions};
use vman_core::id::{ByteSize, CpuSet};

use super::Look;
use super::paint::{Tone, condition, printable, state_text};
use super::table::{colored, lines, table};

/// One line a partition.
pub fn text(list: &Partitions, look: Look) -> String {
    if list.partitions.is_empty() {
        return "No partitions\n".into();
    }
    let mut table = table(&["ID", "NAME", "STATE", "CONDITION", "WORLD", "CORES", "MEMORY"], &[0, 6]);
    table.add_rows(list.partitions.iter().map(row));
    lines(table, look)
}

fn row(partition: &PartitionRecord) -> Vec<Cell> {
    vec![
        Cell::new(partition.id),
        Cell::new(partition.name.as_deref().map_or_else(|| "-".into(), printable)),
        state_cell(partition),
        condition_cell(partition),
        Cell::new(world(partition)),
        Cell::new(cores(partition)),
        Cell::new(memory(partition.memsize_mib)),
    ]
}

/// The state's cell.
pub(super) fn state_cell(partition: &PartitionRecord) -> Cell {
    colored(state_text(partition), Tone::of(partition.state))
}

/// The condition's cell.
pub(super) fn condition_cell(partition: &PartitionRecord) -> Cell {
    let (text, tone) = condition(partition);
    colored(text, tone)
}

/// Secure or not.
pub(super) const fn world(partition: &PartitionRecord) -> &'static str {
    if partition.secure { "secure" } else { "normal" }
}

/// `2-3,8`, or whose cores it shares.
pub(super) fn cores(partition: &PartitionRecord) -> String {
    let own: CpuSet = partition.cores.iter().copied().collect();
    match partition.shared_with {
        Some(other) => format!("{own} (of {other})"),
        None => own.to_string(),
    }
}

/// `512 MiB`, `2 GiB`.
pub(super) fn memory(mib: u64) -> String {
    ByteSize::from_mib(mib).map_or_else(|| format!("{mib} MiB"), |size| size.to_string())
}

#[cfg(test)]
mod tests {
    use super::super::samples::{COLORED, PLAIN, partitions};
    use super::*;

    #[test]
    fn every_partition_has_its_line() {
        let text = text(&Partitions { partitions: partitions() }, PLAIN);
        let expected = concat!(
            "ID  NAME  STATE                CONDITION        WORLD   CORES   MEMORY\n",
            " 1  web   DEPLOYED             running          normal  2-3      1 GiB\n",
            " 2  -     DEPLOYED             faulted: memory  normal  4      512 MiB\n",
            "12  db    SUSPENDED (restore)  held             normal  5,7    512 MiB\n",
        );
        assert_eq!(text, expected);
    }

    #[test]
    fn colours_change_nothing_but_colours() {
        let list = Partitions { partitions: partitions() };
        let coloured = text(&list, COLORED);
        assert!(coloured.contains("\u{1b}["));
        let stripped = anstream::adapter::strip_str(&coloured).to_string();
        let trimmed: String = stripped.lines().map(|line| format!("{}\n", line.trim_end())).collect();
        assert_eq!(trimmed, text(&list, PLAIN));
    }

    #[test]
    fn no_partition_is_said() {
        assert_eq!(text(&Partitions::default(), PLAIN), "No partitions\n");
    }
}
