//! `links`.

use comfy_table::Cell;
use vman_core::command::{LinkRecord, Links};
use vman_core::id::ByteSize;

use super::Look;
use super::table::{lines, table};

/// One line a link.
pub fn text(list: &Links, look: Look) -> String {
    if list.links.is_empty() {
        return "No links\n".into();
    }
    let mut table = table(&["PARTITIONS", "ADDRESS", "SIZE"], &[2]);
    table.add_rows(list.links.iter().map(row));
    lines(table, look)
}

fn row(link: &LinkRecord) -> Vec<Cell> {
    vec![
        Cell::new(format!("{} {}", link.first, link.second)),
        Cell::new(place(link)),
        Cell::new(ByteSize(link.size)),
    ]
}

/// First and last address.
pub fn place(link: &LinkRecord) -> String {
    format!("{:#x}-{:#x}", link.base, link.base.saturating_add(link.size.saturating_sub(1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use vman_core::id::PartitionId;

    #[test]
    fn links_are_told_with_their_place() {
        let look = Look { color: false, width: 80 };
        assert_eq!(text(&Links::default(), look), "No links\n");
        let link =
            LinkRecord { first: PartitionId(1), second: PartitionId(2), base: 0xbfa0_0000, size: 2 << 20 };
        let text = text(&Links { links: vec![link] }, look);
        assert!(
            text.contains("1 2") && text.contains("0xbfa00000-0xbfbfffff") && text.contains("2 MiB"),
            "{text}"
        );
    }
}
