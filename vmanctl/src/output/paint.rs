//! Colours, or none.

use std::fmt::{self, Display};

use anstyle::{AnsiColor, Effects, Style};
use comfy_table::Color;
use vman_core::command::PartitionRecord;
use vman_core::state::{Condition, PartitionState};

/// How output has to look.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// Whether to use colours.
    pub color: bool,
    /// Columns of the terminal.
    pub width: usize,
}

impl Look {
    /// `text` in `style`, if colours are wanted.
    pub(crate) const fn paint<T: Display>(self, style: Style, text: T) -> Painted<T> {
        Painted { style: if self.color { style } else { Style::new() }, text }
    }

    /// A heading.
    pub(super) const fn bold<T: Display>(self, text: T) -> Painted<T> {
        self.paint(Style::new().effects(Effects::BOLD), text)
    }

    /// Something less important.
    pub(super) const fn dim<T: Display>(self, text: T) -> Painted<T> {
        self.paint(Style::new().effects(Effects::DIMMED), text)
    }
}

/// Text with a style.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Painted<T> {
    style: Style,
    text: T,
}

impl<T: Display> Display for Painted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{:#}", self.style, self.text, self.style)
    }
}

/// What a colour says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    /// Nothing.
    Plain,
    /// It waits.
    Idle,
    /// It works.
    Good,
    /// It is held.
    Held,
    /// It is broken.
    Bad,
}

impl Tone {
    /// The tone of a state.
    pub(super) const fn of(state: PartitionState) -> Self {
        match state {
            PartitionState::Ready => Self::Idle,
            PartitionState::Deployed => Self::Good,
            PartitionState::Suspended => Self::Held,
        }
    }

    /// For text.
    pub(super) const fn style(self) -> Style {
        match self {
            Self::Plain => Style::new(),
            Self::Idle => AnsiColor::Cyan.on_default(),
            Self::Good => AnsiColor::Green.on_default(),
            Self::Held => AnsiColor::Yellow.on_default(),
            Self::Bad => AnsiColor::Red.on_default(),
        }
    }

    /// For cells of tables.
    pub(super) const fn color(self) -> Color {
        match self {
            Self::Plain => Color::Reset,
            Self::Idle => Color::DarkCyan,
            Self::Good => Color::DarkGreen,
            Self::Held => Color::DarkYellow,
            Self::Bad => Color::DarkRed,
        }
    }
}

/// The state and what is under way.
pub(super) fn state_text(partition: &PartitionRecord) -> String {
    match partition.busy {
        Some(operation) => format!("{} ({operation})", partition.state),
        None => partition.state.to_string(),
    }
}

/// What is known of the operating system in a partition; READY partitions have none.
pub(super) fn condition(partition: &PartitionRecord) -> (String, Tone) {
    match (partition.condition, &partition.fault, partition.state) {
        (Condition::Faulted, Some(fault), _) => (format!("faulted: {}", printable(&fault.reason)), Tone::Bad),
        (Condition::Faulted, None, _) => ("faulted".into(), Tone::Bad),
        (Condition::Running, _, PartitionState::Ready) => ("-".into(), Tone::Plain),
        (Condition::Running, _, PartitionState::Suspended) => ("held".into(), Tone::Plain),
        (Condition::Running, _, PartitionState::Deployed) => ("running".into(), Tone::Good),
    }
}

/// Text of others, which must not steer our terminal.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_left_out_when_they_are_not_wanted() {
        let plain = Look { color: false, width: 80 };
        assert_eq!(plain.bold("x").to_string(), "x");
        let coloured = Look { color: true, width: 80 };
        assert_eq!(coloured.bold("x").to_string(), "\u{1b}[1mx\u{1b}[0m");
    }

    #[test]
    fn escape_sequences_of_others_are_harmless() {
        assert_eq!(printable("a\u{1b}[2Jb\nc"), "a\u{fffd}[2Jb\u{fffd}c");
    }
}
