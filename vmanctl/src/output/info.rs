//! `info`.

use std::fmt::Write as _;

use vman_core::command::PartitionRecord;
use vman_core::id::PhysAddr;

use super::Look;
use super::list::{cores, memory, world};
use super::paint::{Tone, condition, printable, state_text};

/// One line a property.
pub fn text(partition: &PartitionRecord, look: Look) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &dyn std::fmt::Display| {
        let padded = format!("{name:<11}");
        let _ = writeln!(text, "{}{value}", look.dim(padded));
    };
    line("Partition", &look.bold(partition.id));
    if let Some(name) = &partition.name {
        line("Name", &printable(name));
    }
    if let Some(uuid) = &partition.uuid {
        line("UUID", uuid);
    }
    line("State", &look.paint(Tone::of(partition.state).style(), state_text(partition)));
    let (condition, tone) = condition(partition);
    line("Condition", &look.paint(tone.style(), condition));
    line("World", &world(partition));
    line("Cores", &format!("{} ({})", cores(partition), partition.cores.len()));
    line("Memory", &format!("{} at {}", memory(partition.memsize_mib), PhysAddr(partition.memory_base)));
    text
}

#[cfg(test)]
mod tests {
    use super::super::samples::{PLAIN, partitions};
    use super::*;

    #[test]
    fn everything_that_is_known_has_a_line() {
        let expected = "\
Partition  1
Name       web
UUID       6f1b0000-0000-4000-8000-000000000001
State      DEPLOYED
Condition  running
World      normal
Cores      2-3 (2)
Memory     1 GiB at 0x80000000
";
        assert_eq!(text(&partitions()[0], PLAIN), expected);
    }

    #[test]
    fn what_is_missing_has_none() {
        let text = text(&partitions()[1], PLAIN);
        assert!(!text.contains("Name") && !text.contains("UUID"));
        assert!(text.contains("Condition  faulted: memory\n"));
    }
}
