//! One frame of `top`.

use std::time::Duration;

use comfy_table::Cell;
use serde::Serialize;
use vman_core::abi::smc::Counter;
use vman_core::command::{HostRecord, PartitionRecord, Stats};
use vman_core::id::PartitionId;

use super::Look;
use super::host::{cores as core_map, memory_bar};
use super::list::{condition_cell, cores, memory, state_cell};
use super::paint::printable;
use super::table::{lines, table};

/// What a frame shows.
#[derive(Debug, Clone, Serialize)]
pub struct Snapshot {
    /// The board.
    pub host: HostRecord,
    /// By rising number.
    pub partitions: Vec<PartitionRecord>,
    /// Counters of those that were still there when they were asked.
    pub stats: Vec<Stats>,
}

impl Snapshot {
    fn counter(&self, id: PartitionId, counter: Counter) -> Option<u64> {
        let stats = self.stats.iter().find(|stats| stats.id == id)?;
        stats.counters.get(counter.name()).copied()
    }

    fn traps(&self, id: PartitionId) -> Option<u64> {
        const TRAPS: [Counter; 3] = [Counter::DistributorTraps, Counter::SgiTraps, Counter::ConsoleTraps];
        TRAPS.into_iter().filter_map(|counter| self.counter(id, counter)).reduce(u64::saturating_add)
    }
}

/// The snapshot before, and how long ago it was taken.
pub type Before<'a> = Option<(&'a Snapshot, Duration)>;

/// Maps and a line a partition; rates need a snapshot before.
pub fn text(now: &Snapshot, before: Before<'_>, look: Look) -> String {
    let partitions: Vec<_> = now.partitions.iter().filter(|partition| !partition.secure).collect();
    let mut text = core_map(&now.host, look);
    text += &memory_bar("Memory", &now.host.memory, &by_address(partitions), look);
    text.push('\n');
    if now.partitions.is_empty() {
        return text + "No partitions\n";
    }
    let header = ["ID", "NAME", "STATE", "CONDITION", "CORES", "MEMORY", "STARTS", "SMC/s", "TRAP/s"];
    let mut table = table(&header, &[0, 5, 6, 7, 8]);
    table.add_rows(now.partitions.iter().map(|partition| row(partition, now, before)));
    text + &lines(table, look)
}

fn by_address(mut partitions: Vec<&PartitionRecord>) -> Vec<&PartitionRecord> {
    partitions.sort_by_key(|partition| partition.memory_base);
    partitions
}

fn row(partition: &PartitionRecord, now: &Snapshot, before: Before<'_>) -> Vec<Cell> {
    const NAME: usize = 16;
    let id = partition.id;
    let name = partition.name.as_deref().map_or_else(|| "-".into(), printable);
    let starts = now.counter(id, Counter::Starts).map_or_else(|| "-".into(), |starts| starts.to_string());
    vec![
        Cell::new(id),
        Cell::new(name.chars().take(NAME).collect::<String>()),
        state_cell(partition),
        condition_cell(partition),
        Cell::new(cores(partition)),
        Cell::new(memory(partition.memsize_mib)),
        Cell::new(starts),
        Cell::new(rate(now, before, |snapshot| snapshot.counter(id, Counter::Smcs))),
        Cell::new(rate(now, before, |snapshot| snapshot.traps(id))),
    ]
}

/// How much a counter rose each second; a counter that fell was of another life of the board.
fn rate(now: &Snapshot, before: Before<'_>, counter: impl Fn(&Snapshot) -> Option<u64>) -> String {
    let risen = before.and_then(|(before, elapsed)| {
        let risen = counter(now)?.checked_sub(counter(before)?)?;
        Some((risen, elapsed))
    });
    match risen {
        Some((risen, elapsed)) => {
            per_second(risen, elapsed).map_or_else(|| "-".into(), |rate| rate.to_string())
        }
        None => "-".into(),
    }
}

fn per_second(count: u64, elapsed: Duration) -> Option<u128> {
    const NANOSECONDS: u128 = 1_000_000_000;
    (u128::from(count) * NANOSECONDS + elapsed.as_nanos() / 2).checked_div(elapsed.as_nanos())
}

#[cfg(test)]
mod tests {
    use super::super::samples::{PLAIN, host, partitions};
    use super::*;

    fn snapshot(smcs: u64, traps: u64) -> Snapshot {
        let counters = [("starts", 2), ("smcs", smcs), ("sgi_traps", traps), ("console_traps", traps)];
        let counters = counters.map(|(name, value)| (name.to_owned(), value)).into();
        Snapshot {
            host: host(),
            partitions: partitions(),
            stats: vec![Stats { id: PartitionId(1), counters }],
        }
    }

    fn line(text: &str, start: &str) -> String {
        text.lines().find(|line| line.starts_with(start)).unwrap().to_owned()
    }

    #[test]
    fn rates_are_counted_over_the_time_between() {
        let (before, now) = (snapshot(1000, 10), snapshot(2000, 110));
        let text = text(&now, Some((&before, Duration::from_millis(500))), PLAIN);
        assert!(line(&text, " 1 ").ends_with("2   2000     400"), "{text}");
        assert!(line(&text, " 2 ").ends_with("-      -       -"), "{text}");
    }

    #[test]
    fn first_frame_and_restarted_boards_have_no_rates() {
        let now = snapshot(5, 5);
        assert!(line(&text(&now, None, PLAIN), " 1 ").ends_with("2      -       -"));
        let before = snapshot(1000, 1000);
        let text = text(&now, Some((&before, Duration::from_secs(1))), PLAIN);
        assert!(line(&text, " 1 ").ends_with("2      -       -"), "{text}");
        assert_eq!(per_second(1, Duration::ZERO), None);
    }
}
