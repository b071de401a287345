//! `stats`.

use vman_core::abi::smc::Counter;
use vman_core::command::Stats;

use super::Look;
use super::paint::printable;
use super::table::{lines, table};

/// One line a counter, in the firmware's order; counters of newer versions come last.
pub fn text(stats: &Stats, look: Look) -> String {
    if stats.counters.is_empty() {
        return format!("No counters for partition {}\n", stats.id);
    }
    let known = Counter::ALL.map(Counter::name);
    let mut counters: Vec<_> = stats.counters.iter().collect();
    counters.sort_by_key(|(name, _)| known.iter().position(|known| known == name).unwrap_or(known.len()));
    let mut table = table(&["COUNTER", "VALUE"], &[1]);
    table.add_rows(counters.iter().map(|(name, value)| vec![printable(name), value.to_string()]));
    lines(table, look)
}

#[cfg(test)]
mod tests {
    use super::super::samples::PLAIN;
    use super::*;
    use vman_core::id::PartitionId;

    #[test]
    fn counters_stand_in_the_order_of_the_firmware() {
        let counters = [("smcs", 1234), ("a_new_one", 1), ("starts", 2)];
        let counters = counters.map(|(name, value)| (name.to_owned(), value)).into();
        let text = text(&Stats { id: PartitionId(1), counters }, PLAIN);
        assert_eq!(text, "COUNTER    VALUE\nstarts         2\nsmcs        1234\na_new_one      1\n");
    }

    #[test]
    fn no_counter_is_said() {
        let stats = Stats { id: PartitionId(7), ..Stats::default() };
        assert_eq!(text(&stats, PLAIN), "No counters for partition 7\n");
    }
}
