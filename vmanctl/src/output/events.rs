//! One line an event.

use serde_json::Value;
use vman_core::command::{EventData, EventRecord};
use vman_core::device::Cause;
use vman_core::id::PartitionId;

use super::Look;
use super::paint::{Tone, printable};

/// The event as people read it; an unknown one is shown as it came.
pub fn text(line: &str, look: Look) -> String {
    match serde_json::from_str::<EventRecord>(line) {
        Ok(event) => format!("{} {}", look.dim(clock(event.timestamp_ns)), what(&event.event, look)),
        Err(_) => unknown(line),
    }
}

/// Seconds of the board's clock, as the kernel's log shows them.
fn clock(timestamp_ns: u64) -> String {
    const MICROSECOND: u64 = 1_000;
    const SECOND: u64 = 1_000_000_000;
    format!("[{:6}.{:06}]", timestamp_ns / SECOND, timestamp_ns % SECOND / MICROSECOND)
}

fn what(event: &EventData, look: Look) -> String {
    let of = |id: &PartitionId| format!("partition {id}");
    match event {
        EventData::PartitionCreated { id } => format!("{} created", of(id)),
        EventData::PartitionState { id, from, to, cause } => {
            let to = look.paint(Tone::of(*to).style(), *to);
            format!("{} {from} -> {to} ({})", of(id), by(*cause))
        }
        EventData::PartitionRebooted { id, cause } => format!("{} rebooted ({})", of(id), by(*cause)),
        EventData::PartitionFaulted { id, reason } => {
            let faulted = look.paint(Tone::Bad.style(), "faulted");
            format!("{} {faulted}: {}", of(id), printable(reason))
        }
        EventData::PartitionDestroyed { id } => format!("{} destroyed", of(id)),
        EventData::DaemonStopping {} => "vmand stops".into(),
        EventData::EventsLost { lost } => format!("{lost} events lost: this reader was too slow"),
    }
}

const fn by(cause: Cause) -> &'static str {
    match cause {
        Cause::Command => "command",
        Cause::Guest => "guest",
        Cause::Firmware => "firmware",
    }
}

fn unknown(line: &str) -> String {
    let value: Value = serde_json::from_str(line).unwrap_or_default();
    let time = value["timestamp_ns"].as_u64().map(clock).unwrap_or_default();
    match value["event"].as_str() {
        Some(name) => format!("{time} {} {}", printable(name), value["data"]),
        None => printable(line),
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::PLAIN;
    use super::*;

    fn shown(event: &str) -> String {
        text(&event.replace('\'', "\""), PLAIN)
    }

    #[test]
    fn every_event_is_one_readable_line() {
        let tail = "'timestamp_ns':12345678901,'seq':4}";
        let cases = [
            ("'partition-created','data':{'id':1}", "partition 1 created"),
            (
                "'partition-state','data':{'id':1,'from':'READY','to':'DEPLOYED','cause':'command'}",
                "partition 1 READY -> DEPLOYED (command)",
            ),
            ("'partition-rebooted','data':{'id':1,'cause':'guest'}", "partition 1 rebooted (guest)"),
            ("'partition-faulted','data':{'id':1,'reason':'memory'}", "partition 1 faulted: memory"),
            ("'partition-destroyed','data':{'id':1}", "partition 1 destroyed"),
            ("'daemon-stopping','data':{}", "vmand stops"),
            ("'events-lost','data':{'lost':7}", "7 events lost: this reader was too slow"),
            ("'moon-rise','data':{'id':1}", "moon-rise {\"id\":1}"),
        ];
        for (event, expected) in cases {
            assert_eq!(shown(&format!("{{'event':{event},{tail}")), format!("[    12.345678] {expected}"));
        }
    }

    #[test]
    fn rubbish_is_shown_but_steers_nothing() {
        assert_eq!(shown("\u{1b}[2J"), "\u{fffd}[2J");
    }
}
