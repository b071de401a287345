//! What one client does, no other client notices.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::io::Write as _;
use std::sync::{Arc, Barrier};
use std::time::Instant;

use common::{PATIENCE, Place};
use serde_json::json;

#[test]
fn of_many_clients_who_race_for_the_last_cores_exactly_as_many_win() {
    let place = Place::new();
    let daemon = place.start();
    let free = daemon.peer().ok("query-host", json!({}))["cores_free"].as_u64().unwrap();
    for _ in 0..10 {
        let racers = usize::try_from(free).unwrap() + 4;
        let start = Arc::new(Barrier::new(racers));
        let racers: Vec<_> = (0..racers)
            .map(|_| {
                let (mut peer, start) = (daemon.peer(), Arc::clone(&start));
                std::thread::spawn(move || {
                    start.wait();
                    peer.ask("create-partition", json!({ "cores": 1, "memsize_mib": 64 }))
                })
            })
            .collect();
        let replies: Vec<_> = racers.into_iter().map(|racer| racer.join().unwrap()).collect();
        let losers: Vec<_> = replies.iter().filter(|reply| reply.get("error").is_some()).collect();
        assert_eq!(losers.len(), 4, "{replies:?}");
        assert!(losers.iter().all(|reply| reply["error"]["class"] == json!("NoResources")));
        let mut peer = daemon.peer();
        assert_eq!(peer.ok("query-host", json!({}))["cores_free"], json!(0));
        let mut cores = Vec::new();
        for record in peer.ok("query-partitions", json!({}))["partitions"].as_array().unwrap() {
            cores.extend(record["cores"].as_array().unwrap().iter().map(|core| core.as_u64().unwrap()));
            peer.ok("destroy-partition", json!({ "id": record["id"] }));
        }
        cores.sort_unstable();
        cores.dedup();
        assert_eq!(cores.len() as u64, free, "a core was given twice");
    }
}

#[test]
fn of_two_clients_who_destroy_the_same_partition_one_wins() {
    let place = Place::new();
    let daemon = place.start();
    for _ in 0..50 {
        let id = daemon.peer().ok("create-partition", json!({ "cores": 1, "memsize_mib": 64 }))["id"].clone();
        let start = Arc::new(Barrier::new(2));
        let racers: Vec<_> = (0..2)
            .map(|_| {
                let (mut peer, start, id) = (daemon.peer(), Arc::clone(&start), id.clone());
                std::thread::spawn(move || {
                    start.wait();
                    peer.ask("destroy-partition", json!({ "id": id }))
                })
            })
            .collect();
        let replies: Vec<_> = racers.into_iter().map(|racer| racer.join().unwrap()).collect();
        let won = replies.iter().filter(|reply| reply.get("return").is_some()).count();
        assert_eq!(won, 1, "{replies:?}");
        let lost = replies.iter().find_map(|reply| reply["error"]["class"].as_str()).unwrap();
        assert!(["Busy", "NotFound"].contains(&lost), "{replies:?}");
    }
}

#[test]
fn half_lines_floods_and_dead_clients_hurt_nobody() {
    let place = Place::new();
    let daemon = place.start();
    // Half a line, then silence; half a long line; a peer that dies with its request under way.
    let mut halves: Vec<_> = (0..50).map(|_| daemon.peer()).collect();
    halves.iter_mut().for_each(|peer| peer.send(b"{\"command\":\"query-ho"));
    halves[0].send(&vec![b'x'; 1 << 19]);
    for _ in 0..50 {
        let mut dying = daemon.peer();
        dying.send(b"{\"command\":\"create-partition\",\"args\":{\"cores\":1,\"memsize_mib\":64}}\n");
        drop(dying);
        let mut dying = daemon.peer();
        dying.ok("subscribe-events", json!({}));
        drop(dying);
    }
    // A peer that asks for a lot and never reads.
    let flooder = daemon.peer();
    flooder.stream().set_nonblocking(true).unwrap();
    let batch = b"{\"command\":\"query-host\"}\n".repeat(1000);
    while flooder.stream().write(&batch).is_ok() {}
    let mut polite = daemon.peer();
    let start = Instant::now();
    for _ in 0..1000 {
        polite.ok("query-host", json!({}));
    }
    assert!(start.elapsed() < PATIENCE / 2, "1000 queries took {:?}", start.elapsed());
    // The half line is finished and answered.
    halves[7].send(b"st\"}\n");
    assert!(halves[7].receive().unwrap()["return"].is_object());
    // What the dead have made is there: nothing is lost.
    let made = polite.ok("query-partitions", json!({}))["partitions"].as_array().unwrap().len();
    let free = polite.ok("query-host", json!({}))["cores_free"].as_u64().unwrap();
    assert!(made > 0 && free == 0, "{made} partitions, {free} free cores");
}

#[test]
fn slow_command_delays_no_other_connection() {
    let place = Place::new();
    std::fs::File::create(place.path("boot/initrd")).unwrap().set_len(128 << 20).unwrap();
    let daemon = place.start();
    let mut slow = daemon.peer();
    slow.ok("create-partition", json!({ "cores": 1, "memsize": 1 }));
    let deploy = json!({ "command": "deploy", "args": { "id": 1, "kernel": "kernel", "initrd": "initrd" } });
    slow.send(format!("{deploy}\n{{\"command\":\"query-partition\",\"args\":{{\"id\":1}}}}\n").as_bytes());
    let mut quick = daemon.peer();
    let mut busy = 0;
    let start = Instant::now();
    loop {
        let record = quick.ok("query-partition", json!({ "id": 1 }));
        match record["state"].as_str().unwrap() {
            "DEPLOYED" => break,
            _ if record["busy"] == json!("deploy") => busy += 1,
            _ => {}
        }
        assert!(start.elapsed() < PATIENCE);
    }
    assert!(busy >= 10, "only {busy} queries were answered during the deployment");
    assert_eq!(slow.receive().unwrap(), json!({ "return": {} }));
    assert_eq!(slow.receive().unwrap()["return"]["state"], json!("DEPLOYED"));
}

#[test]
fn second_operation_on_a_partition_is_busy() {
    let place = Place::new();
    std::fs::File::create(place.path("boot/initrd")).unwrap().set_len(128 << 20).unwrap();
    let daemon = place.start();
    let mut first = daemon.peer();
    first.ok("create-partition", json!({ "cores": 1, "memsize": 1 }));
    let deploy = json!({ "command": "deploy", "args": { "id": 1, "kernel": "kernel", "initrd": "initrd" } });
    first.send(format!("{deploy}\n").as_bytes());
    let mut second = daemon.peer();
    let start = Instant::now();
    while second.ok("query-partition", json!({ "id": 1 }))["busy"] != json!("deploy") {
        assert!(start.elapsed() < PATIENCE, "deployment was never seen under way");
    }
    let (class, text) = second.refused("destroy-partition", json!({ "id": 1 }));
    assert_eq!((class.as_str(), text.as_str()), ("Busy", "Partition 1 is busy: deploy is under way"));
    assert_eq!(first.receive().unwrap(), json!({ "return": {} }));
}

#[test]
fn subscriber_that_does_not_read_finds_a_mark_of_what_it_lost() {
    let place = Place::new();
    let daemon = place.start();
    let mut slow = daemon.peer();
    slow.ok("subscribe-events", json!({}));
    let mut quick = daemon.peer();
    quick.ok("subscribe-events", json!({}));
    let mut peer = daemon.peer();
    // More events than the socket and the queue of the slow one can hold.
    const ROUNDS: usize = 5000;
    let reader = std::thread::spawn(move || (0..2 * ROUNDS).filter(|_| quick.receive().is_some()).count());
    for _ in 0..ROUNDS {
        let id = peer.ok("create-partition", json!({ "cores": 1, "memsize_mib": 2 }))["id"].clone();
        peer.ok("destroy-partition", json!({ "id": id }));
    }
    assert_eq!(reader.join().unwrap(), 2 * ROUNDS);
    let mut lost = 0;
    let mut seen = 0;
    while seen + lost < 2 * ROUNDS as u64 {
        let event = slow.receive().unwrap();
        match event["event"].as_str().unwrap() {
            "events-lost" => lost += event["data"]["lost"].as_u64().unwrap(),
            _ => seen += 1,
        }
    }
    assert!(lost > 0, "nothing was lost: the test does not show what it says");
    assert_eq!(seen + lost, 2 * ROUNDS as u64);
}

#[test]
fn thousand_clients_are_served() {
    let place = Place::new();
    let daemon = place.start();
    let mut peers: Vec<_> = (0..1000).map(|_| daemon.peer()).collect();
    peers.iter_mut().for_each(|peer| peer.send(b"{\"command\":\"query-version\"}\n"));
    assert!(peers.iter_mut().all(|peer| peer.receive().unwrap()["return"].is_object()));
}
