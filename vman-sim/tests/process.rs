//! The program `vman-sim`: shared by several programs, which may die at any moment, as it may itself.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use uuid::Uuid;
use vman_core::device::suite::{Guest, Images as _, ScriptedImages};
use vman_core::device::{Change, CreateRequest, EventSource as _, ManagerDevice as _, PartitionDevice as _};
use vman_core::error::ErrorKind;
use vman_core::id::ByteSize;
use vman_core::plan::World;
use vman_core::state::{Operation, PartitionState};

const PROGRAM: &str = env!("CARGO_BIN_EXE_vman-sim");
const PATIENCE: Duration = Duration::from_secs(30);

/// A running simulator; killed when it is dropped.
struct Simulator(Child);

impl Simulator {
    fn start(socket: &Path, options: &[&str]) -> Self {
        let mut child = Command::new(PROGRAM)
            .arg("--socket")
            .arg(socket)
            .args(options)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.contains("simulated"), "it says what it is: {line:?}");
        Self(child)
    }

    /// As `kill -9` does.
    fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn run(arguments: &[&str]) -> Output {
    Command::new(PROGRAM).args(arguments).output().unwrap()
}

fn stderr(output: &Output) -> String {
    assert!(!output.status.success());
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn request() -> CreateRequest {
    CreateRequest {
        cores: 1,
        memory: ByteSize(64 << 20),
        world: World::NonSecure,
        shared_with: None,
        name: "shared".into(),
        uuid: Uuid::nil(),
    }
}

fn open(socket: &Path) -> vman_sim::SimBoard {
    vman_sim::open(&format!("sim:{}", socket.display())).unwrap()
}

#[test]
fn programs_share_a_board_that_outlives_them() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("sim.sock");
    let _simulator = Simulator::start(&socket, &["--cpus", "4"]);
    let mut watcher = open(&socket).events().unwrap();
    let id = {
        let first = open(&socket);
        assert_eq!(first.host().unwrap().cpus.len(), 4);
        let id = first.create(&request()).unwrap();
        let partition = first.open(id).unwrap();
        let image =
            ScriptedImages::default().image(&first.host().unwrap(), &partition.info().unwrap(), Guest::Boot);
        partition.deploy(&image.unwrap().as_load()).unwrap();
        id
    };
    let second = open(&socket);
    assert_eq!(second.list().unwrap()[0].state, PartitionState::Deployed);
    let partition = second.open(id).unwrap();
    partition.control(Operation::Reboot, PATIENCE).unwrap();
    let mut seen = Vec::new();
    while seen.len() < 3 {
        seen.extend(watcher.next().unwrap());
    }
    assert_eq!(seen[0].change, Change::Created);
    assert!(matches!(seen[2].change, Change::Rebooted(_)));
}

#[test]
fn clients_that_die_or_talk_nonsense_disturb_nobody() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("sim.sock");
    let _simulator = Simulator::start(&socket, &[]);
    let good = open(&socket);
    let id = good.create(&request()).unwrap();
    for bytes in [&b""[..], b"\x05", &[0xff; 64], b"\x02\0\0\0\0\0\0\0{}", b"\x09\0\0\0\0\0\0\x40\"host\""] {
        UnixStream::connect(&socket).unwrap().write_all(bytes).unwrap();
    }
    let mut half = UnixStream::connect(&socket).unwrap();
    half.write_all(&[10, 0, 0, 0]).unwrap();
    assert_eq!(good.list().unwrap()[0].id, id);
    drop(half);
    assert_eq!(good.list().unwrap()[0].id, id);
}

#[test]
fn killed_simulator_is_noticed_and_its_socket_is_taken_over() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("sim.sock");
    let simulator = Simulator::start(&socket, &[]);
    let board = open(&socket);
    let mut events = board.events().unwrap();
    board.create(&request()).unwrap();
    simulator.kill();
    assert_eq!(board.list().unwrap_err().kind, ErrorKind::Disconnected);
    let mut next = events.next();
    while matches!(next, Ok(Some(_))) {
        next = events.next();
    }
    assert_eq!(next.unwrap_err().kind, ErrorKind::Disconnected);
    let _again = Simulator::start(&socket, &[]);
    assert!(board.list().unwrap().is_empty(), "a new board, and the old client finds it");
    let refused = run(&["--socket", socket.to_str().unwrap()]);
    assert!(stderr(&refused).contains("listens at"), "{refused:?}");
}

#[test]
fn bad_arguments_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, "precious").unwrap();
    let not_a_socket = run(&["--socket", file.to_str().unwrap()]);
    assert!(stderr(&not_a_socket).contains("is no socket"));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "precious");
    let socket = directory.path().join("s");
    let with =
        |option: &str, value: &str| stderr(&run(&["--socket", socket.to_str().unwrap(), option, value]));
    assert!(with("--cpus", "1").contains("2 to 256 CPUs"));
    assert!(with("--cpus", "70000").contains("70000"));
    assert!(with("--granule-kib", "3").contains("no power of two"));
    assert!(with("--memory-mib", "18446744073709551615").contains("Memory"));
    assert!(with("--trace", "/nonexistent/trace").contains("/nonexistent/trace"));
    assert_eq!(vman_sim::open("sim:/nonexistent").map(|_| ()).unwrap_err().kind, ErrorKind::Disconnected);
    for name in ["", "sim:", "simulator", "/dev/vmanager"] {
        assert_eq!(vman_sim::open(name).map(|_| ()).unwrap_err().kind, ErrorKind::InvalidArgument, "{name}");
    }
}

#[test]
fn trace_of_a_killed_simulator_can_be_replayed() {
    let directory = tempfile::tempdir().unwrap();
    let (socket, trace) = (directory.path().join("sim.sock"), directory.path().join("trace.jsonl"));
    let simulator = Simulator::start(&socket, &["--trace", trace.to_str().unwrap()]);
    let board = open(&socket);
    let partition = board.open(board.create(&request()).unwrap()).unwrap();
    let image =
        ScriptedImages::default().image(&board.host().unwrap(), &partition.info().unwrap(), Guest::Boot);
    partition.deploy(&image.unwrap().as_load()).unwrap();
    partition.control(Operation::Suspend, PATIENCE).unwrap();
    partition.control(Operation::Shutdown, PATIENCE).unwrap();
    partition.control(Operation::Destroy, PATIENCE).unwrap();
    simulator.kill();
    let replayed = run(&["replay", trace.to_str().unwrap()]);
    let text = String::from_utf8(replayed.stdout.clone()).unwrap();
    assert!(replayed.status.success() && text.contains("all answers equal"), "{replayed:?}");
    let missing = run(&["replay", "/nonexistent/trace"]);
    assert!(stderr(&missing).contains("/nonexistent/trace"));
}
