//! The real daemon on its simulated board.

use std::fs::File;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use super::build::artifact;

/// Longer than its start takes, so that a test fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running vmand; killed when dropped.
pub(crate) struct Daemon {
    child: Child,
    pub(crate) socket: PathBuf,
}

impl Daemon {
    /// Starts vmand with socket, store and log in `scratch`.
    pub(crate) fn start(scratch: &Path) -> Self {
        let socket = scratch.join("vmand.sock");
        let log = scratch.join("vmand.log");
        let child = Command::new(artifact("vmand"))
            .args(["--device", "sim", "--socket"])
            .arg(&socket)
            .arg("--image-dir")
            .arg(scratch)
            .arg("--image-store")
            .arg(scratch.join("store"))
            .stderr(File::create(&log).unwrap())
            .spawn()
            .expect("vmand starts");
        let mut daemon = Self { child, socket };
        daemon.wait(&log);
        daemon
    }

    fn wait(&mut self, log: &Path) {
        let start = Instant::now();
        while UnixStream::connect(&self.socket).is_err() {
            let said = || std::fs::read_to_string(log).unwrap_or_default();
            assert!(self.child.try_wait().unwrap().is_none(), "vmand ended: {}", said());
            assert!(start.elapsed() < PATIENCE, "vmand does not listen: {}", said());
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended by itself, which a test notices elsewhere.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
