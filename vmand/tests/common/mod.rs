//! A vmand of our own, and peers that speak to it line by line.

#![allow(dead_code, missing_docs, unreachable_pub, reason = "each test program uses its part")]
#![allow(missing_debug_implementations, clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

/// Longer than anything here takes, so that a test fails instead of hanging.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A running vmand; killed when dropped.
pub struct Daemon {
    pub child: Child,
    pub socket: PathBuf,
}

/// A directory for a daemon: socket, images, store.
pub struct Place {
    directory: tempfile::TempDir,
}

impl Place {
    pub fn new() -> Self {
        let place = Self { directory: tempfile::tempdir().unwrap() };
        std::fs::create_dir(place.path("boot")).unwrap();
        std::fs::write(place.path("boot/kernel"), kernel(1 << 20)).unwrap();
        place
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn command(&self, device: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vmand"));
        command
            .args(["--device", device])
            .arg("--socket")
            .arg(self.path("vmand.sock"))
            .arg("--image-dir")
            .arg(self.path("boot"))
            .arg("--image-store")
            .arg(self.path("store"))
            .stderr(std::fs::File::create(self.path("log")).unwrap());
        command
    }

    /// vmand on a simulated board of its own.
    pub fn start(&self) -> Daemon {
        self.start_on("sim", &[])
    }

    /// vmand with a configuration file.
    pub fn start_with(&self, config: &str) -> Daemon {
        let file = self.path("vmand.toml");
        std::fs::write(&file, config).unwrap();
        self.start_on("sim", &["--config", file.to_str().unwrap()])
    }

    pub fn start_on(&self, device: &str, args: &[&str]) -> Daemon {
        let log: &[&str] = if args.contains(&"--log") { &[] } else { &["--log", "debug"] };
        let child = self.command(device).args(log).args(args).spawn().unwrap();
        let mut daemon = Daemon { child, socket: self.path("vmand.sock") };
        daemon.wait_for_socket(&self.path("log"));
        daemon
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap()
    }
}

impl Daemon {
    fn wait_for_socket(&mut self, log: &Path) {
        let start = Instant::now();
        while UnixStream::connect(&self.socket).is_err() {
            let log = || std::fs::read_to_string(log).unwrap_or_default();
            assert!(self.child.try_wait().unwrap().is_none(), "vmand ended: {}", log());
            assert!(start.elapsed() < PATIENCE, "vmand does not listen: {}", log());
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    pub fn peer(&self) -> Peer {
        Peer::connect(&self.socket)
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), signal).unwrap();
    }

    /// Stops it with SIGTERM.
    pub fn stop(mut self) -> ExitStatus {
        self.signal(Signal::SIGTERM);
        wait(&mut self.child)
    }

    /// CPU time used so far, user and system.
    pub fn cpu_time(&self) -> Duration {
        cpu_time(self.child.id())
    }

    /// Resident memory in KiB.
    pub fn resident_kib(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// CPU time that a process has used, user and system.
pub fn cpu_time(process: u32) -> Duration {
    /// `USER_HZ` is 100 on every architecture here.
    const TICK_MS: u64 = 10;
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * TICK_MS)
}

/// Waits for a process that is about to end.
pub fn wait(child: &mut Child) -> ExitStatus {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        assert!(start.elapsed() < PATIENCE, "process does not end");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Runs a vmand that is to fail at once, and gives what it says.
pub fn failure(command: &mut Command) -> String {
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    assert!(!wait(&mut child).success());
    let mut text = String::new();
    child.stderr.unwrap().read_to_string(&mut text).unwrap();
    text
}

/// One connection.
pub struct Peer {
    stream: BufReader<UnixStream>,
}

impl Peer {
    pub fn connect(path: &Path) -> Self {
        Self::over(UnixStream::connect(path).unwrap())
    }

    pub fn over(stream: UnixStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { stream: BufReader::new(stream) }
    }

    pub fn send(&mut self, bytes: &[u8]) {
        self.stream.get_mut().write_all(bytes).unwrap();
    }

    /// The next line, `None` at the end of the stream.
    pub fn receive(&mut self) -> Option<Value> {
        let mut line = String::new();
        match self.stream.read_line(&mut line).unwrap() {
            0 => None,
            _ => Some(serde_json::from_str(&line).unwrap()),
        }
    }

    /// Sends a line as it is and gives its reply.
    pub fn line(&mut self, line: &[u8]) -> Value {
        self.send(line);
        self.send(b"\n");
        self.receive().expect("a reply")
    }

    pub fn ask(&mut self, command: &str, args: Value) -> Value {
        self.line(json!({ "command": command, "args": args }).to_string().as_bytes())
    }

    /// A command that is to succeed.
    pub fn ok(&mut self, command: &str, args: Value) -> Value {
        let reply = self.ask(command, args);
        match reply.get("return") {
            Some(value) => value.clone(),
            None => panic!("{command}: {reply}"),
        }
    }

    /// A command that is to be refused: class and text.
    pub fn refused(&mut self, command: &str, args: Value) -> (String, String) {
        refusal(&self.ask(command, args))
    }

    /// Whether vmand has closed the connection.
    pub fn is_closed(&mut self) -> bool {
        matches!(self.stream.read_line(&mut String::new()), Ok(0) | Err(_))
    }

    pub fn stream(&self) -> &UnixStream {
        self.stream.get_ref()
    }
}

/// Class and text of an error reply.
pub fn refusal(reply: &Value) -> (String, String) {
    let text =
        |key: &str| reply["error"][key].as_str().unwrap_or_else(|| panic!("no error: {reply}")).to_owned();
    (text("class"), text("desc"))
}

/// A file with an arm64 boot header that asks for `size` bytes of memory.
pub fn kernel(size: u32) -> Vec<u8> {
    let mut image = vec![0; usize::try_from(size).unwrap()];
    image[16..20].copy_from_slice(&size.to_le_bytes());
    image[24] = 0b1010;
    image[56..60].copy_from_slice(b"ARM\x64");
    image
}
