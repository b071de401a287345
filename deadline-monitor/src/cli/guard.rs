//! `guard`: the process that gives threads back when its monitor is killed; and its other end.

use std::env;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, ExitCode, Stdio};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use deadline_monitor::sched::{LinuxScheduler, guard};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};

use super::Result;

/// Listens to the monitor until it is gone. What would end the monitor in an orderly way does not end this.
pub(crate) fn run() -> Result<ExitCode> {
    for signal in [SIGINT, SIGTERM, SIGHUP, SIGQUIT] {
        signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false)))?;
    }
    guard(io::stdin().lock(), &mut LinuxScheduler, "/proc".as_ref());
    Ok(ExitCode::SUCCESS)
}

/// A guard at work. It ends when this value and all its pipes are gone.
#[derive(Debug)]
pub(crate) struct Guard {
    child: Child,
    pipe: Arc<Mutex<Option<ChildStdin>>>,
}

/// What a monitor tells the guard through.
#[derive(Debug, Clone)]
pub(crate) struct Pipe(Option<Arc<Mutex<Option<ChildStdin>>>>);

impl Guard {
    /// Starts one, in a process group of its own so that what is sent to the monitor's group spares it.
    pub(crate) fn start() -> Result<Guard> {
        let mut command = Command::new(env::current_exe()?);
        command
            .arg("guard")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut child = command.spawn().map_err(|error| format!("Cannot start the guard: {error}"))?;
        let pipe = Arc::new(Mutex::new(child.stdin.take()));
        Ok(Guard { child, pipe })
    }

    /// Another end of its pipe.
    pub(crate) fn pipe(&self) -> Pipe {
        Pipe(Some(self.pipe.clone()))
    }
}

impl Pipe {
    /// Nobody listens: for monitors that touch nothing.
    pub(crate) fn nowhere() -> Pipe {
        Pipe(None)
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(pipe) = &self.0 else { return Ok(bytes.len()) };
        let mut pipe = pipe.lock().unwrap_or_else(PoisonError::into_inner);
        pipe.as_mut().map_or(Err(io::ErrorKind::BrokenPipe.into()), |pipe| pipe.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Guard {
    /// By now the monitors have released their threads; the guard ends with its pipe.
    fn drop(&mut self) {
        drop(self.pipe.lock().unwrap_or_else(PoisonError::into_inner).take());
        let _ = self.child.wait();
    }
}
