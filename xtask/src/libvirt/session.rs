//! A virtvmand of a job's own: its files below a temporary folder, driving a vmand that is there already.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::build::Built;
use crate::demo::daemon::Daemon;

/// The running daemon.
#[derive(Debug)]
pub struct Session {
    daemon: Daemon,
    /// Where clients connect.
    pub uri: String,
}

impl Session {
    /// Starts it with everything it writes in `dir`.
    ///
    /// # Errors
    /// It ends or does not listen in time; the error shows its log.
    pub fn start(built: &Built, dir: &Path, vmand: &Path) -> Result<Session> {
        let (etc, run) = (dir.join("etc/libvirt"), dir.join("run"));
        fs::create_dir_all(&etc)?;
        fs::create_dir_all(run.join("libvirt"))?;
        let configuration = etc.join("virtvmand.conf");
        fs::write(
            &configuration,
            format!("unix_sock_dir = \"{}\"\nvmand_socket = \"{}\"\n", run.display(), vmand.display()),
        )?;
        let socket = run.join("virtvmand-sock");
        let mut command = Command::new(built.file("src/virtvmand"));
        command.arg("--config").arg(configuration).arg("--pid-file").arg(dir.join("virtvmand.pid"));
        command.env("LIBVIRT_VMAN_ROOT", dir).env("LIBVIRT_DRIVER_DIR", built.build_dir().join("src"));
        let uri = format!("vman:///system?socket={}", socket.display());
        let daemon = Daemon::spawn("virtvmand", command, socket, dir.join("virtvmand.log"))?;
        Ok(Session { daemon, uri })
    }

    /// Where the daemon listens.
    pub fn socket(&self) -> &PathBuf {
        &self.daemon.socket
    }

    /// Stops it and waits for its good end.
    ///
    /// # Errors
    /// It does not end in time, or not well.
    pub fn stop(self) -> Result<()> {
        self.daemon.stop()
    }
}
