//! The relay between a host and a board: real programs, and a stand-in for QEMU that carries the bytes of the port.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::{Daemon, PATIENCE, Peer, Place};
use serde_json::{Value, json};
use vman_core::client::Client;

/// A relay's side; killed when dropped, as hard as can be.
struct Side(Child);

impl Side {
    fn start(args: &[&str], paths: &[(&str, PathBuf)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vman-relay"));
        command.args(args).stderr(Stdio::null());
        for (option, path) in paths {
            command.arg(option).arg(path);
        }
        Self(command.spawn().unwrap())
    }
}

impl Drop for Side {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// QEMU's part: whoever connects to one socket talks with whoever connects to the other.
fn carry(place: &Place) {
    let [host, board] = ["port.host", "port.board"].map(|name| UnixListener::bind(place.path(name)).unwrap());
    std::thread::spawn(move || {
        loop {
            let Ok((board, _)) = board.accept() else { return };
            let Ok((host, _)) = host.accept() else { return };
            let back = (host.try_clone().unwrap(), board.try_clone().unwrap());
            let up = std::thread::spawn(move || copy(back.0, back.1));
            copy(board, host);
            up.join().unwrap();
        }
    });
}

/// Until one of them goes; then both go.
fn copy(mut from: UnixStream, mut to: UnixStream) {
    // An end that breaks is an end.
    let _ = io::copy(&mut from, &mut to);
    for stream in [from, to] {
        let _ = stream.shutdown(std::net::Shutdown::Both);
    }
}

struct Link {
    place: Place,
    _vmand: Daemon,
}

impl Link {
    fn new() -> Self {
        let place = Place::new();
        let vmand = place.start_with(&format!("relay_socket = '{}'\n", place.path("relay.sock").display()));
        carry(&place);
        Self { place, _vmand: vmand }
    }

    fn board(&self) -> Side {
        let paths = [("--port", self.place.path("port.board")), ("--vmand", self.place.path("relay.sock"))];
        Side::start(&["board"], &paths)
    }

    fn host(&self) -> Side {
        let paths = [("--port", self.place.path("port.host")), ("--socket", self.socket())];
        Side::start(&["host"], &paths)
    }

    fn socket(&self) -> PathBuf {
        self.place.path("host.sock")
    }

    /// A peer whose first query is answered: as soon as the link stands.
    fn peer(&self) -> Peer {
        let begin = Instant::now();
        loop {
            if let Some(stream) = UnixStream::connect(self.socket()).ok()
                && ask(&stream, "query-version").is_some_and(|reply| reply.get("return").is_some())
            {
                return Peer::over(stream);
            }
            assert!(begin.elapsed() < PATIENCE, "The link does not come up");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// A command's reply; `None` if the connection ends.
fn ask(mut stream: &UnixStream, command: &str) -> Option<Value> {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(format!("{}\n", json!({ "command": command })).as_bytes()).ok()?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).ok().filter(|count| *count > 0)?;
    Some(serde_json::from_str(&line).unwrap())
}

#[test]
fn host_gives_commands_to_the_board_and_uploads_its_files() {
    let link = Link::new();
    let (_board, _host) = (link.board(), link.host());
    let mut peer = link.peer();
    assert_eq!(peer.ok("query-version", json!({}))["paths"], "remote");
    let id = peer.ok("create-partition", json!({ "cores": 1, "memsize_mib": 64 }))["id"].clone();
    let kernel = link.place.path("boot/kernel");
    let deploy = serde_json::from_value(json!({ "kernel": kernel, "partition_id": id })).unwrap();
    Client::connect(link.socket()).unwrap().deploy(&deploy).unwrap();
    assert_eq!(peer.ok("query-partition", json!({ "id": id }))["state"], "DEPLOYED");
}

#[test]
fn many_peers_share_the_port_and_a_silent_one_holds_nobody_up() {
    let link = Link::new();
    let (_board, _host) = (link.board(), link.host());
    let _link = link.peer();
    let mut silent = UnixStream::connect(link.socket()).unwrap();
    silent.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    // More questions than all buffers on the way hold answers for; nobody reads them.
    let question = b"{\"command\":\"query-host\"}\n".repeat(1000);
    while silent.write_all(&question).is_ok() {}
    let mut peers: Vec<_> = (0..64).map(|_| link.peer()).collect();
    for peer in &mut peers {
        assert_eq!(peer.ok("query-host", json!({}))["simulated"], true);
    }
}

#[test]
fn either_side_may_be_killed_and_started_again() {
    let link = Link::new();
    let (board, host) = (link.board(), link.host());
    let mut peer = link.peer();
    peer.ok("create-partition", json!({ "cores": 1, "memsize_mib": 64 }));
    drop(board);
    assert!(peer.receive().is_none(), "a peer's connection ends with the link");
    let away = UnixStream::connect(link.socket()).unwrap();
    let mut reply = String::new();
    BufReader::new(&away).read_line(&mut reply).unwrap();
    assert!(
        reply.contains("\"class\":\"Disconnected\"") && reply.contains("The board does not answer"),
        "{reply}"
    );
    let board = link.board();
    assert_eq!(link.peer().ok("query-partitions", json!({}))["partitions"].as_array().unwrap().len(), 1);
    drop(host);
    let _host = link.host();
    assert_eq!(link.peer().ok("query-partitions", json!({}))["partitions"].as_array().unwrap().len(), 1);
    drop(board);
}
