//! The real vmand on a simulated board, which can be reached without vmand too.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use vman_sim::{SimConfig, SimDevice};
use vmand::{Config, Server};

use crate::Run;

/// Longer than anything here takes, so that a test fails instead of hanging.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A board with vmand on it; both serve until the tests end.
pub(crate) struct Real {
    directory: tempfile::TempDir,
    device: SimDevice,
}

/// The two ways to the same board.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Vmand,
    Device,
}

impl Way {
    pub(crate) const BOTH: [Self; 2] = [Self::Vmand, Self::Device];
}

impl Real {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let device = SimDevice::new(SimConfig::default()).unwrap();
        let real = Self { directory, device };
        std::fs::create_dir(real.path("boot")).unwrap();
        std::fs::write(real.path("boot/kernel"), kernel(1 << 20)).unwrap();
        real.serve_board();
        real.serve_vmand();
        for socket in ["vmand.sock", "board.sock"] {
            wait_for_socket(&real.path(socket));
        }
        real
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn device(&self) -> &SimDevice {
        &self.device
    }

    fn serve_board(&self) {
        let (device, path) = (self.device.clone(), self.path("board.sock"));
        std::thread::spawn(move || vman_sim::serve(&device, &path, || ()).unwrap());
    }

    fn serve_vmand(&self) {
        let mut config = Config { socket: self.path("vmand.sock"), ..Config::default() };
        config.image_dirs = vec![self.path("boot")];
        config.images.directory = Some(self.path("store"));
        let device = self.device.clone();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let server = Server::bind(&config, device, false).unwrap();
                server.run(std::future::pending()).await;
            });
        });
    }

    /// The options that lead to the board.
    pub(crate) fn options(&self, way: Way) -> String {
        match way {
            Way::Vmand => format!("--socket {}", self.path("vmand.sock").display()),
            Way::Device => format!("--device sim:{}", self.path("board.sock").display()),
        }
    }

    pub(crate) fn run(&self, way: Way, line: &str) -> Run {
        crate::run(&format!("{line} {}", self.options(way)))
    }

    /// Runs a command line that must succeed, and gives its output.
    pub(crate) fn out(&self, way: Way, line: &str) -> String {
        let run = self.run(way, line);
        assert_eq!((run.code, run.err.as_str()), (0, ""), "{line}");
        run.out
    }

    /// A deployed partition whose guest does what `guest` says.
    pub(crate) fn deployed(&self, way: Way, guest: &str) -> String {
        let created = self.out(way, "vmanctl create-partition -cores 1 -memsize-mib 64 -json");
        let created: serde_json::Value = serde_json::from_str(&created).unwrap();
        let kernel = self.path("boot/kernel");
        let id = created["id"].to_string();
        self.out(
            way,
            &format!("vmanctl deploy -kernel {} -cmdline sim.guest={guest} {id}", kernel.display()),
        );
        id
    }
}

/// Waits until `is_so`.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn wait_for_socket(path: &Path) {
    until("a socket", || std::os::unix::net::UnixStream::connect(path).is_ok());
}

/// An arm64 image of `size` bytes that is nothing but its header.
pub(crate) fn kernel(size: u32) -> Vec<u8> {
    let mut image = vec![0; usize::try_from(size).unwrap()];
    image[16..20].copy_from_slice(&size.to_le_bytes());
    image[24] = 0b1010;
    image[56..60].copy_from_slice(b"ARM\x64");
    image
}
