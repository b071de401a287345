//! Whatever this library writes, it reads back: commands, events, partitions. And no line makes it panic.
#![allow(clippy::unwrap_used, reason = "a test stops where its own material is wrong")]

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;
use vman_core::ErrorKind;
use vman_core::command::{
    Command, ConsoleAttach, ConsoleRead, ConsoleWrite, CreateLink, CreatePartition, Deploy, ErrorReply,
    EventData, EventRecord, Fault, Hello, ImageDelete, ImagePut, Incoming, PartitionRecord, Role, Shutdown,
    ShutdownMode, Target,
};
use vman_core::device::Cause;
use vman_core::id::{CpuId, PartitionId};
use vman_core::state::{Condition, Operation, PartitionState};

fn id() -> impl Strategy<Value = PartitionId> {
    any::<u32>().prop_map(PartitionId)
}

/// Any text, also with quotes, control characters and what is beyond the basic plane.
fn text() -> impl Strategy<Value = String> {
    vec(any::<char>(), 0..40).prop_map(String::from_iter)
}

fn uuid() -> impl Strategy<Value = Uuid> {
    any::<u128>().prop_map(Uuid::from_u128)
}

fn create() -> impl Strategy<Value = Command> {
    let sizes = (option::of(any::<u64>()), option::of(any::<u64>()));
    (any::<u32>(), any::<bool>(), sizes, option::of(text()), option::of(uuid()), option::of(id())).prop_map(
        |(cores, secure, (memsize, memsize_mib), name, uuid, shared_with)| {
            Command::CreatePartition(CreatePartition {
                cores,
                secure,
                memsize,
                memsize_mib,
                // Accepted, never written.
                primary: None,
                name,
                uuid,
                shared_with,
            })
        },
    )
}

fn deploy() -> impl Strategy<Value = Command> {
    (id(), text(), option::of(text()), option::of(text()), option::of(text())).prop_map(
        |(partition_id, kernel, dtb, initrd, cmdline)| {
            Command::Deploy(Deploy { partition_id, kernel, dtb, initrd, cmdline })
        },
    )
}

fn shutdown() -> impl Strategy<Value = Command> {
    let mode = prop_oneof![Just(ShutdownMode::Forced), Just(ShutdownMode::Graceful)];
    (id(), mode, option::of(any::<u64>()))
        .prop_map(|(id, mode, timeout_ms)| Command::Shutdown(Shutdown { id, mode, timeout_ms }))
}

fn targeted() -> impl Strategy<Value = Command> {
    let constructors: [fn(Target) -> Command; 6] = [
        Command::DestroyPartition,
        Command::Reboot,
        Command::Suspend,
        Command::Restore,
        Command::QueryPartition,
        Command::QueryStats,
    ];
    (id(), prop::sample::select(constructors.to_vec())).prop_map(|(id, make)| make(Target { id }))
}

fn bare() -> impl Strategy<Value = Command> {
    prop::sample::select(vec![
        Command::QueryVersion,
        Command::QueryHost,
        Command::QueryPartitions,
        Command::QueryLinks,
        Command::ImageList,
        Command::SubscribeEvents,
        Command::Hello(Hello { role: Role::Operator }),
        Command::Hello(Hello { role: Role::Observer }),
    ])
}

fn data() -> impl Strategy<Value = Command> {
    let bytes = || vec(any::<u8>(), 0..200);
    prop_oneof![
        (text(), any::<u64>(), any::<u64>(), bytes()).prop_map(|(digest, size, offset, data)| {
            Command::ImagePut(ImagePut { digest, size, offset, data })
        }),
        (id(), id()).prop_map(|(first, second)| Command::CreateLink(CreateLink { first, second })),
        text().prop_map(|digest| Command::ImageDelete(ImageDelete { digest })),
        (id(), bytes()).prop_map(|(id, data)| Command::ConsoleWrite(ConsoleWrite { id, data })),
        (id(), option::of(any::<u64>()), option::of(any::<u32>()))
            .prop_map(|(id, position, max)| Command::ConsoleRead(ConsoleRead { id, position, max })),
        (id(), option::of(any::<u64>()))
            .prop_map(|(id, position)| Command::ConsoleAttach(ConsoleAttach { id, position })),
    ]
}

fn command() -> impl Strategy<Value = Command> {
    prop_oneof![create(), deploy(), shutdown(), targeted(), bare(), data()]
}

fn state() -> impl Strategy<Value = PartitionState> {
    prop::sample::select(PartitionState::ALL.to_vec())
}

fn cause() -> impl Strategy<Value = Cause> {
    prop::sample::select(vec![Cause::Command, Cause::Guest, Cause::Firmware])
}

fn event() -> impl Strategy<Value = EventData> {
    prop_oneof![
        id().prop_map(|id| EventData::PartitionCreated { id }),
        (id(), state(), state(), cause()).prop_map(|(id, from, to, cause)| EventData::PartitionState {
            id,
            from,
            to,
            cause
        }),
        (id(), cause()).prop_map(|(id, cause)| EventData::PartitionRebooted { id, cause }),
        (id(), text()).prop_map(|(id, reason)| EventData::PartitionFaulted { id, reason }),
        id().prop_map(|id| EventData::PartitionDestroyed { id }),
        any::<u64>().prop_map(|lost| EventData::EventsLost { lost }),
        Just(EventData::DaemonStopping {}),
    ]
}

fn partition() -> impl Strategy<Value = PartitionRecord> {
    let identity = (id(), option::of(text()), option::of(uuid()));
    let condition = prop::sample::select(vec![Condition::Running, Condition::Faulted]);
    let fault = option::of(text().prop_map(|reason| Fault { reason }));
    let busy = option::of(prop::sample::select(Operation::ALL.to_vec()));
    let status = (state(), condition, fault, busy);
    let world = (any::<bool>(), option::of(id()));
    let resources = (vec(any::<u16>().prop_map(CpuId), 0..8), any::<u64>(), any::<u64>());
    (identity, status, world, resources).prop_map(|(identity, status, world, resources)| {
        let (id, name, uuid) = identity;
        let (state, condition, fault, busy) = status;
        let (secure, shared_with) = world;
        let (cores, memsize_mib, memory_base) = resources;
        PartitionRecord {
            id,
            name,
            uuid,
            state,
            condition,
            fault,
            busy,
            secure,
            shared_with,
            cores,
            memsize_mib,
            memory_base,
        }
    })
}

fn through_text<T: Serialize + DeserializeOwned>(value: &T) -> T {
    let text = serde_json::to_string(value).unwrap();
    assert!(!text.contains('\n'), "a newline would end the line: {text:?}");
    serde_json::from_str(&text).unwrap()
}

proptest! {
    #[test]
    fn command_is_read_back_as_it_was_written(command in command(), id in option::of(any::<u64>())) {
        let mut line = Vec::new();
        command.encode(&mut line, id);
        prop_assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
        prop_assert_eq!(line.last(), Some(&b'\n'));
        let incoming = Incoming::parse(&line);
        prop_assert_eq!(incoming.id.map(|raw| raw.get().to_owned()), id.map(|id| id.to_string()));
        prop_assert_eq!(incoming.command, Ok(command));
    }

    #[test]
    fn event_is_read_back_as_it_was_written(event in event(), timestamp_ns in any::<u64>(), seq in any::<u64>()) {
        let record = EventRecord { event, timestamp_ns, seq };
        let text = serde_json::to_string(&record).unwrap();
        let name = format!("\"event\":\"{}\"", record.event.name());
        prop_assert!(text.contains(&name), "{} in {}", name, text);
        prop_assert_eq!(through_text(&record), record);
    }

    #[test]
    fn partition_is_read_back_as_it_was_written(partition in partition()) {
        prop_assert_eq!(through_text(&partition), partition);
    }

    #[test]
    fn refusal_keeps_its_kind_and_text(kind in prop::sample::select(ErrorKind::ALL.to_vec()), desc in text()) {
        let reply = through_text(&ErrorReply::new(kind, desc.clone()));
        prop_assert_eq!((reply.kind(), reply.desc), (kind, desc));
    }

    #[test]
    fn any_bytes_are_a_command_or_a_refusal(line in vec(any::<u8>(), 0..300)) {
        if let Err(error) = Incoming::parse(&line).command {
            prop_assert!(error.to_string().len() < 4096);
        }
    }

    /// One byte of a good line changed: what is accepted can be written and read again.
    #[test]
    fn damaged_line_is_a_command_or_a_refusal(command in command(), place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut line = Vec::new();
        command.encode(&mut line, Some(1));
        let index = place.index(line.len());
        line[index] = byte;
        if let Ok(command) = Incoming::parse(&line).command {
            let mut again = Vec::new();
            command.encode(&mut again, None);
            let read = Incoming::parse(&again).command;
            // `primary` may have come in by the damage; it is not written.
            let same_name = read.as_ref().is_ok_and(|read| read.name() == command.name());
            prop_assert!(same_name, "{:?}", read);
        }
    }
}
