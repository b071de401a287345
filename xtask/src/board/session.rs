//! A board that runs in the background: `board up`, `down`, `console`.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::qemu::Machine;
use super::{directory, initramfs};
use crate::{process, workspace};

/// Emulation on a loaded machine is slow; half a minute is usual.
const BOOT_LIMIT: Duration = Duration::from_secs(300);
const STOP_LIMIT: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(250);
/// What `sockaddr_un` holds.
const SOCKET_PATH_LIMIT: usize = 107;
/// How many lines of the console an error repeats.
const LAST_LINES: usize = 20;

/// The files of a running board.
#[derive(Debug, Clone)]
pub struct Session {
    dir: PathBuf,
}

impl Session {
    /// The one of this checkout, whether it runs or not.
    ///
    /// # Errors
    /// The build directory cannot be made, or its name is too long for sockets.
    pub fn open() -> Result<Self> {
        let session = Self { dir: directory()?.join("run") };
        let longest = session.console_socket();
        if longest.as_os_str().len() > SOCKET_PATH_LIMIT {
            bail!("{} is too long for a socket: set CARGO_TARGET_DIR to a shorter path", longest.display());
        }
        Ok(session)
    }

    /// Where the host's clients reach the board's vmand.
    pub fn socket(&self) -> PathBuf {
        self.dir.join("vmand.sock")
    }

    /// Console of the management partition.
    pub fn console_socket(&self) -> PathBuf {
        self.dir.join("console.sock")
    }

    /// Everything that the console has said.
    pub fn console_log(&self) -> PathBuf {
        self.dir.join("console.log")
    }

    pub(super) fn port(&self) -> PathBuf {
        self.dir.join("port.sock")
    }

    pub(super) fn monitor(&self) -> PathBuf {
        self.dir.join("qmp.sock")
    }

    pub(super) fn pid_file(&self) -> PathBuf {
        self.dir.join("qemu.pid")
    }

    fn relay_pid_file(&self) -> PathBuf {
        self.dir.join("relay.pid")
    }

    /// Boots the board in the background and waits until its vmand answers on [`Session::socket`].
    ///
    /// # Errors
    /// One runs already, or it does not come up; the error repeats what its console said last.
    pub fn up(&self, machine: &Machine) -> Result<()> {
        if self.is_up() {
            bail!("The board runs already: `cargo xtask board down` ends it");
        }
        self.remove()?;
        fs::DirBuilder::new().mode(0o700).create(&self.dir)?;
        process::read(&mut machine.background(self)?)?;
        let booted = self.start_relay().and_then(|()| self.wait_for_vmand());
        booted.inspect_err(|_| {
            // The error that matters is the one at hand.
            let _ = self.down();
        })
    }

    /// Ends the board and its relay.
    ///
    /// # Errors
    /// QEMU does not end.
    pub fn down(&self) -> Result<()> {
        if let Some(relay) = read_pid(&self.relay_pid_file()).filter(|pid| is_program(*pid, "vman-relay")) {
            kill(relay, Signal::SIGTERM).context("Cannot stop vman-relay")?;
        }
        if let Some(qemu) = self.qemu() {
            quit(&self.monitor()).or_else(|_| kill(qemu, Signal::SIGTERM).context("Cannot stop QEMU"))?;
            wait_for(STOP_LIMIT, || self.qemu().is_none())
                .or_else(|_| {
                    kill(qemu, Signal::SIGTERM).context("Cannot stop QEMU")?;
                    wait_for(STOP_LIMIT, || self.qemu().is_none())
                })
                .context("QEMU does not end")?;
        }
        self.remove()
    }

    /// Whether QEMU runs.
    pub fn is_up(&self) -> bool {
        self.qemu().is_some()
    }

    fn qemu(&self) -> Option<Pid> {
        read_pid(&self.pid_file()).filter(|pid| is_program(*pid, "qemu-system-aar"))
    }

    fn remove(&self) -> Result<()> {
        match self.dir.exists() {
            true => {
                fs::remove_dir_all(&self.dir).with_context(|| format!("Cannot remove {}", self.dir.display()))
            }
            false => Ok(()),
        }
    }

    fn start_relay(&self) -> Result<()> {
        let mut relay = Command::new(host_program("vman-relay")?);
        relay.arg("host").arg("--socket").arg(self.socket()).arg("--port").arg(self.port());
        // A Ctrl-C at the terminal is not for it.
        relay.process_group(0).stdin(Stdio::null()).stdout(Stdio::null());
        relay.stderr(File::create(self.dir.join("relay.log"))?);
        let child: Child =
            relay.spawn().with_context(|| format!("Cannot run `{}`", process::display(&relay)))?;
        Ok(fs::write(self.relay_pid_file(), child.id().to_string())?)
    }

    fn wait_for_vmand(&self) -> Result<()> {
        let begin = Instant::now();
        let mut question = Command::new(host_program("vmanctl")?);
        question.arg("--socket").arg(self.socket()).arg("version");
        while process::read(&mut question).is_err() {
            if !self.is_up() {
                bail!("The board turned itself off; its console's last lines:\n{}", self.last_lines());
            }
            if begin.elapsed() > BOOT_LIMIT {
                let limit = BOOT_LIMIT.as_secs();
                bail!(
                    "vmand does not answer after {limit} s; the console's last lines:\n{}",
                    self.last_lines()
                );
            }
            thread::sleep(PAUSE);
        }
        Ok(())
    }

    fn last_lines(&self) -> String {
        let text = fs::read(self.console_log()).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(LAST_LINES)..].join("\n")
    }
}

/// libvman for programs of this machine, built if need be.
///
/// # Errors
/// It does not build.
pub(super) fn host_library() -> Result<()> {
    let mut cargo = Command::new(workspace::cargo());
    cargo.args(["build", "--quiet", "--package", "vman-ffi", "--lib"]).current_dir(workspace::root());
    process::read(&mut cargo).map(drop)
}

/// A program of ours for this machine, built if need be.
///
/// # Errors
/// It does not build.
pub(super) fn host_program(name: &str) -> Result<PathBuf> {
    let package = if name == "vman-relay" { "vmand" } else { name };
    let mut cargo = Command::new(workspace::cargo());
    cargo.args(["build", "--quiet", "--package", package, "--bin", name]).current_dir(workspace::root());
    process::read(&mut cargo)?;
    Ok(workspace::target_dir().join("debug").join(name))
}

/// The kernel and the initramfs that partitions start, as files of this machine.
///
/// # Errors
/// As [`initramfs::guest`].
pub(super) fn guest_initramfs() -> Result<PathBuf> {
    let path = directory()?.join("guest.cpio");
    initramfs::guest(&path)?;
    Ok(path)
}

/// Asks QEMU to end, over its machine protocol.
fn quit(monitor: &Path) -> Result<()> {
    let stream = UnixStream::connect(monitor)?;
    stream.set_read_timeout(Some(STOP_LIMIT))?;
    let mut answers = BufReader::new(&stream).lines();
    for command in ["qmp_capabilities", "quit"] {
        answers.next().context("QEMU says nothing")??;
        (&stream).write_all(format!("{{\"execute\": \"{command}\"}}\n").as_bytes())?;
    }
    // QEMU forgets what a connection asked for that is closed before the answer; a connection that it closes is one.
    let _ = answers.next();
    Ok(())
}

fn read_pid(file: &Path) -> Option<Pid> {
    fs::read_to_string(file).ok()?.trim().parse().ok().map(Pid::from_raw)
}

/// Whether the process is (still) the program of this name: its number may have been given to another.
fn is_program(pid: Pid, name: &str) -> bool {
    fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|comm| comm.trim() == name)
}

fn wait_for(limit: Duration, mut done: impl FnMut() -> bool) -> Result<()> {
    let begin = Instant::now();
    while !done() {
        if begin.elapsed() > limit {
            bail!("Not after {} s", limit.as_secs());
        }
        thread::sleep(PAUSE);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_of_another_program_is_not_taken_for_ours() {
        let this = Pid::this();
        let comm = fs::read_to_string("/proc/self/comm").unwrap();
        assert!(is_program(this, comm.trim()));
        assert!(!is_program(this, "qemu-system-aar"));
    }
}
