//! How vmand starts, stops and shares its socket.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::os::fd::AsRawFd as _;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::{Peer, Place, failure, kernel, wait};
use nix::sys::signal::Signal;
use serde_json::json;

#[test]
fn without_a_board_it_stops_with_a_hint() {
    let place = Place::new();
    let text = failure(&mut place.command("/nonexistent/vmanager"));
    assert!(text.contains("/nonexistent/vmanager") && text.contains("--device sim"), "{text}");
}

#[test]
fn socket_in_use_is_named_and_a_stale_one_is_replaced() {
    let place = Place::new();
    let mut daemon = place.start();
    let text = failure(&mut place.command("sim"));
    assert!(text.contains("vmand.sock is in use by a running daemon"), "{text}");
    daemon.peer().ok("query-host", json!({}));
    daemon.child.kill().unwrap();
    wait(&mut daemon.child);
    assert!(place.path("vmand.sock").exists());
    place.start().peer().ok("query-host", json!({}));
}

#[test]
fn wrong_configuration_is_refused_with_its_line() {
    let place = Place::new();
    let file = place.path("vmand.toml");
    std::fs::write(&file, "group = 'x'\nno_such_key = 1\n").unwrap();
    let text = failure(place.command("sim").arg("--config").arg(&file));
    assert!(text.contains("line 2") && text.contains("no_such_key"), "{text}");
}

#[test]
fn stop_is_graceful_and_removes_the_socket() {
    let place = Place::new();
    let daemon = place.start();
    let mut idle = daemon.peer();
    let mut subscriber = daemon.peer();
    subscriber.ok("subscribe-events", json!({}));
    idle.ok("query-host", json!({}));
    let status = daemon.stop();
    assert!(status.success(), "{status}");
    assert_eq!(subscriber.receive().unwrap()["event"], json!("daemon-stopping"));
    assert!(subscriber.receive().is_none());
    assert!(idle.is_closed());
    assert!(!place.path("vmand.sock").exists());
}

#[test]
fn command_that_runs_when_vmand_stops_is_finished_and_answered() {
    let place = Place::new();
    // A sparse file of 128 MiB takes long enough to read and to load.
    let initrd = std::fs::File::create(place.path("boot/initrd")).unwrap();
    initrd.set_len(128 << 20).unwrap();
    let daemon = place.start();
    let mut peer = daemon.peer();
    peer.ok("create-partition", json!({ "cores": 1, "memsize": 1 }));
    let deploy = json!({ "command": "deploy", "args": { "id": 1, "kernel": "kernel", "initrd": "initrd" } });
    peer.send(format!("{deploy}\n").as_bytes());
    let mut other = daemon.peer();
    let start = Instant::now();
    while other.ok("query-partition", json!({ "id": 1 }))["busy"] != json!("deploy") {
        assert!(start.elapsed() < common::PATIENCE, "deployment was never seen under way");
    }
    daemon.signal(Signal::SIGTERM);
    assert_eq!(peer.receive().unwrap(), json!({ "return": {} }));
    assert!(peer.is_closed());
    assert!(daemon.stop().success());
}

/// What systemd does: opens the socket, starts the daemon with the descriptor as number 3, waits for `READY=1`.
#[test]
fn socket_of_systemd_is_taken_over_and_readiness_is_told() {
    let place = Place::new();
    let path = place.path("activated.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let notify = UnixDatagram::bind(place.path("notify")).unwrap();
    notify.set_read_timeout(Some(common::PATIENCE)).unwrap();
    // The shell gives the descriptor its number and keeps the process id that LISTEN_PID must name.
    let script = format!("exec 3<&{} && LISTEN_PID=$$ exec \"$0\" \"$@\"", listener.as_raw_fd());
    nix::fcntl::fcntl(&listener, nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::empty())).unwrap();
    let vmand = place.command("sim");
    let mut child = Command::new("sh")
        .args(["-c", &script])
        .arg(vmand.get_program())
        .args(vmand.get_args())
        .env("LISTEN_FDS", "1")
        .env("NOTIFY_SOCKET", place.path("notify"))
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut message = [0; 256];
    let mut told = |expected: &str| {
        let count = notify.recv(&mut message).unwrap();
        let text = String::from_utf8_lossy(&message[..count]).into_owned();
        assert!(text.contains(expected), "{text}");
    };
    told("READY=1");
    Peer::connect(&path).ok("query-host", json!({}));
    assert!(!place.path("vmand.sock").exists());
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap()), Signal::SIGTERM)
        .unwrap();
    told("STOPPING=1");
    assert!(wait(&mut child).success());
    assert!(path.exists(), "systemd's socket is not ours to remove");
}

#[test]
fn killed_upload_leaves_nothing_behind() {
    use base64::Engine as _;
    use sha2::{Digest as _, Sha256};
    let place = Place::new();
    let mut daemon = place.start();
    let image = kernel(1 << 20);
    let digest = Sha256::digest(&image).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let data = base64::engine::general_purpose::STANDARD.encode(&image[..1000]);
    let piece = json!({ "digest": digest, "size": image.len(), "offset": 0, "data": data });
    daemon.peer().ok("image-put", piece);
    daemon.child.kill().unwrap();
    wait(&mut daemon.child);
    let left = || {
        let entries = std::fs::read_dir(place.path("store")).unwrap();
        entries.filter(|entry| entry.as_ref().unwrap().file_name() != ".lock").count()
    };
    assert_eq!(left(), 1);
    let daemon = place.start();
    assert_eq!(left(), 0);
    assert_eq!(daemon.peer().ok("image-list", json!({}))["images"], json!([]));
}

#[test]
fn idle_daemon_uses_no_cpu() {
    let place = Place::new();
    let daemon = place.start();
    let mut peers: Vec<_> = (0..20).map(|_| daemon.peer()).collect();
    for peer in &mut peers {
        peer.ok("query-host", json!({}));
    }
    peers[0].ok("subscribe-events", json!({}));
    let before = daemon.cpu_time();
    // The subject of this test is that nothing happens in a while.
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(daemon.cpu_time(), before);
}
