//! Tables without lines.

use comfy_table::{Attribute, Cell, CellAlignment, ContentArrangement, Table};

use super::Look;
use super::paint::Tone;

/// A table with `header`; the columns in `right` hold numbers and stand at the right.
pub(super) fn table(header: &[&str], right: &[usize]) -> Table {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header.iter().map(|title| Cell::new(title).add_attribute(Attribute::Bold)));
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if right.contains(&index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// A cell in a colour.
pub(super) fn colored(text: impl ToString, tone: Tone) -> Cell {
    Cell::new(text).fg(tone.color())
}

/// The table's lines without blanks at their ends.
pub(super) fn lines(mut table: Table, look: Look) -> String {
    if look.color {
        table.enforce_styling();
        table.style_text_only();
    } else {
        table.force_no_tty();
    }
    table.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}
