//! The terminal as the console of a board that runs in the background.

use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;

use anyhow::{Context, Result};
use nix::sys::termios::{self, SetArg, Termios};

/// Ctrl-].
const LEAVE: u8 = 0x1d;

/// Connects the terminal to the console until Ctrl-], the end of the input or the end of the board.
///
/// # Errors
/// No board runs, or the terminal breaks.
pub(super) fn attach(socket: &Path) -> Result<()> {
    let stream = UnixStream::connect(socket).context("No board runs: `cargo xtask board up` starts one")?;
    eprintln!("Console of the management partition; Ctrl-] leaves it");
    let _raw = Raw::enter()?;
    let mut input = stream.try_clone()?;
    // Ends with the process: a read of the terminal cannot be taken back.
    thread::spawn(move || {
        // Either side may be gone; the other thread sees it.
        let _ = type_into(&mut input);
        let _ = input.shutdown(Shutdown::Both);
    });
    show(stream)
}

fn type_into(console: &mut UnixStream) -> io::Result<()> {
    let mut bytes = [0; 256];
    loop {
        let count = io::stdin().read(&mut bytes)?;
        let typed = &bytes[..count];
        let leave = typed.iter().position(|byte| *byte == LEAVE);
        console.write_all(&typed[..leave.unwrap_or(count)])?;
        if leave.is_some() || count == 0 {
            return Ok(());
        }
    }
}

fn show(mut console: UnixStream) -> Result<()> {
    let mut bytes = [0; 4096];
    loop {
        match console.read(&mut bytes)? {
            0 => return Ok(()),
            count => {
                io::stdout().write_all(&bytes[..count])?;
                io::stdout().flush()?;
            }
        }
    }
}

/// A terminal that hands over each key; as before when this goes.
struct Raw(Option<Termios>);

impl Raw {
    fn enter() -> Result<Self> {
        if !io::stdin().is_terminal() {
            return Ok(Self(None));
        }
        let before = termios::tcgetattr(io::stdin())?;
        let mut raw = before.clone();
        termios::cfmakeraw(&mut raw);
        termios::tcsetattr(io::stdin(), SetArg::TCSANOW, &raw)?;
        Ok(Self(Some(before)))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            // The terminal may be gone.
            let _ = termios::tcsetattr(io::stdin(), SetArg::TCSANOW, before);
        }
    }
}
