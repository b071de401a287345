//! Events, consoles and frames through pipes.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::fake::{Answer, Fake, partition, returns};

fn event(seq: u64) -> Value {
    json!({ "event": "partition-created", "data": { "id": seq }, "timestamp_ns": 1_500_000_000u64, "seq": seq })
}

fn spawn(board: &Fake, args: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_vmanctl"))
        .args(args.split_whitespace())
        .arg("--socket")
        .arg(board.socket())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Waits for the end, which must come soon.
fn end(mut child: Child) -> (Option<i32>, String, String) {
    let deadline = Instant::now() + Duration::from_secs(20);
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        assert!(Instant::now() < deadline, "it does not end");
        std::thread::sleep(Duration::from_millis(5));
    };
    let (mut out, mut err) = (String::new(), String::new());
    if let Some(mut stdout) = child.stdout.take() {
        stdout.read_to_string(&mut out).unwrap();
    }
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    (status.code(), out, err)
}

fn events() -> Fake {
    Fake::new(|_, _| Answer::Stream((1..=3).map(event).collect()))
}

#[test]
fn events_end_after_the_count() {
    let run = events().run("vmanctl events --count 2");
    assert_eq!((run.code, run.err.as_str()), (0, ""));
    assert_eq!(run.out, "[     1.500000] partition 1 created\n[     1.500000] partition 2 created\n");
    let run = events().run("vmanctl events --count 3 --json");
    let lines: Vec<Value> = run.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines, [event(1), event(2), event(3)]);
}

#[test]
fn events_end_when_their_reader_does_even_if_no_more_come() {
    let board = events();
    let mut child = spawn(&board, "events");
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut first = String::new();
    lines.read_line(&mut first).unwrap();
    assert_eq!(first, "[     1.500000] partition 1 created\n");
    drop(lines);
    assert_eq!(end(child), (Some(0), String::new(), String::new()));
}

#[test]
fn closed_output_is_no_error() {
    let board = Fake::new(|_, _| returns(json!({ "partitions": [partition(1, "READY")] })));
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = Command::new(env!("CARGO_BIN_EXE_vmactl"))
        .args(["list", "--socket"])
        .arg(board.socket())
        .stdout(writer)
        .output()
        .unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), b"".as_slice()));
}

#[test]
fn full_disk_is_an_error() {
    let board = Fake::new(|_, _| returns(json!({ "partitions": [partition(1, "READY")] })));
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_vmanctl"))
        .args(["list", "--socket"])
        .arg(board.socket())
        .stdout(full)
        .output()
        .unwrap();
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{err}");
    assert!(err.contains("Output cannot be written: No space left"), "{err}");
}

#[test]
fn lost_vmand_ends_the_stream_with_an_error() {
    let board = Fake::new(|_, _| Answer::Close);
    let run = board.run("vmanctl events");
    assert_eq!((run.code, run.err.as_str()), (19, "vmanctl: vmand closed the connection\n"));
}

fn chunk(position: u64, data: &str) -> Value {
    use base64::Engine as _;
    let encoded = base64::engine::general_purpose::STANDARD.encode(data);
    json!({ "position": position, "data": encoded, "end": position + data.len() as u64 })
}

fn gone() -> Value {
    json!({ "error": { "class": "NotFound", "desc": "There is no partition 3" } })
}

#[test]
fn console_shows_what_comes_until_the_partition_is_gone() {
    let board = Fake::new(|_, _| Answer::Stream(vec![chunk(0, "boot\r\n"), chunk(6, "login: "), gone()]));
    let (code, out, err) = end(spawn(&board, "console 3 --no-input"));
    assert_eq!((code, out.as_str(), err.as_str()), (Some(0), "boot\r\nlogin: ", "[Partition 3 is gone]\n"));
    assert_eq!(board.requests("console-attach"), [json!({ "id": 3 })]);
}

#[test]
fn console_can_begin_with_what_is_kept_and_tells_what_was_lost() {
    let board = Fake::new(|_, _| Answer::Stream(vec![chunk(100, "old"), chunk(200, "new"), gone()]));
    let (code, out, err) = end(spawn(&board, "console 3 --all --no-input"));
    assert_eq!((code, out.as_str()), (Some(0), "oldnew"));
    assert!(err.contains("[97 bytes were printed faster than they could be read]"), "{err}");
    assert_eq!(board.requests("console-attach"), [json!({ "id": 3, "position": 0 })]);
}

#[test]
fn console_types_what_a_pipe_carries_and_goes_on_after_its_end() {
    let board = Fake::new(|_, _| Answer::Stream(vec![chunk(0, "$ ")]));
    let mut child = spawn(&board, "console 3");
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"ls\x1d\n").unwrap();
    drop(stdin);
    let typed = || board.requests_without_command();
    let deadline = Instant::now() + Duration::from_secs(20);
    while typed().is_empty() {
        assert!(Instant::now() < deadline, "nothing was typed");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(typed(), [json!({ "data": "bHMdCg==" })]);
    assert_eq!(child.try_wait().unwrap(), None);
    let pid = nix::unistd::Pid::from_raw(child.id().try_into().unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    assert_eq!(end(child), (Some(0), "$ ".into(), String::new()));
}

#[test]
fn typing_in_vain_is_told_and_the_console_goes_on() {
    let busy = json!({ "error": { "class": "Busy", "desc": "Partition 3 takes no more console input now" } });
    let board = Fake::new(move |_, _| Answer::Stream(vec![busy.clone(), chunk(0, "on"), gone()]));
    let (code, out, err) = end(spawn(&board, "console 3 --no-input"));
    assert_eq!((code, out.as_str()), (Some(0), "on"));
    assert!(err.contains("takes no more console input"), "{err}");
}

#[test]
fn dump_prints_what_is_kept_and_ends() {
    let board = Fake::new(|command, args| match (command, args["position"].as_u64()) {
        ("console-read", None) => returns(json!({ "position": 10, "data": "YWI=", "end": 14 })),
        ("console-read", Some(12)) => returns(json!({ "position": 12, "data": "Y2Q=", "end": 9999 })),
        other => panic!("{other:?}"),
    });
    let run = board.run("vmanctl console 3 --dump");
    assert_eq!((run.code, run.out.as_str(), run.err.as_str()), (0, "abcd", ""));
}

pub(crate) fn board() -> Fake {
    Fake::new(|command, args| match command {
        "query-host" => returns(json!({
            "arch": "aarch64", "model": "a board", "simulated": true, "cores_total": 4, "cores_free": 1,
            "cores_management": 1, "memory": { "total_mib": 4096, "free_mib": 3072, "largest_free_mib": 3072 },
            "secure_memory": { "total_mib": 0, "free_mib": 0, "largest_free_mib": 0 },
            "memory_management_mib": 512, "memory_granule_mib": 2,
            "cpus": [
                { "id": 0, "mpidr": 0, "partition": 0, "free": false },
                { "id": 1, "mpidr": 1, "partition": 1, "free": false },
                { "id": 2, "mpidr": 2, "partition": 1, "free": false },
                { "id": 3, "mpidr": 3, "partition": 0, "free": true },
            ]
        })),
        "query-partitions" => {
            returns(json!({ "partitions": [partition(1, "DEPLOYED"), partition(2, "READY")] }))
        }
        "query-stats" if args["id"] == 1 => {
            returns(json!({ "id": 1, "counters": { "starts": 5, "smcs": 7 } }))
        }
        "query-stats" => crate::fake::refuses("NotFound", "There is no partition 2"),
        other => panic!("{other}"),
    })
}

#[test]
fn top_prints_frames_even_if_a_partition_goes_meanwhile() {
    let run = board().run("vmanctl top --once");
    assert_eq!((run.code, run.err.as_str()), (0, ""));
    assert!(run.out.contains("0  M  1  1  .\n"), "{}", run.out);
    assert!(run.out.contains("DEPLOYED  running    1-2     1 GiB       5      -       -\n"), "{}", run.out);
    let run = board().run("vmanctl top --count 2 --interval 1ms");
    assert_eq!(run.out.matches("Cores ").count(), 2, "{}", run.out);
    assert!(run.out.contains("       5      0       -\n"), "{}", run.out);
    let run = board().run("vmanctl top --once --json");
    let frame: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(
        (&frame["host"]["cores_total"], &frame["stats"][0]["counters"]["smcs"]),
        (&json!(4), &json!(7))
    );
}

#[test]
fn host_shows_the_board() {
    let run = board().run("vmanctl host");
    assert!(
        run.out.starts_with("Board   a board (aarch64, simulated)\nCores   4: 1 management (M), 2 in"),
        "{}",
        run.out
    );
    let run = board().run("vmanctl host --color always");
    assert!(run.out.contains("\u{1b}["), "{}", run.out);
}
