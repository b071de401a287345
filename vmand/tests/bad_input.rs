//! Every bad input gets its class and names its rule; the connection and the other clients go on.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{Peer, Place, kernel, refusal};
use serde_json::{Value, json};

fn expect(peer: &mut Peer, line: &str, class: &str, rule: &str) {
    let shown: String = line.chars().take(120).collect();
    let (found, text) = refusal(&peer.line(line.as_bytes()));
    assert_eq!(found, class, "{shown}: {text}");
    assert!(text.contains(rule), "{shown}: {text}");
    assert!(text.len() < 4096, "{shown}: message of {} bytes", text.len());
}

#[test]
fn lines_that_are_no_request_are_answered_and_the_connection_stays() {
    let place = Place::new();
    let daemon = place.start();
    let mut peer = daemon.peer();
    let nested =
        format!(r#"{{"command":"query-host","args":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    let array = r#"["query-host",null,null]"#;
    for line in ["", "x", "{}", "[]", array, "null", r#"{"command":1}"#, r#"{"command":"query-host","x":1}"#]
    {
        expect(&mut peer, line, "Protocol", "Line is no request");
    }
    expect(&mut peer, &nested, "InvalidArgument", "Argument args: must be an object");
    expect(&mut peer, r#"{"command":"suspend","args":[1]}"#, "InvalidArgument", "must be an object");
    expect(&mut peer, &"[".repeat(500_000), "Protocol", "Line is no request");
    expect(&mut peer, &r#"{"command":"#.repeat(50_000), "Protocol", "Line is no request");
    let (class, text) = refusal(&peer.line(b"{\"command\":\"query-host\xff\"}"));
    assert_eq!(class, "Protocol", "{text}");
    expect(&mut peer, r#"{"command":"fly"}"#, "Unsupported", "There is no command \"fly\"");
    let huge = format!(r#"{{"command":"{}"}}"#, "x".repeat(900_000));
    expect(&mut peer, &huge, "Unsupported", "There is no command");
    peer.ok("query-host", json!({}));
}

#[test]
fn line_above_the_limit_is_answered_and_the_connection_closed() {
    let place = Place::new();
    let daemon = place.start();
    let mut peer = daemon.peer();
    let mut longest = br#"{"command":"query-version","id":""#.to_vec();
    longest.resize((1 << 20) - 3, b'x');
    longest.extend(b"\"}");
    assert!(peer.line(&longest)["return"].is_object());
    let mut peer = daemon.peer();
    // vmand may answer and close before the last byte is sent.
    let _ = std::io::Write::write_all(&mut peer.stream(), &vec![b'x'; (1 << 20) + 1]);
    let (class, text) = refusal(&peer.receive().unwrap());
    assert_eq!((class.as_str(), text.as_str()), ("Protocol", "Line is longer than 1048576 bytes"));
    assert!(peer.is_closed());
    daemon.peer().ok("query-host", json!({}));
}

/// What no argument of any kind can be, as JSON text.
const NONSENSE: [&str; 11] = [
    "-1",
    "18446744073709551616",
    "1e400",
    "NaN",
    "1.5",
    "null",
    "true",
    "[]",
    "{}",
    "\"\\ud800\"",
    "\"two\"",
];

#[test]
fn each_argument_of_each_command_refuses_nonsense_by_name() {
    let place = Place::new();
    let daemon = place.start();
    let mut peer = daemon.peer();
    let commands: [(&str, &[&str]); 13] = [
        ("create-partition", &["cores", "memsize", "memsize_mib", "shared_with"]),
        ("deploy", &["partition_id", "id"]),
        ("destroy-partition", &["id", "partition_id"]),
        ("reboot", &["id"]),
        ("shutdown", &["id", "timeout_ms"]),
        ("suspend", &["id"]),
        ("restore", &["id"]),
        ("query-partition", &["id"]),
        ("query-stats", &["id"]),
        ("create-link", &["first", "second"]),
        ("image-put", &["size", "offset"]),
        ("console-read", &["id", "position", "max"]),
        ("console-attach", &["id", "position"]),
    ];
    for (command, arguments) in commands {
        for argument in arguments {
            for value in NONSENSE {
                let line = format!(r#"{{"command":"{command}","args":{{"{argument}":{value}}}}}"#);
                let (class, text) = refusal(&peer.line(line.as_bytes()));
                let expected: &[&str] = match value {
                    // No JSON at all, or a missing optional argument, which leaves the others missing.
                    "NaN" | "1e400" | "\"\\ud800\"" => &["Protocol", "InvalidArgument"],
                    _ => &["InvalidArgument"],
                };
                assert!(expected.contains(&class.as_str()), "{line}: {class} {text}");
                assert!(text.contains("Argument ") || class == "Protocol", "{line}: {text}");
            }
        }
        let unknown = format!(r#"{{"command":"{command}","args":{{"color":1}}}}"#);
        expect(&mut peer, &unknown, "InvalidArgument", "unknown field `color`");
        expect(&mut peer, &format!(r#"{{"command":"{command}"}}"#), "InvalidArgument", "missing field");
        for args in ["1", "[]", "\"x\""] {
            let line = format!(r#"{{"command":"{command}","args":{args}}}"#);
            assert_eq!(refusal(&peer.line(line.as_bytes())).0, "InvalidArgument", "{line}");
        }
    }
    assert_eq!(peer.ok("query-partitions", json!({}))["partitions"], json!([]));
}

#[test]
fn impossible_resources_are_refused_and_nothing_is_taken() {
    let place = Place::new();
    let daemon = place.start();
    let mut peer = daemon.peer();
    let before = peer.ok("query-host", json!({}));
    let cases = [
        (json!({ "cores": 0, "memsize": 1 }), "InvalidArgument"),
        (json!({ "cores": 4294967295u32, "memsize": 1 }), "NoResources"),
        (json!({ "cores": 1, "memsize": 0 }), "InvalidArgument"),
        (json!({ "cores": 1, "memsize": u64::MAX }), "InvalidArgument"),
        (json!({ "cores": 1, "memsize": 1 << 20 }), "NoResources"),
        (json!({ "cores": 1, "memsize_mib": 3 }), "InvalidArgument"),
        (json!({ "cores": 1, "memsize": 1, "memsize_mib": 1024 }), "InvalidArgument"),
        (json!({ "cores": 1, "memsize": 1, "primary": 1 }), "InvalidArgument"),
        (json!({ "cores": 1, "memsize": 1, "name": "x".repeat(100_000) }), "InvalidArgument"),
        (json!({ "cores": 1, "memsize": 1, "uuid": "no" }), "InvalidArgument"),
        (json!({ "cores": 1, "memsize": 1, "shared_with": 1 }), "InvalidArgument"),
        (json!({ "cores": 1, "memsize_mib": 2, "secure": true, "shared_with": 7 }), "NotFound"),
    ];
    for (args, expected) in cases {
        let (class, text) = peer.refused("create-partition", args.clone());
        assert_eq!(class, expected, "{args}: {text}");
    }
    assert_eq!(peer.ok("query-host", json!({})), before);
}

#[test]
fn bad_files_are_refused_and_the_partition_stays_ready() {
    let place = Place::new();
    let boot = |name: &str| place.path(&format!("boot/{name}"));
    let daemon = place.start();
    let mut peer = daemon.peer();
    peer.ok("create-partition", json!({ "cores": 1, "memsize_mib": 64 }));
    std::fs::write(boot("empty"), "").unwrap();
    std::fs::write(boot("short"), &kernel(1 << 20)[..40]).unwrap();
    std::fs::write(boot("gzip"), b"\x1f\x8b\x08\0 compressed").unwrap();
    std::fs::write(boot("text"), vec![b'x'; 4096]).unwrap();
    std::fs::write(boot("large"), kernel(1 << 20)).unwrap();
    std::fs::File::options().append(true).open(boot("large")).unwrap().set_len(1 << 30).unwrap();
    let mut greedy = kernel(1 << 20);
    greedy[16..24].copy_from_slice(&(1u64 << 40).to_le_bytes());
    std::fs::write(boot("greedy"), &greedy).unwrap();
    let mut offset = kernel(1 << 20);
    offset[8..16].copy_from_slice(&12345u64.to_le_bytes());
    std::fs::write(boot("offset"), &offset).unwrap();
    std::fs::write(boot("dtb"), b"no device tree").unwrap();
    nix::unistd::mkfifo(&boot("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    std::os::unix::fs::symlink("nowhere", boot("dangling")).unwrap();
    std::os::unix::fs::symlink("loop", boot("loop")).unwrap();
    let path = |name: &str| json!({ "id": 1, "kernel": boot(name) });
    let cases = [
        (path("missing"), "NotFound", "cannot be read"),
        (path("dangling"), "NotFound", "cannot be read"),
        (path("loop"), "InvalidArgument", "cannot be read"),
        (path(""), "InvalidArgument", "no regular file"),
        (path("fifo"), "InvalidArgument", "no regular file"),
        (path("kernel/x"), "InvalidArgument", "cannot be read"),
        (path("empty"), "InvalidArgument", "shorter than its header"),
        (path("short"), "InvalidArgument", "shorter than its header"),
        (path("gzip"), "InvalidArgument", "compressed"),
        (path("text"), "InvalidArgument", "no arm64 boot header"),
        (path("large"), "InvalidArgument", "more than the 64 MiB"),
        (path("greedy"), "NoResources", "the partition has 64 MiB"),
        (path("offset"), "InvalidArgument", "text_offset"),
        (json!({ "id": 1, "kernel": "" }), "InvalidArgument", "is empty"),
        (json!({ "id": 1, "kernel": "a\0b" }), "InvalidArgument", "NUL"),
        (json!({ "id": 1, "kernel": "../log" }), "InvalidArgument", "`..`"),
        (json!({ "id": 1, "kernel": "x".repeat(500_000) }), "InvalidArgument", ""),
        (json!({ "id": 1, "kernel": "image:sha256:12" }), "NotFound", "no image"),
        (json!({ "id": 1, "kernel": "kernel", "dtb": "missing" }), "NotFound", "cannot be read"),
        (json!({ "id": 1, "kernel": "kernel", "dtb": "dtb" }), "InvalidArgument", ""),
        (
            json!({ "id": 1, "kernel": "kernel", "initrd": "large" }),
            "InvalidArgument",
            "more than the 64 MiB",
        ),
        (json!({ "id": 1, "kernel": "kernel", "cmdline": "x".repeat(3000) }), "InvalidArgument", ""),
        (json!({ "id": 1, "kernel": "kernel", "cmdline": "a\0b" }), "InvalidArgument", ""),
        (json!({ "id": 0, "kernel": "kernel" }), "InvalidArgument", "management partition"),
        (json!({ "id": 9, "kernel": "kernel" }), "NotFound", "no partition 9"),
    ];
    for (args, class, rule) in cases {
        let shown: String = args.to_string().chars().take(100).collect();
        let (found, text) = peer.refused("deploy", args);
        assert_eq!(found, class, "{shown}: {text}");
        assert!(text.contains(rule), "{shown}: {text}");
        assert_eq!(peer.ok("query-partition", json!({ "id": 1 }))["state"], json!("READY"), "{shown}");
    }
    peer.ok("deploy", json!({ "id": 1, "kernel": "kernel" }));
}

#[test]
fn every_pair_that_the_state_table_refuses_is_refused_over_the_socket() {
    let place = Place::new();
    let daemon = place.start();
    let mut peer = daemon.peer();
    for _ in 0..3 {
        peer.ok("create-partition", json!({ "cores": 1, "memsize_mib": 64 }));
    }
    for id in [2, 3] {
        peer.ok("deploy", json!({ "id": id, "kernel": "kernel" }));
    }
    peer.ok("suspend", json!({ "id": 3 }));
    let table: [(u32, &str, &[&str]); 3] = [
        (1, "READY", &["shutdown", "reboot", "suspend", "restore"]),
        (2, "DEPLOYED", &["deploy", "restore", "destroy-partition"]),
        (3, "SUSPENDED", &["deploy", "reboot", "suspend", "destroy-partition"]),
    ];
    for (id, state, commands) in table {
        for command in commands {
            let args = match *command {
                "deploy" => json!({ "id": id, "kernel": "kernel" }),
                _ => json!({ "id": id }),
            };
            let (class, text) = peer.refused(command, args);
            assert_eq!(class, "InvalidState");
            assert!(text.starts_with(&format!("Partition {id} is {state}; {command} needs ")), "{text}");
            assert_eq!(peer.ok("query-partition", json!({ "id": id }))["state"], Value::from(state));
        }
    }
}
