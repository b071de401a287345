//! The life of partitions, with vmand and without.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use vman_core::state::{Operation, PartitionState};

use crate::real::{Real, Way, kernel, until};

#[test]
fn command_lines_of_the_source_document_live_a_whole_life() {
    for way in Way::BOTH {
        let real = Real::new();
        let kernel = real.path("boot/kernel");
        let out = |line: &str| real.out(way, line);
        assert_eq!(out("vmactl create-partition -cores 2 -memsize 1 -secure false"), "Partition 1 created\n");
        assert!(out("vmactl list").contains(" 1  -     READY  -          normal  1-2     1 GiB\n"));
        assert_eq!(out(&format!("vmactl deploy -kernel {} 1", kernel.display())), "Partition 1 deployed\n");
        assert_eq!(out("vmactl suspend 1"), "Partition 1 suspended\n");
        assert_eq!(out("vmactl restore 1"), "Partition 1 restored\n");
        assert_eq!(out("vmactl reboot 1"), "Partition 1 rebooted\n");
        assert!(out("vmactl info 1").contains("State      DEPLOYED\n"));
        assert_eq!(out("vmactl shutdown 1"), "Partition 1 shut down\n");
        assert_eq!(out("vmactl destroy-partition 1"), "Partition 1 destroyed\n");
        assert_eq!(out("vmactl list"), "No partitions\n");
        let run = real.run(way, "vmactl reboot 1");
        assert_eq!((run.code, run.err.contains("partition 1")), (12, true), "{}", run.err);
    }
}

#[test]
fn both_ways_show_the_same() {
    let real = Real::new();
    real.out(Way::Vmand, "vmanctl create-partition -cores 3 -memsize 2 -name web");
    real.out(Way::Device, "vmanctl create-partition -cores 1 -memsize-mib 64 -secure");
    real.deployed(Way::Device, "boot");
    for line in ["list", "list -json", "host", "host -json", "info web", "info -json 2", "console -dump 3"] {
        let line = format!("vmanctl {line}");
        assert_eq!(real.out(Way::Vmand, &line), real.out(Way::Device, &line), "{line}");
    }
}

/// Brings a new partition into `state`.
fn partition_in(state: PartitionState, real: &Real, way: Way) -> String {
    match state {
        PartitionState::Ready => {
            let created = real.out(way, "vmanctl create-partition -cores 1 -memsize-mib 64 -json");
            serde_json::from_str::<Value>(&created).unwrap()["id"].to_string()
        }
        PartitionState::Deployed => real.deployed(way, "boot"),
        PartitionState::Suspended => {
            let id = real.deployed(way, "boot");
            real.out(way, &format!("vmanctl suspend {id}"));
            id
        }
    }
}

#[test]
fn every_refused_state_is_told_with_the_way_out() {
    for way in Way::BOTH {
        let real = Real::new();
        for state in PartitionState::ALL {
            let id = partition_in(state, &real, way);
            for operation in Operation::ALL {
                let Err(refused) = state.after(operation) else { continue };
                let options = if operation == Operation::Deploy { " -kernel kernel" } else { "" };
                let run = real.run(way, &format!("vmanctl {operation}{options} {id}"));
                let begin =
                    format!("vmanctl: {refused}: ").replacen("Partition", &format!("Partition {id}"), 1);
                assert_eq!(run.code, 13, "{way:?} {state} {operation}: {}", run.err);
                assert!(run.err.starts_with(&begin), "{way:?}: {} is not {begin}", run.err);
            }
        }
    }
}

#[test]
fn crashed_partition_shows_its_fault_and_the_way_out() {
    for way in Way::BOTH {
        let real = Real::new();
        let id = real.deployed(way, "crash");
        until("the fault", || real.out(way, "vmanctl list").contains("faulted: exception"));
        let run = real.run(way, &format!("vmanctl suspend {id}"));
        assert_eq!(run.code, 13);
        assert!(run.err.ends_with(&format!(": run `vmanctl reboot {id}` first\n")), "{}", run.err);
    }
}

#[test]
fn stubborn_partition_times_out_and_stays_deployed() {
    for way in Way::BOTH {
        let real = Real::new();
        let id = real.deployed(way, "stubborn");
        let run = real.run(way, &format!("vmanctl shutdown -timeout 50ms {id}"));
        assert_eq!(run.code, 18, "{way:?}: {}", run.err);
        assert!(real.out(way, &format!("vmanctl info {id}")).contains("DEPLOYED"));
    }
}

#[test]
fn refusals_of_the_board_have_their_kinds() {
    let real = Real::new();
    std::fs::write(real.path("boot/short"), [0; 10]).unwrap();
    std::fs::write(real.path("boot/large"), kernel(128 << 20)).unwrap();
    let short = real.path("boot/short");
    let large = real.path("boot/large");
    for way in Way::BOTH {
        let name = format!("{way:?}");
        real.out(way, &format!("vmanctl create-partition -cores 1 -memsize-mib 64 -name {name}"));
        let cases = [
            ("vmanctl create-partition -cores 999 -memsize 1".into(), 14),
            ("vmanctl create-partition -cores 1 -memsize 999999".into(), 14),
            ("vmanctl create-partition -cores 1 -memsize 18446744073709551615".into(), 11),
            ("vmanctl create-partition -cores 0 -memsize 1".into(), 11),
            ("vmanctl create-partition -cores 1 -memsize-mib 3".into(), 11),
            (format!("vmanctl create-partition -cores 1 -memsize-mib 64 -name {name}"), 23),
            (format!("vmanctl deploy -kernel {} {name}", short.display()), 11),
            (format!("vmanctl deploy -kernel {} {name}", large.display()), 11),
            (format!("vmanctl deploy -kernel {} {name}", real.path("boot").display()), 11),
            (format!("vmanctl deploy -kernel {}/none {name}", real.path("boot").display()), 12),
            ("vmanctl info 0".into(), 11),
            ("vmanctl info 77".into(), 12),
            ("vmanctl console 77 -no-input".into(), 12),
            (format!("vmanctl shutdown -mode graceful {name}"), 17),
        ];
        for (line, code) in cases {
            let run = real.run(way, &line);
            assert_eq!((run.code, run.out.as_str()), (code, ""), "{way:?} {line}: {}", run.err);
        }
    }
}

#[test]
fn images_are_put_listed_deployed_and_deleted() {
    let real = Real::new();
    let file = real.path("elsewhere");
    std::fs::write(&file, kernel(1_200_000)).unwrap();
    let image = real.out(Way::Vmand, &format!("vmanctl image put {}", file.display()));
    assert!(image.starts_with("image:sha256:"), "{image}");
    let image = image.trim_end();
    let list = real.out(Way::Vmand, "vmanctl image list");
    assert!(list.contains(&format!("{image}  1200000\n")), "{list}");
    real.out(Way::Vmand, "vmanctl create-partition -cores 1 -memsize 1");
    real.out(Way::Vmand, &format!("vmanctl deploy -kernel {image} 1"));
    real.out(Way::Vmand, &format!("vmanctl image delete {image}"));
    assert!(real.out(Way::Vmand, "vmanctl image list").starts_with("No images"));
    let run = real.run(Way::Vmand, &format!("vmanctl image delete {image}"));
    assert_eq!(run.code, 12, "{}", run.err);
}

fn spawn(real: &Real, way: Way, args: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_vmactl"))
        .args(format!("{args} {}", real.options(way)).split_whitespace())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn console_echoes_what_is_typed_and_ends_with_its_partition() {
    for way in Way::BOTH {
        let real = Real::new();
        let id = real.deployed(way, "boot");
        let mut child = spawn(&real, way, &format!("console --all {id}"));
        let mut stdin = child.stdin.take().unwrap();
        let mut stdout = child.stdout.take().unwrap();
        let mut shown = Vec::new();
        let mut wait_for = |text: &str| {
            while !String::from_utf8_lossy(&shown).contains(text) {
                let mut buffer = [0; 4096];
                let length = stdout.read(&mut buffer).unwrap();
                assert!(length > 0, "{text:?} is not in {:?}", String::from_utf8_lossy(&shown));
                shown.extend_from_slice(&buffer[..length]);
            }
        };
        wait_for("Booting Linux");
        wait_for("(simulated) # ");
        stdin.write_all(b"good morning\r").unwrap();
        wait_for("good morning");
        real.out(way, &format!("vmanctl shutdown {id}"));
        real.out(way, &format!("vmanctl destroy-partition {id}"));
        let output = child.wait_with_output().unwrap();
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), err), (Some(0), format!("[Partition {id} is gone]\n")), "{way:?}");
    }
}

/// Reads events from a subscription that is known to be there: partitions come and go until one is seen.
fn events(real: &Real, way: Way, meanwhile: impl FnOnce()) -> Vec<Value> {
    let mut child = spawn(real, way, "events --json");
    let (sender, seen) = std::sync::mpsc::channel();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let reader = std::thread::spawn(move || {
        lines.map_while(Result::ok).for_each(|line| drop(sender.send(serde_json::from_str(&line).unwrap())));
    });
    let mut events: Vec<Value> = Vec::new();
    until("an event", || {
        let id = partition_in(PartitionState::Ready, real, way);
        real.out(way, &format!("vmanctl destroy-partition {id}"));
        events.extend(seen.try_iter());
        !events.is_empty()
    });
    meanwhile();
    let marker = partition_in(PartitionState::Ready, real, way);
    let end = json!({ "id": marker.parse::<u32>().unwrap() });
    until("the last event", || {
        events.extend(seen.try_iter());
        events.iter().any(|event| event["data"] == end)
    });
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap();
    events
}

#[test]
fn events_tell_a_life() {
    for way in Way::BOTH {
        let real = Real::new();
        let mut id = String::new();
        let events = events(&real, way, || {
            id = real.deployed(way, "poweroff");
            until("the power-off", || real.out(way, &format!("vmanctl info {id}")).contains("READY"));
        });
        let sequence: Vec<_> = events.iter().map(|event| event["seq"].as_u64().unwrap()).collect();
        assert!(sequence.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{sequence:?}");
        let id: u32 = id.parse().unwrap();
        let told: Vec<_> = events.iter().filter(|event| event["data"]["id"] == id).collect();
        let changes = [
            ("partition-created", Value::Null, Value::Null),
            ("partition-state", json!("DEPLOYED"), json!("command")),
            ("partition-state", json!("READY"), json!("guest")),
        ];
        assert_eq!(told.len(), changes.len(), "{told:?}");
        for (event, (name, to, cause)) in told.iter().zip(changes) {
            assert_eq!((&event["event"], &event["data"]["to"]), (&json!(name), &to), "{event}");
            assert_eq!(event["data"]["cause"], cause, "{event}");
        }
    }
}

#[test]
fn last_core_goes_to_one_of_two() {
    let real = Real::new();
    real.out(Way::Vmand, "vmanctl create-partition -cores 6 -memsize 1");
    let codes = std::thread::scope(|scope| {
        let create = |way| real.run(way, "vmanctl create-partition -cores 1 -memsize 1").code;
        let both = Way::BOTH.map(|way| scope.spawn(move || create(way)));
        both.map(|thread| thread.join().unwrap())
    });
    assert!(codes == [0, 14] || codes == [14, 0], "{codes:?}");
}

#[test]
fn board_that_goes_away_is_told() {
    let real = Real::new();
    real.device().unplug();
    for way in Way::BOTH {
        let run = real.run(way, "vmanctl list -json");
        let error: Value = serde_json::from_str(&run.err).unwrap();
        assert_eq!((run.code, &error["error"]["class"]), (19, &json!("Disconnected")), "{way:?}");
    }
}
