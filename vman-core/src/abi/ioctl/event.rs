//! Records that reading a device answers.

/// Kinds of [`Event`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum EventKind {
    /// Created, READY.
    Created = 1,
    /// State changed.
    State = 2,
    /// Loaded and started again.
    Rebooted = 3,
    /// Faulted.
    Faulted = 4,
    /// Gone.
    Destroyed = 5,
    /// This queue lost events.
    Overflow = 6,
}

impl EventKind {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::Created, Self::State, Self::Rebooted, Self::Faulted, Self::Destroyed, Self::Overflow];

    /// The kind with this number.
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u32 == number)
    }
}

/// A record that reading a device answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Event {
    /// Bytes of this record.
    pub size: u32,
    /// [`EventKind`].
    pub kind: u32,
    /// Rises by one with every event of the board.
    pub seq: u64,
    /// `CLOCK_MONOTONIC`.
    pub timestamp_ns: u64,
    /// Partition.
    pub id: u32,
    /// 0 command, 1 guest, 2 firmware.
    pub cause: u32,
    /// State before.
    pub from: u32,
    /// State now.
    pub to: u32,
    /// Reason of a fault, number of lost events.
    pub detail: u64,
}

impl Event {
    /// The first record of `bytes` and how many bytes it takes; `None` if there is none, or a broken one.
    pub fn parse(bytes: &[u8]) -> Option<(Self, usize)> {
        let word = |at: usize| Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
        let double = |at: usize| Some(u64::from_ne_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
        let event = Self {
            size: word(0)?,
            kind: word(4)?,
            seq: double(8)?,
            timestamp_ns: double(16)?,
            id: word(24)?,
            cause: word(28)?,
            from: word(32)?,
            to: word(36)?,
            detail: double(40)?,
        };
        let size = usize::try_from(event.size).ok()?;
        (size >= size_of::<Self>() && size <= bytes.len()).then_some((event, size))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_one_after_the_other() {
        let mut bytes = [0u8; 100];
        bytes[0] = 52;
        bytes[4] = 5;
        bytes[24] = 7;
        let (event, size) = Event::parse(&bytes).unwrap();
        assert_eq!((event.id, event.kind, size), (7, 5, 52));
        assert_eq!(Event::parse(&bytes[size..]), None, "size 0 is broken");
        assert_eq!(Event::parse(&bytes[..51]), None, "cut off");
    }

    #[test]
    fn kinds_are_found_again() {
        for kind in EventKind::ALL {
            assert_eq!(EventKind::from_number(kind as u32), Some(kind));
        }
    }
}
