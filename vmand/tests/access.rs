//! Who may do what. One test, because it changes the user of the whole process; the daemon is another process.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;

use common::{Daemon, Peer, Place, refusal};
use nix::unistd::{Gid, Group, Uid, setegid, seteuid, setgroups};
use serde_json::json;

const NOBODY: u32 = 65534;
/// Exists on every Debian.
const GROUP: &str = "daemon";

/// Connects as another user. The kernel notes who connects at that moment.
fn peer_as(daemon: &Daemon, groups: &[Gid]) -> Peer {
    let own = nix::unistd::getgroups().unwrap();
    setgroups(groups).unwrap();
    setegid(Gid::from_raw(NOBODY)).unwrap();
    seteuid(Uid::from_raw(NOBODY)).unwrap();
    let stream = UnixStream::connect(&daemon.socket);
    seteuid(Uid::from_raw(0)).unwrap();
    setegid(Gid::from_raw(0)).unwrap();
    setgroups(&own).unwrap();
    Peer::over(stream.unwrap())
}

fn config(place: &Place, limit: usize) -> String {
    let relay = place.path("relay.sock");
    format!(
        "group = '{GROUP}'\nsocket_mode = 0o666\nrelay_socket = '{}'\n\
         [limits]\nconnections_per_observer = {limit}\n",
        relay.display()
    )
}

#[test]
fn peers_may_do_what_their_user_and_groups_allow() {
    if !Uid::effective().is_root() {
        println!("SKIPPED access: needs root to connect as other users; run the tests as root");
        return;
    }
    let place = Place::new();
    std::fs::set_permissions(place.path("."), std::fs::Permissions::from_mode(0o755)).unwrap();
    let daemon = place.start_with(&config(&place, 3));
    operators_do_everything(&place, &daemon);
    observers_only_query(&daemon);
    observers_are_counted(&daemon);
    relays_state_the_role(&place, &daemon);
    assert!(place.log().contains("create-partition is for root and the daemon's group"), "{}", place.log());
}

fn operators_do_everything(place: &Place, daemon: &Daemon) {
    let group = Group::from_name(GROUP).unwrap().unwrap().gid;
    let mut member = peer_as(daemon, &[Gid::from_raw(NOBODY), group]);
    member.ok("create-partition", json!({ "cores": 1, "memsize_mib": 64 }));
    std::fs::write(place.path("secret"), common::kernel(4096)).unwrap();
    for path in ["secret", "boot/../secret"] {
        let (class, text) = member.refused("deploy", json!({ "id": 1, "kernel": place.path(path) }));
        assert!(["PermissionDenied", "InvalidArgument"].contains(&class.as_str()), "{text}");
    }
    let (class, text) = member.refused("deploy", json!({ "id": 1, "kernel": place.path("secret") }));
    assert_eq!(class, "PermissionDenied");
    assert!(text.contains("lies outside image_dirs"), "{text}");
    member.ok("deploy", json!({ "id": 1, "kernel": "kernel" }));
    member.ok("shutdown", json!({ "id": 1 }));
    // Root is not confined.
    daemon.peer().ok("deploy", json!({ "id": 1, "kernel": place.path("secret") }));
}

fn observers_only_query(daemon: &Daemon) {
    let mut observer = peer_as(daemon, &[]);
    for query in ["query-host", "query-version", "query-partitions", "query-links"] {
        observer.ok(query, json!({}));
    }
    observer.ok("query-partition", json!({ "id": 1 }));
    observer.ok("query-stats", json!({ "id": 1 }));
    let commands = [
        ("create-partition", json!({ "cores": 1, "memsize": 1 })),
        ("deploy", json!({ "id": 1, "kernel": "kernel" })),
        ("destroy-partition", json!({ "id": 1 })),
        ("reboot", json!({ "id": 1 })),
        ("shutdown", json!({ "id": 1 })),
        ("suspend", json!({ "id": 1 })),
        ("restore", json!({ "id": 1 })),
        ("create-link", json!({ "first": 1, "second": 1 })),
        ("image-put", json!({ "digest": "0".repeat(64), "size": 1, "offset": 0, "data": "AA==" })),
        ("image-list", json!({})),
        ("image-delete", json!({ "digest": "0".repeat(64) })),
        ("console-read", json!({ "id": 1 })),
        ("console-write", json!({ "id": 1, "data": "AA==" })),
        ("console-attach", json!({ "id": 1 })),
        ("hello", json!({ "role": "operator" })),
    ];
    for (command, args) in commands {
        assert_eq!(observer.refused(command, args).0, "PermissionDenied", "{command}");
    }
    assert_eq!(observer.ok("query-partition", json!({ "id": 1 }))["state"], json!("DEPLOYED"));
    observer.ok("subscribe-events", json!({}));
}

fn observers_are_counted(daemon: &Daemon) {
    // The daemon may not have noticed yet that the connection before these is closed.
    let start = std::time::Instant::now();
    let mut admitted = Vec::new();
    while admitted.len() < 3 {
        let mut peer = peer_as(daemon, &[]);
        // One that is turned away may find its connection closed already.
        let _ = peer.stream().write_all(b"{\"command\":\"query-host\"}\n");
        if peer.receive().unwrap().get("return").is_some() {
            admitted.push(peer);
        }
        assert!(start.elapsed() < common::PATIENCE, "places are not given back");
    }
    let mut turned_away = peer_as(daemon, &[]);
    let (class, text) = refusal(&turned_away.receive().unwrap());
    assert_eq!(class, "NoResources");
    assert!(text.contains("connections_per_observer"), "{text}");
    assert!(turned_away.is_closed());
    daemon.peer().ok("query-host", json!({}));
}

fn relays_state_the_role(place: &Place, daemon: &Daemon) {
    let mode = std::fs::metadata(place.path("relay.sock")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let mut relay = Peer::connect(&place.path("relay.sock"));
    let (class, text) = relay.refused("query-host", json!({}));
    assert_eq!((class.as_str(), text.as_str()), ("PermissionDenied", "A relay has to say hello first"));
    relay.ok("hello", json!({ "role": "observer" }));
    assert_eq!(relay.ok("query-version", json!({}))["paths"], json!("remote"));
    assert_eq!(relay.refused("shutdown", json!({ "id": 1 })).0, "PermissionDenied");
    let mut relay = Peer::connect(&place.path("relay.sock"));
    relay.ok("hello", json!({ "role": "operator" }));
    relay.ok("shutdown", json!({ "id": 1 }));
    let (class, _) = relay.refused("deploy", json!({ "id": 1, "kernel": place.path("secret") }));
    assert_eq!(class, "PermissionDenied");
    assert_eq!(daemon.peer().refused("hello", json!({ "role": "operator" })).0, "PermissionDenied");
}
