//! A daemon of the demonstration's own, behind a socket in a temporary directory: vmand on the simulated board, or
//! any other.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::process;

/// A loaded machine may need seconds to start a program; nothing waits that long otherwise.
const START_LIMIT: Duration = Duration::from_secs(30);
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// A running daemon; it is killed when this value goes away without [`Daemon::stop`].
#[derive(Debug)]
pub struct Daemon {
    name: &'static str,
    child: Child,
    /// Where it listens.
    pub socket: PathBuf,
    log: PathBuf,
}

impl Daemon {
    /// Starts `program` with everything it writes in `dir`, and waits until it listens. Names of kernels without a
    /// folder are looked up in `images`.
    ///
    /// # Errors
    /// It ends or does not listen in time; the error shows its log.
    pub fn start(program: &Path, dir: &Path, images: &Path) -> Result<Daemon> {
        let (socket, log) = (dir.join("vmand.sock"), dir.join("vmand.log"));
        let mut command = Command::new(program);
        command
            .args(["--device", "sim"])
            .arg("--socket")
            .arg(&socket)
            .arg("--image-store")
            .arg(dir.join("images"));
        command.arg("--image-dir").arg(images);
        Daemon::spawn("vmand", command, socket, log)
    }

    /// Starts `command` with its log in `log`, and waits until it listens on `socket`.
    ///
    /// # Errors
    /// It ends or does not listen in time; the error shows its log.
    pub fn spawn(name: &'static str, mut command: Command, socket: PathBuf, log: PathBuf) -> Result<Daemon> {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(&log)?);
        let child =
            command.spawn().with_context(|| format!("Cannot run `{}`", process::display(&command)))?;
        let mut daemon = Daemon { name, child, socket, log };
        daemon.wait_until_it_listens()?;
        Ok(daemon)
    }

    /// Stops it as a service manager does, and waits for its good end.
    ///
    /// # Errors
    /// It does not end in time, or not well.
    pub fn stop(mut self) -> Result<()> {
        kill(Pid::from_raw(i32::try_from(self.child.id())?), Signal::SIGTERM)
            .with_context(|| format!("Cannot stop {}", self.name))?;
        let status = wait_at_most(&mut self.child, STOP_LIMIT)?
            .ok_or_else(|| anyhow!("{} does not stop", self.name))?;
        if !status.success() {
            bail!("{} ended with {status}; its log:\n{}", self.name, self.log_text());
        }
        Ok(())
    }

    fn wait_until_it_listens(&mut self) -> Result<()> {
        let begin = Instant::now();
        while !self.socket.exists() {
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended with {status}; its log:\n{}", self.name, self.log_text());
            }
            if begin.elapsed() > START_LIMIT {
                bail!(
                    "{} does not listen after {} s; its log:\n{}",
                    self.name,
                    START_LIMIT.as_secs(),
                    self.log_text()
                );
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// What it has written so far.
    pub fn log_text(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_else(|error| format!("(no log: {error})"))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            // It may end by itself between the question and the signal.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn wait_at_most(child: &mut Child, limit: Duration) -> Result<Option<ExitStatus>> {
    let begin = Instant::now();
    while begin.elapsed() < limit {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        thread::sleep(Duration::from_millis(5));
    }
    Ok(None)
}
