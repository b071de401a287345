//! Every command of the protocol against a real vmand on the simulated board.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{Place, kernel};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

fn state(peer: &mut common::Peer, id: &Value) -> String {
    peer.ok("query-partition", json!({ "id": id }))["state"].as_str().unwrap().to_owned()
}

#[test]
fn json_of_the_source_document_walks_the_whole_life_of_a_partition() {
    let place = Place::new();
    let daemon = place.start();
    let mut peer = daemon.peer();
    let figure_15 = json!({ "cores": 2, "primary": 0, "secure": false, "memsize": 1 });
    let id = peer.ok("create-partition", figure_15)["id"].clone();
    assert_eq!(state(&mut peer, &id), "READY");
    peer.ok("deploy", json!({ "kernel": place.path("boot/kernel"), "partition_id": id }));
    assert_eq!(state(&mut peer, &id), "DEPLOYED");
    let steps =
        [("suspend", "SUSPENDED"), ("restore", "DEPLOYED"), ("reboot", "DEPLOYED"), ("shutdown", "READY")];
    for (command, expected) in steps {
        assert_eq!(peer.ok(command, json!({ "id": id })), json!({}));
        assert_eq!(state(&mut peer, &id), expected, "after {command}");
    }
    peer.ok("destroy-partition", json!({ "id": id }));
    let (class, text) = peer.refused("query-partition", json!({ "id": id }));
    assert_eq!((class.as_str(), text.as_str()), ("NotFound", "There is no partition 1"));
    assert!(place.log().contains("SIMULATED"));
}

#[test]
fn queries_tell_host_version_partitions_and_counters() {
    let place = Place::new();
    let daemon = place.start();
    let mut peer = daemon.peer();
    let version = peer.ok("query-version", json!({}));
    assert_eq!((&version["protocol"], &version["paths"]), (&json!(1), &json!("local")));
    let before = peer.ok("query-host", json!({}));
    assert_eq!((&before["simulated"], &before["arch"]), (&json!(true), &json!("aarch64")));
    for name in ["web", "radio"] {
        peer.ok("create-partition", json!({ "cores": 1, "memsize_mib": 512, "name": name }));
    }
    let after = peer.ok("query-host", json!({}));
    let free =
        |host: &Value| (host["cores_free"].as_u64().unwrap(), host["memory"]["free_mib"].as_u64().unwrap());
    assert_eq!(free(&after), (free(&before).0 - 2, free(&before).1 - 1024));
    let listed = peer.ok("query-partitions", json!({}))["partitions"].clone();
    let names: Vec<_> = listed.as_array().unwrap().iter().map(|record| record["name"].clone()).collect();
    assert_eq!(names, [json!("web"), json!("radio")]);
    assert_eq!(peer.ok("query-stats", json!({ "id": 1 }))["id"], json!(1));
    let (class, _) = peer.refused("create-partition", json!({ "cores": 1, "memsize": 1, "name": "web" }));
    assert_eq!(class, "AlreadyExists");
}

#[test]
fn requests_in_one_pipe_are_answered_in_order_with_their_ids() {
    let place = Place::new();
    let daemon = place.start();
    let mut peer = daemon.peer();
    let mut lines = String::new();
    for id in 0..1000 {
        let command = match id % 3 {
            0 => r#""query-version""#,
            1 => r#""create-partition","args":{"cores":1000,"memsize":1}"#,
            _ => r#""nonsense""#,
        };
        lines += &format!("{{\"command\":{command},\"id\":{{\"n\":{id}}}}}\n");
    }
    peer.send(lines.as_bytes());
    for id in 0..1000 {
        let reply = peer.receive().unwrap();
        assert_eq!(reply["id"], json!({ "n": id }));
        let class = reply["error"]["class"].as_str();
        assert_eq!(class, [None, Some("NoResources"), Some("Unsupported")][id % 3]);
    }
}

#[test]
fn uploaded_image_is_deployed_by_its_digest() {
    use base64::Engine as _;
    let place = Place::new();
    let daemon = place.start();
    let mut peer = daemon.peer();
    let image = kernel(1 << 20);
    let digest = Sha256::digest(&image).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    for (index, piece) in image.chunks(512 << 10).enumerate() {
        let data = base64::engine::general_purpose::STANDARD.encode(piece);
        let args =
            json!({ "digest": digest, "size": image.len(), "offset": index * (512 << 10), "data": data });
        assert_eq!(peer.ok("image-put", args)["received"], json!((index + 1) * (512 << 10)));
    }
    assert_eq!(peer.ok("image-list", json!({}))["images"][0]["digest"], json!(digest));
    let id = peer.ok("create-partition", json!({ "cores": 1, "memsize": 1 }))["id"].clone();
    peer.ok("deploy", json!({ "id": id, "kernel": format!("image:sha256:{digest}") }));
    peer.ok("image-delete", json!({ "digest": digest }));
    assert_eq!(state(&mut peer, &id), "DEPLOYED");
    peer.ok("reboot", json!({ "id": id }));
    assert_eq!(state(&mut peer, &id), "DEPLOYED");
}

#[test]
fn subscriber_sees_every_change_in_order() {
    let place = Place::new();
    let daemon = place.start();
    let mut subscriber = daemon.peer();
    assert_eq!(subscriber.ask("subscribe-events", json!({})), json!({ "return": {} }));
    let mut peer = daemon.peer();
    peer.ok("create-partition", json!({ "cores": 1, "memsize": 1 }));
    peer.ok("deploy", json!({ "id": 1, "kernel": "kernel" }));
    peer.ok("shutdown", json!({ "id": 1 }));
    peer.ok("destroy-partition", json!({ "id": 1 }));
    let events: Vec<_> = (0..4).map(|_| subscriber.receive().unwrap()).collect();
    let names: Vec<_> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(names, ["partition-created", "partition-state", "partition-state", "partition-destroyed"]);
    assert_eq!(events[1]["data"], json!({ "id": 1, "from": "READY", "to": "DEPLOYED", "cause": "command" }));
    let seq: Vec<_> = events.iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    assert!(seq.windows(2).all(|pair| pair[1] == pair[0] + 1), "{seq:?}");
    let (class, text) = subscriber.refused("query-host", json!({}));
    assert_eq!(class, "Protocol");
    assert!(text.contains("carries events"), "{text}");
}

#[test]
fn link_is_made_between_ready_partitions_told_to_both_kernels_and_gone_with_either() {
    let place = Place::new();
    let daemon = place.start();
    let mut peer = daemon.peer();
    let free = |peer: &mut common::Peer| peer.ok("query-host", json!({}))["memory"]["free_mib"].clone();
    let before = free(&mut peer);
    for _ in 0..2 {
        peer.ok("create-partition", json!({ "cores": 1, "memsize_mib": 512 }));
    }
    let link = peer.ok("create-link", json!({ "first": 1, "second": 2 }));
    assert_eq!((&link["first"], &link["second"]), (&json!(1), &json!(2)));
    assert!(link["base"].as_u64().unwrap() > 0 && link["size"].as_u64().unwrap() >= 2 << 20, "{link}");
    assert_eq!(peer.ok("query-links", json!({})), json!({ "links": [link] }));
    for (args, expected) in [
        (json!({ "first": 1, "second": 1 }), "InvalidArgument"),
        (json!({ "first": 0, "second": 1 }), "InvalidArgument"),
        (json!({ "first": 1, "second": 9 }), "NotFound"),
    ] {
        assert_eq!(peer.refused("create-link", args.clone()).0, expected, "{args}");
    }
    peer.ok("deploy", json!({ "kernel": place.path("boot/kernel"), "partition_id": 2 }));
    let (class, text) = peer.refused("create-link", json!({ "first": 1, "second": 2 }));
    assert_eq!(class, "InvalidState", "{text}");
    peer.ok("destroy-partition", json!({ "id": 1 }));
    assert_eq!(peer.ok("query-links", json!({})), json!({ "links": [] }));
    peer.ok("shutdown", json!({ "id": 2 }));
    peer.ok("destroy-partition", json!({ "id": 2 }));
    assert_eq!(free(&mut peer), before);
}
