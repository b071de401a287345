//! `--json`: replies verbatim, errors as objects.

use serde_json::{Value, json};

use crate::fake::{Fake, partition, refuses, returns};
use crate::run;

#[test]
fn reply_is_printed_as_it_came_with_what_nobody_knows() {
    let board = Fake::new(|_, _| returns(json!({ "partitions": [], "later": [1, { "a": null }] })));
    let run = board.run("vmanctl list --json");
    assert_eq!((run.code, run.out.as_str()), (0, "{\"later\":[1,{\"a\":null}],\"partitions\":[]}\n"));
}

#[test]
fn every_command_prints_one_object() {
    let board = Fake::new(|command, _| match command {
        "create-partition" => returns(json!({ "id": 3 })),
        "query-version" => returns(crate::fake::version("local")),
        _ => returns(json!({})),
    });
    for line in [
        "create-partition -cores 1 -memsize 1",
        "deploy -kernel k 3",
        "suspend 3",
        "restore 3",
        "reboot 3",
        "shutdown 3",
        "destroy-partition 3",
        "list",
        "info 3",
        "host",
        "stats 3",
        "version",
        "image list",
        "image delete 00",
    ] {
        let run = board.run(&format!("vmanctl -json {line}"));
        assert_eq!((run.code, run.err.as_str()), (0, ""), "{line}");
        assert!(serde_json::from_str::<Value>(&run.out).unwrap().is_object(), "{line}: {}", run.out);
        assert!(run.out.ends_with('\n') && run.out.lines().count() == 1, "{line}");
    }
}

#[test]
fn refusal_is_one_object_with_class_text_and_advice() {
    let board = Fake::new(|command, _| match command {
        "query-partition" => returns(partition(3, "DEPLOYED")),
        _ => refuses("InvalidState", "Partition 3 is DEPLOYED; destroy-partition needs READY"),
    });
    let run = board.run("vmanctl --json destroy-partition 3");
    let expected = json!({ "error": {
        "class": "InvalidState",
        "desc": "Partition 3 is DEPLOYED; destroy-partition needs READY",
        "advice": "run `vmanctl shutdown 3` first"
    }});
    assert_eq!((run.code, run.out.as_str()), (13, ""));
    assert_eq!(serde_json::from_str::<Value>(&run.err).unwrap(), expected);
}

#[test]
fn wrong_command_line_is_an_object_too() {
    let run = run("vmanctl --json suspend");
    let error: Value = serde_json::from_str(&run.err).unwrap();
    assert_eq!((run.code, &error["error"]["class"]), (2, &json!("InvalidArgument")));
    let run = crate::run("vmanctl suspend -- --json x");
    assert!(run.err.starts_with("error:"), "{}", run.err);
}
