//! `console`: a partition's console on this terminal, or through pipes.

use std::fs::File;
use std::io::{self, IsTerminal as _, Read as _};
use std::os::fd::AsFd as _;
use std::time::Duration;

use vman_core::command::{Command, ConsoleAttach, ConsoleChunk, ConsoleRead};
use vman_core::id::PartitionId;
use vman_core::{Error, ErrorKind};

use super::Context;
use crate::args;
use crate::error::Failure;
use crate::target::ConsoleLink;
use crate::terminal::{Asked, RawMode, Signals};
use crate::wait::{Watch, wait};

/// `^]` leaves the console, as in virsh and telnet.
const ESCAPE: u8 = 0x1d;
/// How often a console is asked that cannot tell by itself that something has come.
const POLL: Duration = Duration::from_millis(20);

pub(super) fn console(args: &args::Console, context: &mut Context<'_>) -> Result<(), Failure> {
    let id = args.partition.resolve(&mut *context.target)?;
    if args.dump {
        return dump(id, context);
    }
    let position = args.all.then_some(0);
    let input = if args.no_input { Input::None } else { Input::open()? };
    let raw = matches!(input, Input::Terminal(_)).then(RawMode::enter).transpose()?;
    let interactive = raw.is_some();
    let end = attach(ConsoleAttach { id, position }, input, context);
    drop(raw);
    if interactive {
        // The partition's prompt and the shell's do not share a line.
        writeln!(context.err)?;
    }
    match end? {
        End::Left => Ok(()),
        End::Gone => note(context, &format!("Partition {id} is gone")),
    }
}

/// Why a console ended without an error.
enum End {
    Left,
    Gone,
}

/// What types into the console.
enum Input {
    None,
    Pipe(File),
    Terminal(File),
}

impl Input {
    fn open() -> Result<Self, Failure> {
        let stdin = io::stdin();
        let file = File::from(stdin.as_fd().try_clone_to_owned().map_err(Failure::Terminal)?);
        Ok(if stdin.is_terminal() { Self::Terminal(file) } else { Self::Pipe(file) })
    }

    fn watch(&self) -> Watch<'_> {
        match self {
            Self::None => Watch::Nothing,
            Self::Pipe(file) | Self::Terminal(file) => Watch::Input(file.as_fd()),
        }
    }

    /// What was typed, and whether there may be more.
    fn read(&mut self) -> Result<(Vec<u8>, Typed), Failure> {
        let is_terminal = matches!(self, Self::Terminal(_));
        let (Self::Pipe(file) | Self::Terminal(file)) = self else { return Ok((Vec::new(), Typed::NoMore)) };
        let mut buffer = vec![0; 4096];
        let length = file.read(&mut buffer).map_err(Failure::Terminal)?;
        buffer.truncate(length);
        Ok(typed(buffer, is_terminal))
    }
}

/// What comes after something was typed.
#[derive(Debug, PartialEq, Eq)]
enum Typed {
    More,
    NoMore,
    Escape,
}

/// Only keys of a terminal can leave the console: bytes of a pipe are the partition's, whatever they are.
fn typed(mut bytes: Vec<u8>, is_terminal: bool) -> (Vec<u8>, Typed) {
    if bytes.is_empty() {
        return (bytes, Typed::NoMore);
    }
    match bytes.iter().position(|byte| is_terminal && *byte == ESCAPE) {
        Some(position) => {
            bytes.truncate(position);
            (bytes, Typed::Escape)
        }
        None => (bytes, Typed::More),
    }
}

fn attach(attach: ConsoleAttach, mut input: Input, context: &mut Context<'_>) -> Result<End, Failure> {
    let target = &*context.target;
    let mut link = target.console(&attach)?;
    let mut screen = Screen { next: attach.position, out: context.out, err: context.err, json: context.json };
    let mut signals = Signals::take()?;
    if matches!(input, Input::Terminal(_)) {
        screen.note(&format!("Console of partition {}, leave it with ^]", attach.id))?;
    }
    loop {
        if let Some(end) = screen.show(&mut *link)? {
            return Ok(end);
        }
        let came = link.as_fd().map_or(Watch::Nothing, Watch::Input);
        let poll = link.as_fd().is_none().then_some(POLL);
        let watched = [came, input.watch(), Watch::Input(signals.as_fd()), Watch::reader(context.out_fd)];
        let [_, typed, signal, reader_gone] = wait(watched, poll)?;
        if reader_gone {
            return Err(io::Error::from(io::ErrorKind::BrokenPipe).into());
        }
        if signal && signals.next()? == Some(Asked::End) {
            return Ok(End::Left);
        }
        if typed && !screen.forward(&mut input, &mut *link)? {
            return Ok(End::Left);
        }
    }
}

/// Where a console is shown.
struct Screen<'a> {
    next: Option<u64>,
    out: &'a mut dyn io::Write,
    err: &'a mut dyn io::Write,
    json: bool,
}

impl Screen<'_> {
    /// Shows everything that has come.
    fn show(&mut self, link: &mut dyn ConsoleLink) -> Result<Option<End>, Failure> {
        loop {
            match link.try_next() {
                Ok(Some(chunk)) => self.print(&chunk)?,
                Ok(None) => {
                    self.out.flush()?;
                    return Ok(None);
                }
                Err(error) => {
                    if let Some(end) = self.refused(error)? {
                        return Ok(Some(end));
                    }
                }
            }
        }
    }

    fn print(&mut self, chunk: &ConsoleChunk) -> Result<(), Failure> {
        let lost = self.next.map_or(0, |next| chunk.position.saturating_sub(next));
        // Older than what was asked for from the start is not lost, it was never kept.
        if lost > 0 && self.next != Some(0) {
            self.note(&format!("{lost} bytes were printed faster than they could be read"))?;
        }
        self.next = Some(chunk.position.saturating_add(u64::try_from(chunk.data.len()).unwrap_or(u64::MAX)));
        write_chunk(self.out, chunk, self.json)
    }

    /// A partition that is gone is an end, typing in vain is worth a note, everything else is an error.
    fn refused(&mut self, error: Error) -> Result<Option<End>, Failure> {
        const IN_VAIN: [ErrorKind; 4] = [
            ErrorKind::Busy,
            ErrorKind::Unsupported,
            ErrorKind::PermissionDenied,
            ErrorKind::InvalidArgument,
        ];
        let kind = error.kind();
        if kind == ErrorKind::NotFound {
            return Ok(Some(End::Gone));
        }
        if IN_VAIN.contains(&kind) {
            return self.note(&error.to_string()).map(|()| None);
        }
        Err(error.into())
    }

    /// Types what was typed; false when the console was left.
    fn forward(&mut self, input: &mut Input, link: &mut dyn ConsoleLink) -> Result<bool, Failure> {
        let (bytes, next) = input.read()?;
        if !bytes.is_empty()
            && let Err(error) = link.write(&bytes)
            && self.refused(error)?.is_some()
        {
            return Ok(true);
        }
        if next == Typed::NoMore {
            *input = Input::None;
        }
        Ok(next != Typed::Escape)
    }

    /// On a raw terminal a line needs its carriage return.
    fn note(&mut self, text: &str) -> Result<(), Failure> {
        self.out.flush()?;
        write!(self.err, "\r[{text}]\r\n")?;
        Ok(self.err.flush()?)
    }
}

fn write_chunk(out: &mut dyn io::Write, chunk: &ConsoleChunk, json: bool) -> Result<(), Failure> {
    if json {
        let line = serde_json::to_string(chunk).map_err(|error| Failure::Output(error.into()))?;
        return Ok(writeln!(out, "{line}")?);
    }
    Ok(out.write_all(&chunk.data)?)
}

fn note(context: &mut Context<'_>, text: &str) -> Result<(), Failure> {
    Ok(writeln!(context.err, "[{text}]")?)
}

/// Prints what is kept, up to what had been printed when this began.
fn dump(id: PartitionId, context: &mut Context<'_>) -> Result<(), Failure> {
    let mut position = None;
    let mut end = u64::MAX;
    while position.is_none_or(|position| position < end) {
        let args = ConsoleRead { id, position, max: None };
        let chunk: ConsoleChunk = context.target.query(&Command::ConsoleRead(args))?;
        if chunk.data.is_empty() {
            break;
        }
        write_chunk(context.out, &chunk, context.json)?;
        end = end.min(chunk.end);
        position = Some(chunk.position.saturating_add(u64::try_from(chunk.data.len()).unwrap_or(u64::MAX)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_leaves_a_terminal_after_what_was_typed_before() {
        assert_eq!(typed(b"ls\x1dmore".to_vec(), true), (b"ls".to_vec(), Typed::Escape));
        assert_eq!(typed(b"\x03".to_vec(), true), (b"\x03".to_vec(), Typed::More));
        assert_eq!(typed(Vec::new(), true), (Vec::new(), Typed::NoMore));
    }

    #[test]
    fn pipe_may_carry_any_byte() {
        assert_eq!(typed(b"a\x1db".to_vec(), false), (b"a\x1db".to_vec(), Typed::More));
    }
}
