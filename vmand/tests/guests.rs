//! What partitions do by themselves, seen over the socket; the guests of the simulator are told by `sim.guest=`.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::{Daemon, Peer, Place};
use serde_json::{Value, json};

/// A partition in which `guest` runs.
fn deploy(daemon: &Daemon, guest: &str) -> (Peer, Value) {
    let mut peer = daemon.peer();
    let id = peer.ok("create-partition", json!({ "cores": 1, "memsize_mib": 64 }))["id"].clone();
    let line = format!("sim.guest={guest}");
    peer.ok("deploy", json!({ "id": id, "kernel": "kernel", "cmdline": line }));
    (peer, id)
}

/// The next event with this name.
fn event(subscriber: &mut Peer, name: &str) -> Value {
    loop {
        let event = subscriber.receive().expect("an event");
        if event["event"] == json!(name) {
            return event["data"].clone();
        }
    }
}

fn subscriber(daemon: &Daemon) -> Peer {
    let mut peer = daemon.peer();
    peer.ok("subscribe-events", json!({}));
    peer
}

/// Reads an attached console until it has printed `text`.
fn until(console: &mut Peer, text: &str) -> String {
    let mut printed = String::new();
    while !printed.contains(text) {
        let chunk = console.receive().expect("a piece of the console");
        let data = STANDARD.decode(chunk["data"].as_str().unwrap_or_else(|| panic!("{chunk}"))).unwrap();
        printed += &String::from_utf8_lossy(&data);
    }
    printed
}

#[test]
fn attached_console_shows_what_is_printed_and_types() {
    let place = Place::new();
    let daemon = place.start();
    let (mut peer, id) = deploy(&daemon, "boot");
    let mut console = daemon.peer();
    console.ok("console-attach", json!({ "id": id, "position": 0 }));
    until(&mut console, "\n");
    console.send(format!("{{\"data\":\"{}\"}}\n", STANDARD.encode("good morning")).as_bytes());
    until(&mut console, "good morning");
    console.send(b"no console input\n");
    let (class, text) = common::refusal(&console.receive().unwrap());
    assert_eq!(class, "Protocol", "{text}");
    let end = peer.ok("console-read", json!({ "id": id }))["end"].clone();
    let nothing = peer.ok("console-read", json!({ "id": id, "position": end }));
    assert_eq!(nothing["data"], json!(""));
    peer.ok("shutdown", json!({ "id": id }));
    peer.ok("destroy-partition", json!({ "id": id }));
    let (class, _) = common::refusal(&console.receive().unwrap());
    assert_eq!(class, "NotFound");
    assert!(console.is_closed());
}

#[test]
fn flooded_console_drops_the_oldest_and_keeps_the_count() {
    let place = Place::new();
    let daemon = place.start();
    let (mut peer, id) = deploy(&daemon, "flood");
    let start = Instant::now();
    loop {
        let chunk = peer.ok("console-read", json!({ "id": id, "position": 0, "max": 16 }));
        if chunk["position"].as_u64().unwrap() > 0 {
            assert!(chunk["end"].as_u64().unwrap() > chunk["position"].as_u64().unwrap());
            break;
        }
        assert!(start.elapsed() < common::PATIENCE, "nothing was dropped");
    }
}

#[test]
fn guest_that_powers_off_leaves_its_partition_ready() {
    let place = Place::new();
    let daemon = place.start();
    let mut events = subscriber(&daemon);
    let (mut peer, id) = deploy(&daemon, "poweroff");
    event(&mut events, "partition-state");
    let expected = json!({ "id": id, "from": "DEPLOYED", "to": "READY", "cause": "guest" });
    assert_eq!(event(&mut events, "partition-state"), expected);
    assert_eq!(peer.ok("query-partition", json!({ "id": id }))["state"], json!("READY"));
}

#[test]
fn guest_that_resets_is_started_again() {
    let place = Place::new();
    let daemon = place.start();
    let mut events = subscriber(&daemon);
    let (mut peer, id) = deploy(&daemon, "reset");
    assert_eq!(event(&mut events, "partition-rebooted"), json!({ "id": id, "cause": "guest" }));
    assert_eq!(peer.ok("query-partition", json!({ "id": id }))["state"], json!("DEPLOYED"));
}

#[test]
fn crashed_guest_is_faulted_and_takes_shutdown_and_reboot_only() {
    let place = Place::new();
    let daemon = place.start();
    let mut events = subscriber(&daemon);
    let (mut peer, id) = deploy(&daemon, "crash");
    assert_eq!(event(&mut events, "partition-faulted")["id"], id);
    let record = peer.ok("query-partition", json!({ "id": id }));
    assert_eq!((&record["state"], &record["condition"]), (&json!("DEPLOYED"), &json!("faulted")));
    assert!(record["fault"]["reason"].is_string(), "{record}");
    for command in ["suspend", "restore", "destroy-partition"] {
        assert_eq!(peer.refused(command, json!({ "id": id })).0, "InvalidState", "{command}");
    }
    peer.ok("shutdown", json!({ "id": id }));
    assert_eq!(peer.ok("query-partition", json!({ "id": id }))["condition"], json!("running"));
}

#[test]
fn stubborn_guest_times_out_while_others_are_served_and_is_released_later() {
    let place = Place::new();
    let daemon = place.start();
    let (mut peer, id) = deploy(&daemon, "stubborn sim.after_ms=4000");
    let start = Instant::now();
    let shutdown = json!({ "command": "shutdown", "args": { "id": id, "timeout_ms": 1500 } });
    peer.send(format!("{shutdown}\n").as_bytes());
    let mut other = daemon.peer();
    while other.ok("query-partition", json!({ "id": id }))["busy"] != json!("shutdown") {
        assert!(start.elapsed() < common::PATIENCE, "shutdown was never seen under way");
    }
    assert_eq!(other.refused("suspend", json!({ "id": id })).0, "Busy");
    let (class, text) = common::refusal(&peer.receive().unwrap());
    assert_eq!(class, "Timeout", "{text}");
    assert_eq!(peer.ok("query-partition", json!({ "id": id }))["state"], json!("DEPLOYED"));
    // The firmware goes on stopping: the partition is READY as soon as the guest gives in, asked again or not.
    while peer.ok("query-partition", json!({ "id": id }))["state"] != json!("READY") {
        peer.ask("shutdown", json!({ "id": id, "timeout_ms": 5000 }));
        assert!(start.elapsed() < common::PATIENCE, "the guest is never released");
    }
    peer.ok("destroy-partition", json!({ "id": id }));
}
