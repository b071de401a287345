//! vmand and the board are two processes: either may die, and what is true is what the board says.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use common::{Daemon, PATIENCE, Place, wait};
use serde_json::{Value, json};
use vman_core::command::{HostRecord, PartitionRecord};
use vman_core::device::ManagerDevice as _;
use vman_sim::{SimConfig, SimDevice};

/// A simulated board behind a socket. It lives in this process, which vmand's end does not touch.
struct Board {
    device: SimDevice,
    socket: PathBuf,
}

impl Board {
    fn new(place: &Place) -> Self {
        let (device, socket) = (SimDevice::new(SimConfig::default()).unwrap(), place.path("sim.sock"));
        let (served, path) = (device.clone(), socket.clone());
        let (ready, listening) = std::sync::mpsc::channel();
        std::thread::spawn(move || vman_sim::serve(&served, &path, || ready.send(()).unwrap()));
        listening.recv_timeout(PATIENCE).unwrap();
        Self { device, socket }
    }

    fn start(&self, place: &Place) -> Daemon {
        place.start_on(&format!("sim:{}", self.socket.display()), &[])
    }

    /// What the board itself says, once nothing is under way any more.
    fn truth(&self) -> (Value, Value) {
        let start = Instant::now();
        loop {
            let infos = self.device.list().unwrap();
            if infos.iter().all(|info| info.busy.is_none()) {
                let records: Vec<_> = infos.iter().map(PartitionRecord::from).collect();
                let host = HostRecord::from(&self.device.host().unwrap());
                return (json!({ "partitions": records }), serde_json::to_value(host).unwrap());
            }
            assert!(start.elapsed() < PATIENCE, "an operation never ends: {infos:?}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// SplitMix64: the same numbers on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }

    /// A command, mostly one that can succeed.
    fn command(&mut self, board: &Board) -> Value {
        let known = board.device.list().unwrap();
        if known.is_empty() || self.below(5) == 0 {
            let args = json!({ "cores": 1 + self.below(2), "memsize_mib": 64 * (1 + self.below(3)) });
            return json!({ "command": "create-partition", "args": args });
        }
        let id = known[usize::try_from(self.below(known.len() as u64)).unwrap()].id;
        let commands = ["deploy", "shutdown", "reboot", "suspend", "restore", "destroy-partition"];
        match commands[usize::try_from(self.below(6)).unwrap()] {
            "deploy" => json!({ "command": "deploy", "args": { "id": id, "kernel": "kernel" } }),
            name => json!({ "command": name, "args": { "id": id } }),
        }
    }
}

fn assert_agrees(daemon: &Daemon, board: &Board, moment: &str) {
    let (partitions, host) = board.truth();
    let mut peer = daemon.peer();
    assert_eq!(peer.ok("query-partitions", json!({})), partitions, "{moment}");
    assert_eq!(peer.ok("query-host", json!({})), host, "{moment}");
}

#[test]
fn killed_daemon_knows_the_truth_again() {
    const OPERATIONS: u32 = 1000;
    let seed = std::env::var("VMAND_SEED").map_or(20_260_214, |seed| seed.parse().unwrap());
    println!("seed {seed}: VMAND_SEED chooses another one");
    let mut random = Random(seed);
    let place = Place::new();
    let board = Board::new(&place);
    let (_, untouched) = board.truth();
    let mut daemon = board.start(&place);
    let mut peer = daemon.peer();
    let (mut kills, mut done) = (0, 0);
    for operation in 0..OPERATIONS {
        let command = random.command(&board);
        peer.send(format!("{command}\n").as_bytes());
        if random.below(10) != 0 {
            done += u32::from(peer.receive().unwrap().get("return").is_some());
            continue;
        }
        // Somewhere between the request's arrival and long after its reply.
        std::thread::sleep(Duration::from_micros(random.below(3000)));
        daemon.child.kill().unwrap();
        wait(&mut daemon.child);
        kills += 1;
        daemon = board.start(&place);
        assert_agrees(&daemon, &board, &format!("seed {seed}, operation {operation}: {command}"));
        peer = daemon.peer();
    }
    assert!(kills > 50 && done > 300, "{kills} kills and {done} successes show little");
    for info in board.device.list().unwrap() {
        if info.state != vman_core::state::PartitionState::Ready {
            peer.ok("shutdown", json!({ "id": info.id }));
        }
        peer.ok("destroy-partition", json!({ "id": info.id }));
    }
    assert_agrees(&daemon, &board, "end");
    assert_eq!(board.truth(), (json!({ "partitions": [] }), untouched), "something was lost");
}

#[test]
fn daemon_goes_on_without_a_board_and_says_so() {
    let place = Place::new();
    let board = Board::new(&place);
    let daemon = board.start(&place);
    let mut peer = daemon.peer();
    let mut subscriber = daemon.peer();
    subscriber.ok("subscribe-events", json!({}));
    peer.ok("create-partition", json!({ "cores": 1, "memsize_mib": 64 }));
    assert_eq!(subscriber.receive().unwrap()["event"], json!("partition-created"));
    board.device.unplug();
    for (command, args) in [
        ("query-host", json!({})),
        ("query-partitions", json!({})),
        ("query-partition", json!({ "id": 1 })),
        ("create-partition", json!({ "cores": 1, "memsize": 1 })),
        ("deploy", json!({ "id": 1, "kernel": "kernel" })),
        ("destroy-partition", json!({ "id": 1 })),
        ("subscribe-events", json!({})),
    ] {
        let (class, text) = daemon.peer().refused(command, args);
        assert_eq!(class, "Disconnected", "{command}: {text}");
    }
    // The stream of events ends with the reason.
    assert_eq!(common::refusal(&subscriber.receive().unwrap()).0, "Disconnected");
    assert!(subscriber.is_closed());
    assert!(daemon.stop().success());
}

#[test]
fn daemon_without_its_simulator_stops_with_a_hint() {
    let place = Place::new();
    let text = common::failure(&mut place.command("sim:/nonexistent/sim.sock"));
    assert!(text.contains("start vman-sim first"), "{text}");
}

#[test]
fn two_daemons_on_one_board_see_each_other() {
    let (place, other) = (Place::new(), Place::new());
    let board = Board::new(&place);
    let (first, second) = (board.start(&place), board.start(&other));
    let mut subscriber = second.peer();
    subscriber.ok("subscribe-events", json!({}));
    let id = first.peer().ok("create-partition", json!({ "cores": 1, "memsize_mib": 64 }))["id"].clone();
    assert_eq!(subscriber.receive().unwrap()["event"], json!("partition-created"));
    second.peer().ok("deploy", json!({ "id": id, "kernel": "kernel" }));
    let (class, _) = first.peer().refused("destroy-partition", json!({ "id": id }));
    assert_eq!(class, "InvalidState");
    assert_agrees(&first, &board, "first");
    assert_agrees(&second, &board, "second");
}
