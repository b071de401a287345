//! Events, as they are pushed.

use serde::{Deserialize, Serialize};

use crate::device::{Cause, DeviceEvent};
use crate::id::PartitionId;
use crate::state::PartitionState;

/// A pushed event: `{"event": NAME, "data": {...}, "timestamp_ns": n, "seq": n}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventRecord {
    /// What happened.
    #[serde(flatten)]
    pub event: EventData,
    /// Nanoseconds of the board's monotonic clock.
    pub timestamp_ns: u64,
    /// Rises by one with every event of the board.
    pub seq: u64,
}

/// Name and data of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", content = "data", rename_all = "kebab-case")]
pub enum EventData {
    /// A partition was created.
    PartitionCreated {
        /// The partition.
        id: PartitionId,
    },
    /// A partition's state changed.
    PartitionState {
        /// The partition.
        id: PartitionId,
        /// State before.
        from: PartitionState,
        /// State now.
        to: PartitionState,
        /// Who caused it.
        cause: Cause,
    },
    /// A partition was loaded and started again.
    PartitionRebooted {
        /// The partition.
        id: PartitionId,
        /// Who caused it.
        cause: Cause,
    },
    /// A partition is faulted.
    PartitionFaulted {
        /// The partition.
        id: PartitionId,
        /// [`crate::abi::smc::FaultReason::name`].
        reason: String,
    },
    /// A partition is gone.
    PartitionDestroyed {
        /// The partition.
        id: PartitionId,
    },
    /// This subscriber was too slow and lost events.
    EventsLost {
        /// How many.
        lost: u64,
    },
    /// The daemon stops, and with it this stream; `seq` and `timestamp_ns` are those of the last event.
    DaemonStopping {},
}

impl EventData {
    /// Every event's name.
    pub const NAMES: [&str; 7] = [
        "partition-created",
        "partition-state",
        "partition-rebooted",
        "partition-faulted",
        "partition-destroyed",
        "events-lost",
        "daemon-stopping",
    ];

    /// The event's name, one of [`EventData::NAMES`].
    pub const fn name(&self) -> &'static str {
        let [created, state, rebooted, faulted, destroyed, lost, stopping] = Self::NAMES;
        match self {
            Self::PartitionCreated { .. } => created,
            Self::PartitionState { .. } => state,
            Self::PartitionRebooted { .. } => rebooted,
            Self::PartitionFaulted { .. } => faulted,
            Self::PartitionDestroyed { .. } => destroyed,
            Self::EventsLost { .. } => lost,
            Self::DaemonStopping {} => stopping,
        }
    }
}

impl From<&DeviceEvent> for EventRecord {
    fn from(event: &DeviceEvent) -> Self {
        use crate::device::Change;
        let id = event.id;
        let data = match event.change {
            Change::Created => EventData::PartitionCreated { id },
            Change::State { from, to, cause } => EventData::PartitionState { id, from, to, cause },
            Change::Rebooted(cause) => EventData::PartitionRebooted { id, cause },
            Change::Faulted(reason) => EventData::PartitionFaulted { id, reason: reason.name().into() },
            Change::Destroyed => EventData::PartitionDestroyed { id },
            Change::Overflow { lost } => EventData::EventsLost { lost },
        };
        Self { event: data, timestamp_ns: event.timestamp_ns, seq: event.seq }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_has_the_members_of_the_protocol() {
        let record = EventRecord {
            event: EventData::PartitionState {
                id: PartitionId(2),
                from: PartitionState::Ready,
                to: PartitionState::Deployed,
                cause: Cause::Command,
            },
            timestamp_ns: 5,
            seq: 9,
        };
        let text = serde_json::to_string(&record).unwrap();
        let expected = concat!(
            r#"{"event":"partition-state","data":{"id":2,"from":"READY","to":"DEPLOYED","cause":"command"},"#,
            r#""timestamp_ns":5,"seq":9}"#
        );
        assert_eq!(text, expected);
        assert_eq!(serde_json::from_str::<EventRecord>(&text).unwrap(), record);
    }
}
