//! Stopped, killed, started twice: nothing is lost and nothing is left behind.

use std::fs;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use crate::support::{Account, Place, Program, Turn, eventually};

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[test]
fn budgets_follow_the_demand_and_everything_is_given_back_at_the_end() {
    let name = "budgets_follow_the_demand_and_everything_is_given_back_at_the_end";
    let Some(_turn) = Turn::take(name) else { return };
    let (place, account) = (Place::new(), Account::open());
    let before = account.as_ref().map(Account::lost);
    let daemon = place.serve(&[]);
    let (busy, idle) = (Program::shell("while :; do :; done"), Program::sleeping());
    // A program that forks all the time goes on under its reservation, and its children begin without one.
    let forking = Program::shell("while :; do /bin/true; done");
    let ids =
        [daemon.add(&busy, "{}"), daemon.add(&idle, "{}"), daemon.add(&forking, r#"{"policy":"seed"}"#)];
    assert!(busy.is_reserved() && idle.is_reserved() && forking.is_reserved());
    eventually("a larger budget for the busy one", || busy.budget() >= ms(70));
    eventually("a smaller budget for the idle one", || idle.budget() <= ms(1));
    let (_, view) = daemon.ask("GET", &format!("/v1/targets/{}", ids[2]), "");
    assert_eq!((view["threads"].as_u64(), view["last_refusal"].as_str()), (Some(1), None), "{view}");
    let (_, history) = daemon.ask("GET", &format!("/v1/targets/{}/history", ids[0]), "");
    assert!(history["samples"].as_array().unwrap().len() > 1, "{history}");
    assert_eq!(daemon.ask("DELETE", &format!("/v1/targets/{}", ids[0]), "").0, 204);
    assert!(!busy.is_reserved() && idle.is_reserved());
    let log = daemon.stop();
    assert!(!idle.is_reserved() && !forking.is_reserved(), "{log}");
    assert!(!place.socket().exists());
    drop((busy, idle, forking));
    if let (Some(account), Some(before)) = (account, before) {
        eventually("that no bandwidth is left behind", || account.lost() <= before);
    }
}

/// Killed at one moment after another while targets come and go; each successor takes over what is there.
#[test]
fn a_daemon_killed_at_any_moment_loses_nothing() {
    let name = "a_daemon_killed_at_any_moment_loses_nothing";
    let Some(_turn) = Turn::take(name) else { return };
    let (place, account) = (Place::new(), Account::open());
    let before = account.as_ref().map(Account::lost);
    let programs: Vec<_> = (0..4).map(|_| Program::sleeping()).collect();
    for round in 0..12_u64 {
        let daemon = place.serve(&["--on-start", if round % 3 == 2 { "restore" } else { "resume" }]);
        let id = daemon.id();
        let killer = thread::spawn(move || {
            thread::sleep(Duration::from_micros(300 * round * round));
            let id = nix::unistd::Pid::from_raw(i32::try_from(id).unwrap());
            nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGKILL).unwrap();
        });
        // Until the kill no request is refused for a wrong reason; afterwards none is answered.
        for program in programs.iter().cycle().take(40) {
            let body = format!(r#"{{"target":{{"kind":"process","pid":{}}}}}"#, program.id());
            let Some((status, answer)) = daemon.try_ask("POST", "/v1/targets", &body) else { break };
            assert!(status == 201 || status == 409, "{answer}");
            let Some((status, answer)) = daemon.try_ask(
                "PATCH",
                &format!("/v1/targets/{}", answer["id"]),
                r#"{"period_ns":50000000}"#,
            ) else {
                break;
            };
            assert!(status == 200 || status == 404, "{answer}");
        }
        killer.join().unwrap();
        drop(daemon);
    }
    let daemon = place.serve(&[]);
    let log = daemon.stop();
    assert!(!log.contains("could not be restored") && !log.contains("state-set-aside"), "{log}");
    assert!(programs.iter().all(|program| !program.is_reserved()), "{log}");
    let aside = fs::read_dir(place.path("state"))
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().contains("broken"));
    assert_eq!(aside.count(), 0, "a killed daemon's state file is whole");
    drop(programs);
    if let (Some(account), Some(before)) = (account, before) {
        eventually("that no bandwidth is left behind", || account.lost() <= before);
    }
}

#[test]
fn budgets_outlive_a_kill_and_an_update() {
    let Some(_turn) = Turn::take("budgets_outlive_a_kill_and_an_update") else { return };
    let place = Place::new();
    let program = Program::sleeping();
    let daemon = place.serve(&["--on-stop", "keep"]);
    let id = daemon.add(&program, r#"{"policy":"static","initial_ns":7000000}"#);
    daemon.kill();
    assert_eq!(program.budget(), ms(7), "nobody has touched it");
    let daemon = place.serve(&["--on-stop", "keep"]);
    let (status, view) = daemon.ask("GET", &format!("/v1/targets/{id}"), "");
    assert_eq!((status, view["budget_ns"].as_u64()), (200, Some(7_000_000)), "{view}");
    daemon.stop();
    assert_eq!(program.budget(), ms(7), "kept over a stop, as told");
    let daemon = place.serve(&[]);
    assert_eq!(daemon.ask("GET", &format!("/v1/targets/{id}"), "").0, 200);
    daemon.stop();
    assert!(!program.is_reserved());
}

#[test]
fn the_second_of_two_daemons_is_refused_and_told_why() {
    let place = Place::new();
    let daemon = place.serve(&[]);
    let mut second = place.command(&[]);
    let output = second.stderr(Stdio::piped()).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    let told = format!("in use by another deadline-monitor (process {})", daemon.id());
    assert!(!output.status.success() && text.contains(&told), "{text}");
    assert_eq!(daemon.ask("GET", "/healthz", "").0, 200, "the first one goes on");
    let elsewhere = Place::new();
    let mut same_socket = elsewhere.command(&[]);
    let output = same_socket.arg("--socket").arg(place.socket()).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(
        text.contains("cannot be used multiple times") || text.contains("Another program listens"),
        "{text}"
    );
}

/// Daemons with states and sockets of their own: only the threads are the same.
#[test]
fn a_thread_has_one_of_two_daemons() {
    let Some(_turn) = Turn::take("a_thread_has_one_of_two_daemons") else { return };
    let (one, other, program) = (Place::new(), Place::new(), Program::sleeping());
    let (first, second) = (one.serve(&[]), other.serve(&[]));
    let id = first.add(&program, "{}");
    let body = format!(r#"{{"target":{{"kind":"process","pid":{}}}}}"#, program.id());
    let (status, answer) = second.ask("POST", "/v1/targets", &body);
    let told = format!("Another monitor has this thread already (process {})", first.id());
    assert!(status == 409 && answer.to_string().contains(&told), "{status} {answer}");
    assert!(program.is_reserved());
    assert_eq!(first.ask("DELETE", &format!("/v1/targets/{id}"), "").0, 204);
    assert!(!program.is_reserved());
    second.add(&program, "{}");
    second.stop();
    assert!(!program.is_reserved());
    first.stop();
}

#[test]
fn a_broken_state_file_is_set_aside_and_reported() {
    let place = Place::new();
    fs::create_dir(place.path("state")).unwrap();
    fs::write(place.path("state/state"), "no state file\nat all\n").unwrap();
    let daemon = place.serve(&[]);
    let aside = place.path("state/state.broken-1");
    assert_eq!(fs::read_to_string(&aside).unwrap(), "no state file\nat all\n");
    let log = daemon.stop();
    assert!(
        log.contains("state-set-aside") && log.contains("line 1 ") && log.contains("state.broken-1"),
        "{log}"
    );
}

#[test]
fn a_state_directory_that_cannot_be_written_stops_the_start() {
    let place = Place::new();
    let output = place.command(&["--state-directory", "/proc/nowhere"]).output();
    let text = String::from_utf8(output.unwrap().stderr).unwrap();
    assert!(text.contains("/proc/nowhere") || text.contains("cannot be used multiple times"), "{text}");
}
