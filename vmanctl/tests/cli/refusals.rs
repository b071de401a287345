//! What a refusal tells.

use serde_json::json;
use vman_core::ErrorKind;
use vman_core::state::{Operation, PartitionState};

use crate::fake::{Answer, Fake, partition, refuses, returns, version};

fn line(operation: Operation) -> String {
    match operation {
        Operation::Deploy => "vmanctl deploy -kernel K 3".into(),
        Operation::Shutdown
        | Operation::Reboot
        | Operation::Suspend
        | Operation::Restore
        | Operation::Destroy => format!("vmanctl {operation} 3"),
    }
}

/// A board whose partition 3 is in `state` and takes nothing that the state table refuses.
fn board(state: PartitionState) -> Fake {
    Fake::new(move |command, _| match command {
        "query-version" => returns(version("local")),
        "query-partition" => returns(partition(3, &state.to_string())),
        _ => {
            let operation = Operation::ALL.into_iter().find(|operation| operation.name() == command).unwrap();
            match state.after(operation) {
                Ok(_) => returns(json!({})),
                Err(refused) => {
                    refuses("InvalidState", &refused.to_string().replacen("Partition", "Partition 3", 1))
                }
            }
        }
    })
}

#[test]
fn every_refused_state_is_told_with_the_way_out() {
    let expected = [
        "vmanctl: Partition 3 is READY; shutdown needs DEPLOYED or SUSPENDED: nothing to do",
        "vmanctl: Partition 3 is READY; reboot needs DEPLOYED: run `vmanctl deploy --kernel FILE 3` first",
        "vmanctl: Partition 3 is READY; suspend needs DEPLOYED: run `vmanctl deploy --kernel FILE 3` first",
        "vmanctl: Partition 3 is READY; restore needs SUSPENDED: run `vmanctl deploy --kernel FILE 3`, then \
         `vmanctl suspend 3` first",
        "vmanctl: Partition 3 is DEPLOYED; deploy needs READY: run `vmanctl shutdown 3` first",
        "vmanctl: Partition 3 is DEPLOYED; restore needs SUSPENDED: nothing to do",
        "vmanctl: Partition 3 is DEPLOYED; destroy-partition needs READY: run `vmanctl shutdown 3` first",
        "vmanctl: Partition 3 is SUSPENDED; deploy needs READY: run `vmanctl shutdown 3` first",
        "vmanctl: Partition 3 is SUSPENDED; reboot needs DEPLOYED: run `vmanctl restore 3` first",
        "vmanctl: Partition 3 is SUSPENDED; suspend needs DEPLOYED: nothing to do",
        "vmanctl: Partition 3 is SUSPENDED; destroy-partition needs READY: run `vmanctl shutdown 3` first",
    ];
    let mut told = Vec::new();
    for state in PartitionState::ALL {
        let board = board(state);
        for operation in Operation::ALL {
            let run = board.run(&line(operation));
            if state.after(operation).is_ok() {
                assert_eq!((run.code, run.err.as_str()), (0, ""), "{state} {operation}");
            } else {
                assert_eq!((run.code, run.out.as_str()), (13, ""), "{state} {operation}");
                told.push(run.err.trim_end().to_owned());
            }
        }
    }
    assert_eq!(told, expected);
}

#[test]
fn advice_is_given_in_the_name_of_the_program() {
    let run = board(PartitionState::Deployed).run("vmactl destroy-partition 3");
    assert!(run.err.starts_with("vmactl: ") && run.err.contains("`vmactl shutdown 3`"), "{}", run.err);
}

#[test]
fn refusal_stands_alone_when_the_partition_cannot_be_looked_at() {
    let board = Fake::new(|_, _| refuses("InvalidState", "No"));
    assert_eq!(board.run("vmanctl reboot 3").err, "vmanctl: No\n");
}

#[test]
fn every_kind_has_its_exit_status() {
    for kind in ErrorKind::ALL {
        let board = Fake::new(move |_, _| refuses(kind.name(), "It is so"));
        let run = board.run("vmanctl list");
        assert_eq!(i32::from(run.code), 10 + *kind as i32);
        assert_eq!((run.out.as_str(), run.err.as_str()), ("", "vmanctl: It is so\n"));
    }
}

#[test]
fn peers_that_are_no_vmand_are_told_apart() {
    let cases = [
        (Answer::Raw("HTTP/1.1 400 Bad Request\n"), 20),
        (Answer::Raw("{}\n"), 20),
        (Answer::Raw("{\"return\":{}}\n"), 20),
        (Answer::Raw("{\"return\":{\"partitions\":[{\"id\":\"x\"}]}}\n"), 20),
        (Answer::Close, 19),
    ];
    for (answer, code) in cases {
        let answer = std::sync::Mutex::new(Some(answer));
        let board = Fake::new(move |_, _| answer.lock().unwrap().take().unwrap_or(Answer::Close));
        let run = board.run("vmanctl list");
        assert_eq!((run.code, run.out.as_str()), (code, ""), "{}", run.err);
    }
}
