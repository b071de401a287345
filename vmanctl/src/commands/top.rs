//! `top`: the same frame again and again.

use std::io::{self, IsTerminal as _, Read as _};
use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

use crossterm::cursor::{Hide, MoveTo, Show};
use crossterm::queue;
use crossterm::terminal::{
    Clear, ClearType, DisableLineWrap, EnableLineWrap, EnterAlternateScreen, LeaveAlternateScreen,
};
use vman_core::command::{self, Command, Partitions, Stats};
use vman_core::{Error, ErrorKind};

use super::Context;
use crate::args;
use crate::error::Failure;
use crate::output::Look;
use crate::output::top::{Snapshot, text};
use crate::target::Target;
use crate::terminal::{self, Asked, RawMode, Signals};
use crate::wait::{Watch, wait};

pub(super) fn top(args: &args::Top, context: &mut Context<'_>) -> Result<(), Failure> {
    let live = context.out_is_terminal && io::stdin().is_terminal();
    if args.once || args.count.is_some() || context.json || !live {
        return print(args, context);
    }
    let raw = RawMode::enter()?;
    queue!(&mut context.out, EnterAlternateScreen, Hide, DisableLineWrap)?;
    let watched = watch(args.interval, context);
    queue!(&mut context.out, EnableLineWrap, Show, LeaveAlternateScreen)?;
    context.out.flush()?;
    drop(raw);
    watched
}

fn snapshot(target: &mut dyn Target) -> Result<Snapshot, Error> {
    let host = target.query(&Command::QueryHost)?;
    let list: Partitions = target.query(&Command::QueryPartitions)?;
    let mut stats = Vec::with_capacity(list.partitions.len());
    for partition in &list.partitions {
        match target.query::<Stats>(&Command::QueryStats(command::Target { id: partition.id })) {
            // It was destroyed meanwhile.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            counters => stats.push(counters?),
        }
    }
    Ok(Snapshot { host, partitions: list.partitions, stats })
}

/// The snapshots of now and of one interval ago.
struct History {
    before: Option<Snapshot>,
    now: Snapshot,
    taken: Instant,
    elapsed: Duration,
}

impl History {
    fn begin(target: &mut dyn Target) -> Result<Self, Error> {
        Ok(Self { before: None, now: snapshot(target)?, taken: Instant::now(), elapsed: Duration::ZERO })
    }

    fn go_on(&mut self, target: &mut dyn Target) -> Result<(), Error> {
        let now = snapshot(target)?;
        self.elapsed = self.taken.elapsed();
        self.taken += self.elapsed;
        self.before = Some(std::mem::replace(&mut self.now, now));
        Ok(())
    }

    fn text(&self, look: Look) -> String {
        text(&self.now, self.before.as_ref().map(|before| (before, self.elapsed)), look)
    }
}

/// Frames one below the other.
fn print(args: &args::Top, context: &mut Context<'_>) -> Result<(), Failure> {
    let mut left = if args.once { Some(1) } else { args.count };
    let mut history = History::begin(&mut *context.target)?;
    while left != Some(0) {
        if context.json {
            let now = history.now.clone();
            context.json_line(&now)?;
        } else {
            writeln!(context.out, "{}", history.text(context.look).trim_end())?;
            context.out.flush()?;
        }
        left = left.map(|left| left - 1);
        if left == Some(0) {
            break;
        }
        let [reader_gone] = wait([Watch::reader(context.out_fd)], Some(args.interval))?;
        if reader_gone {
            return Err(io::Error::from(io::ErrorKind::BrokenPipe).into());
        }
        history.go_on(&mut *context.target)?;
        if !context.json {
            writeln!(context.out)?;
        }
    }
    Ok(())
}

/// Frames in place, until somebody asks for the end.
fn watch(interval: Duration, context: &mut Context<'_>) -> Result<(), Failure> {
    let mut signals = Signals::take()?;
    let mut history = History::begin(&mut *context.target)?;
    loop {
        draw(&history, interval, context)?;
        let due = history.taken + interval;
        match pause(due, &mut signals)? {
            Pause::Over => history.go_on(&mut *context.target)?,
            Pause::Resized => {}
            Pause::Quit => return Ok(()),
        }
    }
}

enum Pause {
    Over,
    Resized,
    Quit,
}

fn pause(due: Instant, signals: &mut Signals) -> Result<Pause, Failure> {
    let stdin = io::stdin();
    loop {
        let left = due.saturating_duration_since(Instant::now());
        let [key, signal] = wait([Watch::Input(stdin.as_fd()), Watch::Input(signals.as_fd())], Some(left))?;
        if key && is_quit(&read_keys()?) {
            return Ok(Pause::Quit);
        }
        match signal.then(|| signals.next()).transpose()?.flatten() {
            Some(Asked::End) => return Ok(Pause::Quit),
            Some(Asked::Resize) => return Ok(Pause::Resized),
            None if due <= Instant::now() => return Ok(Pause::Over),
            None => {}
        }
    }
}

fn read_keys() -> Result<Vec<u8>, Failure> {
    let mut keys = vec![0; 64];
    let length = io::stdin().read(&mut keys).map_err(Failure::Terminal)?;
    keys.truncate(length);
    Ok(keys)
}

/// `q`, Escape alone, `^C`, or a terminal that is gone.
fn is_quit(keys: &[u8]) -> bool {
    const CONTROL_C: u8 = 3;
    const ESCAPE: u8 = 0x1b;
    keys.is_empty() || keys == [ESCAPE] || keys.iter().any(|key| matches!(key, b'q' | b'Q' | &CONTROL_C))
}

/// One write a frame: no line is cleared before its new text is there.
fn draw(history: &History, interval: Duration, context: &mut Context<'_>) -> Result<(), Failure> {
    let (width, rows) = terminal::size().unwrap_or((terminal::DEFAULT_COLUMNS, 24));
    let look = Look { width, ..context.look };
    let head = format!("{} top, every {interval:?}, q quits", context.program);
    let body = history.text(look);
    let mut frame = Vec::new();
    queue!(frame, MoveTo(0, 0))?;
    for (index, line) in [head.as_str(), ""].into_iter().chain(body.lines()).take(rows).enumerate() {
        frame.extend_from_slice(if index == 0 { b"" } else { b"\r\n" });
        frame.extend_from_slice(line.as_bytes());
        queue!(frame, Clear(ClearType::UntilNewLine))?;
    }
    queue!(frame, Clear(ClearType::FromCursorDown))?;
    context.out.write_all(&frame)?;
    Ok(context.out.flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quitting_keys_quit_and_others_do_not() {
        for keys in [b"q".as_slice(), b"Q", b"\x1b", b"\x03", b"xq", b""] {
            assert!(is_quit(keys), "{keys:?}");
        }
        for keys in [b"x".as_slice(), b"\x1b[A", b" "] {
            assert!(!is_quit(keys), "{keys:?}");
        }
    }
}
