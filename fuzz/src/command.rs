//! Requests.

use arbitrary::{Arbitrary, Unstructured};
use vman_core::ErrorKind;
use vman_core::command::{
    Command, ConsoleAttach, ConsoleRead, ConsoleWrite, CreateLink, CreatePartition, Deploy, ImageDelete,
    ImagePut, Incoming, Shutdown, ShutdownMode, Target,
};
use vman_core::id::PartitionId;

/// An odd first byte: the rest is a line. An even one: the rest chooses a command and its arguments.
pub fn run(data: &[u8]) {
    match data.split_first() {
        Some((first, line)) if first % 2 == 1 => any_line(line),
        Some((_, choice)) => {
            if let Ok(command) = command(&mut Unstructured::new(choice)) {
                survives(command);
            }
        }
        None => {}
    }
}

fn any_line(line: &[u8]) {
    match Incoming::parse(line).command {
        Ok(Command::CreatePartition(mut args)) => {
            let memory = args.memory();
            assert!(memory.is_ok_and(|size| size.0 > 0) || args.memory().is_err());
            // Accepted, never written.
            args.primary = None;
            survives(Command::CreatePartition(args));
        }
        Ok(command) => survives(command),
        Err(error) => {
            let kinds = [ErrorKind::Protocol, ErrorKind::Unsupported, ErrorKind::InvalidArgument];
            assert!(kinds.contains(&error.kind()));
            assert!(error.to_string().len() < 4096, "{error}");
        }
    }
}

fn survives(command: Command) {
    let mut line = Vec::new();
    command.encode(&mut line, Some(7));
    assert_eq!(line.iter().position(|byte| *byte == b'\n'), Some(line.len() - 1));
    let again = Incoming::parse(&line);
    assert_eq!(again.id.map(|id| id.get()), Some("7"));
    assert_eq!(again.command, Ok(command));
}

fn command(u: &mut Unstructured<'_>) -> arbitrary::Result<Command> {
    let id = PartitionId(u.arbitrary()?);
    Ok(match u.int_in_range(0..=17)? {
        0 => Command::CreatePartition(CreatePartition {
            cores: u.arbitrary()?,
            secure: u.arbitrary()?,
            memsize: u.arbitrary()?,
            memsize_mib: u.arbitrary()?,
            primary: None,
            name: u.arbitrary()?,
            uuid: None,
            shared_with: Option::arbitrary(u)?.map(PartitionId),
        }),
        1 => Command::Deploy(Deploy {
            partition_id: id,
            kernel: u.arbitrary()?,
            dtb: u.arbitrary()?,
            initrd: u.arbitrary()?,
            cmdline: u.arbitrary()?,
        }),
        2 => Command::DestroyPartition(Target { id }),
        3 => Command::Reboot(Target { id }),
        4 => {
            let mode = if u.arbitrary()? { ShutdownMode::Forced } else { ShutdownMode::Graceful };
            Command::Shutdown(Shutdown { id, mode, timeout_ms: u.arbitrary()? })
        }
        5 => Command::Suspend(Target { id }),
        6 => Command::Restore(Target { id }),
        7 => Command::QueryStats(Target { id }),
        8 => Command::QueryPartition(Target { id }),
        9 => Command::ImagePut(ImagePut {
            digest: u.arbitrary()?,
            size: u.arbitrary()?,
            offset: u.arbitrary()?,
            data: u.arbitrary()?,
        }),
        10 => Command::ImageDelete(ImageDelete { digest: u.arbitrary()? }),
        11 => Command::ConsoleRead(ConsoleRead { id, position: u.arbitrary()?, max: u.arbitrary()? }),
        12 => Command::ConsoleWrite(ConsoleWrite { id, data: u.arbitrary()? }),
        13 => Command::ConsoleAttach(ConsoleAttach { id, position: u.arbitrary()? }),
        14 => Command::QueryHost,
        15 => Command::CreateLink(CreateLink { first: id, second: PartitionId(u.arbitrary()?) }),
        16 => Command::QueryLinks,
        _ => Command::SubscribeEvents,
    })
}
