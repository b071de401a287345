//! Where the driver's files go: the places are compiled into the daemon.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

/// The longest path of a Unix socket, without its closing NUL.
const SOCKET_PATH_MAX: usize = 107;
/// The longest name of a socket of ours under `run/libvirt`.
const LONGEST_SOCKET: &str = "libvirt/virtvmand-admin-sock";

/// The folders of one installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// Programs and libraries are below it.
    pub prefix: PathBuf,
    /// Configuration.
    pub sysconf: PathBuf,
    /// State that is kept.
    pub localstate: PathBuf,
    /// Sockets and state of running domains.
    pub runstate: PathBuf,
}

impl Layout {
    /// Beside the distribution's libvirt, where its clients look.
    pub fn system() -> Layout {
        Layout {
            prefix: "/usr".into(),
            sysconf: "/etc".into(),
            localstate: "/var".into(),
            runstate: "/run".into(),
        }
    }

    /// Everything below one folder.
    ///
    /// # Errors
    /// The folder's name is too long for sockets in it, or cannot stand in a shell script.
    pub fn private(prefix: &Path) -> Result<Layout> {
        let prefix = std::path::absolute(prefix)?;
        let runstate = prefix.join("run");
        let length = runstate.join(LONGEST_SOCKET).as_os_str().len();
        if length > SOCKET_PATH_MAX {
            bail!("{} is {} bytes too long for sockets below it", prefix.display(), length - SOCKET_PATH_MAX);
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@".contains(c);
        if !prefix.to_string_lossy().chars().all(plain) {
            bail!("{} holds characters that configuration files cannot quote", prefix.display());
        }
        Ok(Layout { sysconf: prefix.join("etc"), localstate: prefix.join("var"), runstate, prefix })
    }

    /// Whether clients find the daemon without being told where.
    pub fn is_system(&self) -> bool {
        *self == Layout::system()
    }

    /// The address that clients connect to.
    pub fn uri(&self) -> String {
        if self.is_system() {
            return "vman:///system".to_owned();
        }
        format!("vman:///system?socket={}", self.runstate.join("libvirt/virtvmand-sock").display())
    }

    /// The options for libvirt's build.
    pub fn meson_options(&self) -> Vec<String> {
        let places = [
            ("prefix", &self.prefix),
            ("sysconfdir", &self.sysconf),
            ("localstatedir", &self.localstate),
            ("runstatedir", &self.runstate),
        ];
        places.iter().map(|(name, place)| format!("-D{name}={}", place.display())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_installation_is_told_to_clients_by_its_socket() {
        let layout = Layout::private(Path::new("/opt/vman")).unwrap();
        assert_eq!(layout.uri(), "vman:///system?socket=/opt/vman/run/libvirt/virtvmand-sock");
        assert_eq!(Layout::system().uri(), "vman:///system");
    }

    #[test]
    fn a_prefix_that_sockets_or_scripts_cannot_bear_is_refused() {
        let long = "/opt/".to_owned() + &"x".repeat(90);
        assert!(Layout::private(Path::new(&long)).unwrap_err().to_string().contains("too long"));
        assert!(Layout::private(Path::new("/opt/a b")).is_err());
    }
}
