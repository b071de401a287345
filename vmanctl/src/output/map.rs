//! Maps: cores as blocks, memory as a bar.

use std::fmt::Write as _;

use super::Look;
use super::owner::Owner;

/// Cores as blocks in rows, the number of its first core before each row.
pub(super) fn cores(owners: &[Owner], look: Look, indent: usize) -> String {
    let block = owners.iter().map(|owner| owner.label().len()).max().unwrap_or(1) + 2;
    let index = owners.len().saturating_sub(1).to_string().len();
    let room = look.width.saturating_sub(indent + index + 1) / block;
    // A power of two, as boards are built of clusters.
    let row = [32, 16, 8, 4, 2].into_iter().find(|count| *count <= room).unwrap_or(1);
    let mut text = String::new();
    for (number, owners) in owners.chunks(row).enumerate() {
        let first = format!("{:>index$}", number * row);
        let blocks: String = owners.iter().map(|owner| centered(*owner, block, ' ', look)).collect();
        let _ = writeln!(text, "{:indent$}{} {}", "", look.dim(first), blocks.trim_end());
    }
    text
}

/// Memory as a bar: each segment's owner and size, in the order in which they lie.
pub(super) fn bar(segments: &[(Owner, u64)], look: Look, indent: usize) -> String {
    const WIDEST: usize = 96;
    let frame = if look.color { 0 } else { 2 };
    let width = look.width.saturating_sub(indent + frame).clamp(8, WIDEST);
    let shares: Vec<_> =
        segments.iter().zip(columns(segments, width)).filter(|(_, share)| *share > 0).collect();
    let drawn = shares.iter().enumerate().map(|(index, ((owner, _), share))| {
        let fill = match owner {
            Owner::Free => '.',
            Owner::Management | Owner::Partition(_) if look.color => ' ',
            Owner::Management | Owner::Partition(_) => '=',
        };
        // In black and white the last column of a segment is its border.
        let is_last = index + 1 == shares.len();
        let border = !look.color && !is_last && *share > 1 && *owner != Owner::Free;
        let text = centered(*owner, share - usize::from(border), fill, look);
        text + if border { "|" } else { "" }
    });
    let bar: String = drawn.collect();
    if look.color { format!("{:indent$}{bar}\n", "") } else { format!("{:indent$}[{bar}]\n", "") }
}

/// How many of `width` columns each segment gets: by size, at least one unless it is empty or there is no room.
fn columns(segments: &[(Owner, u64)], width: usize) -> Vec<usize> {
    let whole: u128 = segments.iter().map(|(_, size)| u128::from(*size)).sum::<u128>().max(1);
    let scaled = |size: u128| usize::try_from(size * width as u128 / whole).unwrap_or(width);
    let mut columns = Vec::with_capacity(segments.len());
    let (mut before, mut used) = (0, 0);
    for (_, size) in segments {
        before += u128::from(*size);
        let wanted = scaled(before).saturating_sub(used).max(usize::from(*size > 0)).min(width - used);
        used += wanted;
        columns.push(wanted);
    }
    columns
}

/// The owner's label in the middle of `width` columns, where it has room.
fn centered(owner: Owner, width: usize, fill: char, look: Look) -> String {
    let label = if owner == Owner::Free && fill == '.' { String::new() } else { owner.label() };
    let label = if label.len() > width { String::new() } else { label };
    let rest = width - label.len();
    let (left, right) = (rest - rest / 2, rest / 2);
    let repeat = |count| fill.to_string().repeat(count);
    look.paint(owner.style(), format!("{}{label}{}", repeat(left), repeat(right))).to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use vman_core::id::PartitionId;

    use super::super::samples::{COLORED, PLAIN};
    use super::*;

    const ONE: Owner = Owner::Partition(PartitionId(1));
    const TWELVE: Owner = Owner::Partition(PartitionId(12));

    #[test]
    fn cores_fill_rows_of_a_power_of_two() {
        let owners = [Owner::Management, ONE, TWELVE, Owner::Free].repeat(8);
        let look = Look { width: 60, ..PLAIN };
        let row: String = ["  M ", "  1 ", " 12 ", "  . "].concat().repeat(2);
        let expected: String =
            [0, 8, 16, 24].map(|first| format!("  {first:>2} {}\n", row.trim_end())).concat();
        assert_eq!(cores(&owners, look, 2), expected);
    }

    #[test]
    fn bar_shows_shares_and_owners() {
        let look = Look { width: 24, ..PLAIN };
        let segments = [(ONE, 8), (TWELVE, 4), (Owner::Free, 8)];
        assert_eq!(bar(&segments, look, 2), "  [===1===|=12|........]\n");
        assert_eq!(bar(&segments[..1], look, 2), "  [==========1=========]\n");
    }

    #[test]
    fn coloured_bar_has_the_full_width() {
        let look = Look { width: 24, ..COLORED };
        let text = bar(&[(ONE, 8), (Owner::Free, 8)], look, 4);
        assert_eq!(anstream::adapter::strip_str(text.trim_end()).to_string().len(), 24);
    }

    proptest! {
        #[test]
        fn every_share_is_seen_and_none_is_lost(
            sizes in proptest::collection::vec(0u64.., 0..20), width in 20usize..200,
        ) {
            let segments: Vec<_> = sizes.iter().map(|size| (ONE, *size)).collect();
            let columns = columns(&segments, width);
            prop_assert!(columns.iter().sum::<usize>() <= width);
            for (size, columns) in sizes.iter().zip(&columns) {
                prop_assert!(*size > 0 || *columns == 0);
            }
            if sizes.iter().any(|size| *size > 0) {
                prop_assert_eq!(columns.iter().sum::<usize>(), width);
            }
        }
    }
}
