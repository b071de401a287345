//! The program as its users run it.

use std::fs;
use std::process::{Command, Output};

use serde_json::Value;

fn slice_agent(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_slice-agent")).args(arguments).output().expect("the program is built")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("the program writes text")
}

fn refused(arguments: &[&str]) -> String {
    let output = slice_agent(arguments);
    assert!(!output.status.success(), "{arguments:?} was accepted");
    assert_eq!(text(&output.stdout), "");
    text(&output.stderr)
}

const SHORT: [&str; 5] = ["eval", "--seeds", "2", "--episodes", "20"];

#[test]
fn json_lines_are_equal_for_any_number_of_threads() {
    let with = |threads| slice_agent(&[&SHORT[..], &["--json", "--threads", threads]].concat()).stdout;
    let one = with("1");
    assert_eq!(one, with("3"));
    let lines: Vec<Value> = text(&one).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 12);
    let demand = lines.iter().find(|line| line["policy"] == "demand" && line["arbiter"] == true).unwrap();
    assert_eq!(demand["conflicts_per_100"]["mean"], 0.0);
    assert!(demand["trimmed_per_100"]["mean"].as_f64().unwrap() > 0.0);
}

#[test]
fn the_table_has_a_line_for_each_policy() {
    let output = slice_agent(&[&SHORT[..], &["--policy", "static,demand", "--arbiter", "on"]].concat());
    let table = text(&output.stdout);
    assert_eq!(
        table.lines().filter(|line| line.contains("│ static") || line.contains("│ demand")).count(),
        2
    );
}

#[test]
fn files_are_written_beside_one_another() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("new/folder");
    let output = slice_agent(&[&SHORT[..], &["--out", out.to_str().unwrap()]].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    let csv = fs::read_to_string(out.join("eval.csv")).unwrap();
    let columns = csv.lines().next().unwrap().split(',').count();
    assert_eq!(csv.lines().count(), 13);
    assert!(csv.lines().all(|line| line.split(',').count() == columns));
    assert!(fs::read_to_string(out.join("eval.svg")).unwrap().trim_end().ends_with("</svg>"));
    assert_eq!(fs::read_to_string(out.join("eval.jsonl")).unwrap().lines().count(), 12);
}

#[test]
fn a_training_is_equal_for_any_number_of_threads() {
    let dir = tempfile::tempdir().unwrap();
    let with = |threads: &str| {
        let file = dir.path().join(threads);
        let csv = file.to_str().unwrap();
        let arguments = ["train", "--seeds", "2", "--episodes", "3", "--threads", threads, "--csv", csv];
        let output = slice_agent(&arguments);
        assert!(output.status.success(), "{}", text(&output.stderr));
        (output.stdout, fs::read_to_string(file).unwrap())
    };
    let (table, episodes) = with("1");
    assert_eq!((table, episodes.clone()), with("4"));
    assert_eq!(episodes.lines().count(), 1 + 3 * 2 * 3);
}

#[test]
fn a_trace_is_replayed() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("capture.csv");
    fs::write(&file, "No.,Time,Length\n1,0,1500\n2,0.5,1500\n3,1.2,40\n").unwrap();
    let trace = format!("embb={}", file.display());
    let with = slice_agent(&[&SHORT[..], &["--json", "--trace", &trace]].concat());
    assert!(with.status.success(), "{}", text(&with.stderr));
    assert_ne!(with.stdout, slice_agent(&[&SHORT[..], &["--json"]].concat()).stdout);
}

#[test]
fn bad_input_is_refused_with_its_rule() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("capture.csv");
    fs::write(&file, "Time,Length\n3,10\n2,10\n").unwrap();
    let trace = format!("mmtc={}", file.display());
    let short_log = dir.path().join("log.csv").display().to_string();
    assert!(slice_agent(&["record", "--out", &short_log, "--episodes", "1"]).status.success());
    for (arguments, rule) in [
        (vec!["eval", "--policy", "greedy"], "there are: random, static, codes"),
        (vec!["eval", "--episodes", "0"], "0 is not in 1..=1000000"),
        (vec!["eval", "--growth", "NaN"], "growth is NaN, it must be at least 0"),
        (vec!["eval", "--messages", "2"], "The predefined codes need 3 messages, the space has 2"),
        (vec!["eval", "--delay", "101"], "arrivals_delay_steps is 101, it must be at most 100"),
        (vec!["train", "--exploration", "1.5"], "It must lie between 0 and 1"),
        (
            vec!["train", "--method", "ppo"],
            "There is no method \"ppo\"; there are: step, madrl, predefined, dqn",
        ),
        (vec!["train", "--method", "dial", "--set", "env.messages=1"], "dial needs at least 2 messages"),
        (vec!["train", "--method", "mappo", "--log", &short_log], "mappo learns from what it does itself"),
        (
            vec!["train", "--method", "vdn", "--talks", "--log", &short_log],
            "Line 1 of the log: the columns must be",
        ),
        (vec!["record", "--out", "/nowhere/log", "--episodes", "1"], "Cannot write /nowhere/log"),
        (vec!["record", "--out", "/nowhere/log", "--random", "2"], "--random must lie between 0 and 1"),
        (vec!["train", "--set", "env.colour=red"], "unknown field `colour`"),
        (vec!["train", "--set", "episodes"], "It must be FIELD=VALUE"),
        (vec!["train", "--config", "/nowhere"], "Cannot use /nowhere: No such file"),
        (vec!["train", "--resume", "/nowhere"], "Cannot use /nowhere/config.toml: No such file"),
        (vec!["sweep", "--field", "env.messages", "--values", "4,0"], "env.messages=0: messages is 0"),
        (vec!["eval", "--checkpoint", "/nowhere"], "Cannot use /nowhere: Cannot read /nowhere: No such file"),
        (vec!["eval", "--checkpoint", &trace[5..]], "It is no whole safetensors file"),
        (vec!["replay"], "There is nothing to play"),
        (vec!["eval", "--trace", "embb=/nowhere"], "No such file"),
        (vec!["eval", "--trace", &trace, "--length-column", "Bytes"], "The trace has no column Bytes"),
        (vec!["eval", "--trace", &trace], "Line 3: time 2 s lies before the packet above"),
        (vec!["eval", "--seeds", "2", "--first-seed", "18446744073709551615"], "The seeds exceed 64 bits"),
        (vec!["eval", "--seeds", "1", "--episodes", "1", "--out", "/dev/null/x"], "Cannot make /dev/null/x"),
    ] {
        let message = refused(&arguments);
        assert!(message.contains(rule), "{arguments:?}: {message}");
    }
}
