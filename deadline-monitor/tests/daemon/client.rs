//! The program as a client of the daemon.

use std::process::{Command, Output};

use serde_json::Value;

use crate::support::{Place, Program, Turn};

fn run(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_deadline-monitor")).args(args).output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8([output.stdout.as_slice(), &output.stderr].concat()).unwrap()
}

#[test]
fn targets_are_attached_listed_shown_set_and_released() {
    let Some(_turn) = Turn::take("targets_are_attached_listed_shown_set_and_released") else { return };
    let place = Place::new();
    let _daemon = place.serve(&[]);
    let (program, socket) = (Program::sleeping(), place.socket());
    let (pid, socket) = (program.id().to_string(), socket.to_str().unwrap().to_owned());
    let client = |args: &[&str]| {
        let output = run(&[args, &["--socket", &socket]].concat());
        assert!(output.status.success(), "{args:?}: {}", text(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    let attached = client(&["attach", "--pid", &pid, "--policy", "static", "--initial", "5ms"]);
    assert!(attached.starts_with(&format!("target 1: process {pid}, of user 0\n")), "{attached}");
    assert!(program.is_reserved());
    let listed = client(&["list"]);
    assert!(listed.contains("static") && listed.contains(&format!("process {pid}")), "{listed}");
    let json: Value = serde_json::from_str(&client(&["list", "--json"])).unwrap();
    assert_eq!(
        (&json["targets"][0]["budget_ns"], &json["threads"][0]["runtime_ns"]),
        (&5_000_000.into(), &5_000_000.into())
    );
    let shown = client(&["set", "1", "--policy", "seed", "--weight", "3"]);
    assert!(shown.contains("Seed Control") && shown.contains("weight 3"), "{shown}");
    let json: Value = serde_json::from_str(&client(&["show", "1", "--json"])).unwrap();
    assert_eq!((&json["settings"]["policy"], &json["settings"]["weight"]), (&"seed".into(), &3.into()));
    client(&["release", "--target", "1"]);
    assert!(!program.is_reserved());
    let gone = run(&["show", "1", "--socket", &socket]);
    assert!(
        !gone.status.success() && text(&gone).contains("There is no target 1; it was released or has ended")
    );
    let nothing = run(&["set", "1", "--socket", &socket]);
    assert!(text(&nothing).contains("Nothing to set"));
}

#[test]
fn a_daemon_that_is_not_there_is_named() {
    for args in
        [["show", "1"].as_slice(), &["set", "1", "--weight", "2"], &["release", "--target", "1"], &["list"]]
    {
        let output = run(&[args, &["--socket", "/nowhere/socket"]].concat());
        let text = text(&output);
        assert!(
            !output.status.success() && text.contains("No daemon answers at /nowhere/socket"),
            "{args:?}: {text}"
        );
    }
}

#[test]
fn every_command_has_a_page_and_completions() {
    let directory = tempfile::tempdir().unwrap();
    let output = run(&["man", directory.path().to_str().unwrap()]);
    assert!(output.status.success(), "{}", text(&output));
    for page in [
        "deadline-monitor.1",
        "deadline-monitor-serve.1",
        "deadline-monitor-set.1",
        "deadline-monitor-show.1",
    ] {
        let page = std::fs::read_to_string(directory.path().join(page)).unwrap();
        assert!(page.contains(".TH "), "{page}");
    }
    for shell in ["bash", "zsh", "fish"] {
        let script = text(&run(&["completions", shell]));
        assert!(script.contains("deadline-monitor") && script.contains("serve"), "{shell}");
    }
}
