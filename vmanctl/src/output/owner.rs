//! Who owns a core or a piece of memory, and how it is drawn.

use anstyle::{Ansi256Color, Color, Style};
use vman_core::command::CpuRecord;
use vman_core::id::PartitionId;

/// An owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// Nobody: a new partition may get it.
    Free,
    /// The management partition, for good.
    Management,
    /// A partition.
    Partition(PartitionId),
}

impl From<&CpuRecord> for Owner {
    fn from(cpu: &CpuRecord) -> Self {
        match cpu {
            CpuRecord { free: true, .. } => Self::Free,
            CpuRecord { partition, .. } if partition.is_management() => Self::Management,
            CpuRecord { partition, .. } => Self::Partition(*partition),
        }
    }
}

impl Owner {
    /// A short name.
    pub(super) fn label(self) -> String {
        match self {
            Self::Free => ".".into(),
            Self::Management => "M".into(),
            Self::Partition(id) => id.to_string(),
        }
    }

    /// Black on a colour of its own; neighbouring ids differ.
    pub(super) fn style(self) -> Style {
        const PALETTE: [u8; 12] = [75, 114, 215, 176, 80, 221, 203, 147, 150, 180, 117, 210];
        const GREY: u8 = 245;
        const BLACK: Color = Color::Ansi256(Ansi256Color(16));
        let on =
            |color| Style::new().fg_color(Some(BLACK)).bg_color(Some(Color::Ansi256(Ansi256Color(color))));
        match self {
            Self::Free => Style::new().dimmed(),
            Self::Management => on(GREY),
            Self::Partition(id) => {
                let index = usize::try_from(id.0.wrapping_sub(1)).unwrap_or_default() % PALETTE.len();
                on(PALETTE[index])
            }
        }
    }
}
