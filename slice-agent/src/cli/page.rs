//! The report as a page, beside the source document's figures.

use std::fmt::Write as _;

use slice_agent::eval::Figures;

use super::scenario::Scenario;
use super::table;

/// What the source document's chapter 2.1.3 says of its three learning methods; none of them is in this table.
const SOURCE: &str = "\
| source document (learning, Figure 3) | STEP | MADRL | predefined |
|---|---|---|---|
| conflicts an episode, first 100 | 8.44 | 17.6 | 40.54 |
| conflicts an episode, last 100 | 0 | 0.81 | 0.28 |
| latency median / IQR, ms | 0 / 1.25 | 4 / 11 | - |

These are figures of agents while they learn (`slice-agent train`). The policies below do not learn, so no line of theirs
is a reproduction of a line above. Random claims conflict in 36 of 60 steps of an episode under rule A, whatever the traffic.
";

/// The page.
pub(super) fn of(parts: &[(Scenario, Vec<Figures>)], command: &str) -> String {
    let mut page = format!("# Slices: policies without learning\n\nMade by `{command}`.\n\n{SOURCE}\n");
    let _ = writeln!(page, "{}\n", table::LEGEND);
    for (scenario, figures) in parts {
        let _ = writeln!(page, "## {}\n", scenario.title);
        page += &markdown(figures);
        let name = &scenario.name;
        let _ = writeln!(page, "\n![Distribution of latency]({name}.svg)\n");
        let _ = writeln!(page, "Figures: [CSV]({name}.csv), [JSON lines]({name}.jsonl)\n");
    }
    page
}

fn markdown(figures: &[Figures]) -> String {
    let mut text = format!("| {} |\n|{}\n", table::HEAD.join(" | "), "---|".repeat(table::HEAD.len()));
    for line in figures {
        let _ = writeln!(text, "| {} |", table::cells(line).join(" | "));
    }
    text
}
