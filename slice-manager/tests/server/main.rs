//! The program itself: sockets, signals, deaths, real control groups.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a helper that fails is a test that fails")]

mod contract;
mod process;
#[path = "../../../tests/support/schemathesis.rs"]
mod schemathesis;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use process::{Server, program};
use serde_json::{Value, json};

#[test]
fn it_makes_its_files_for_its_owner_alone_and_needs_the_token_that_it_made() {
    let server = Server::start(&[]);
    for file in ["operator.token", "secrets.key"] {
        let mode = fs::metadata(server.state().join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    assert_eq!(fs::metadata(server.state()).unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(server.send("", "GET /api/v1.0/user", &Value::Null).0, 401);
    assert_eq!(server.get("/user").0, 200);
    assert_eq!(server.send("", "GET /healthz", &Value::Null).0, 200);
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn what_was_answered_is_there_after_a_kill_and_the_second_server_is_told() {
    let server = Server::start(&[]);
    let mut ids = Vec::new();
    for number in 0..50 {
        let (status, body) = server.post("/user", &json!({"name": format!("u{number}"), "email": "e"}));
        assert_eq!(status, 200);
        ids.push(body["id"].as_str().unwrap().to_owned());
    }
    let mut second = Command::new(program());
    let second =
        second.args(["serve", "--listen", "127.0.0.1:0", "--state"]).arg(server.state()).output().unwrap();
    assert!(!second.status.success());
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(said.contains("another server has it open"), "{said}");
    let server = server.killed_and_started();
    let (_, users) = server.get("/user");
    let found: Vec<&str> = users.as_array().unwrap().iter().filter_map(|user| user["id"].as_str()).collect();
    assert!(ids.iter().all(|id| found.contains(&id.as_str())) && found.len() == 50);
}

#[test]
fn wrong_settings_are_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("c.toml");
    for (text, said) in [
        ("listen = \"0.0.0.0:80\"", "TLS proxy"),
        ("colour = 1", "colour"),
        ("request_timeout_s = 0", "request_timeout_s must be 1 to 3600"),
        ("[cgroup]\nroot = \"../x\"", "cgroup.root must be a relative path"),
    ] {
        fs::write(&config, text).unwrap();
        let mut serve = Command::new(program());
        serve.arg("serve").arg("--config").arg(&config).arg("--state").arg(dir.path().join("s"));
        let output = serve.output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && error.contains(said), "{text}: {error}");
    }
    let foreign = dir.path().join("foreign");
    fs::create_dir(&foreign).unwrap();
    fs::write(foreign.join("store.sqlite"), "this is no database, whatever its name says".repeat(100))
        .unwrap();
    let output =
        Command::new(program()).args(["serve", "--listen", "127.0.0.1:0", "--state"]).arg(&foreign).output();
    let error = String::from_utf8_lossy(&output.unwrap().stderr).into_owned();
    assert!(error.contains("database of another program"), "{error}");
}

/// Where the cpu controller's groups are, if this process may make some.
fn groups(root: &str) -> Option<PathBuf> {
    let mount = Path::new("/sys/fs/cgroup");
    let cpu = if mount.join("cgroup.controllers").exists() { mount.to_path_buf() } else { mount.join("cpu") };
    let has_cpu = cpu.join("cpu.cfs_quota_us").exists()
        || fs::read_to_string(cpu.join("cgroup.controllers")).is_ok_and(|text| text.contains("cpu "));
    let may = cpu.join(root);
    (has_cpu || cpu != mount && cpu.exists()).then_some(())?;
    fs::create_dir_all(&may).ok().map(|()| may)
}

/// The quota of a group in microseconds of 100,000.
fn quota(group: &Path) -> String {
    let unified = fs::read_to_string(group.join("cpu.max"));
    let text = unified.or_else(|_| fs::read_to_string(group.join("cpu.cfs_quota_us"))).unwrap_or_default();
    text.split_whitespace().next().unwrap_or_default().to_owned()
}

#[test]
fn chunks_are_control_groups_that_survive_a_kill_of_the_server() {
    let root = format!("aivirt-test-{}", std::process::id());
    let Some(group) = groups(&root) else {
        println!(
            "SKIPPED: chunks_are_control_groups_that_survive_a_kill_of_the_server: no control groups to make"
        );
        return;
    };
    let config = format!("[cgroup]\nroot = \"{root}\"\n");
    let server = Server::start_with(&config, &[]);
    let user = server.made("/user", &json!({"name": "ann", "email": "e"}));
    let compute = server.made(
        "/compute",
        &json!({"name": "edge", "user_id": user, "compute_type": "cgroup",
        "compute_data": {"quota": {"cpus": {"total": 2}, "ram": {"total": 1, "units": "GB"}}}}),
    );
    let chunk = server.made(
        "/compute_chunk",
        &json!({"name": "c", "user_id": user, "compute_id": compute,
        "requirements": {"cpus": {"required": 0.5}, "ram": {"required": 64, "units": "MB"}}}),
    );
    let mine = group.join(&chunk);
    assert_eq!(quota(&mine), "50000");
    let path = format!("/compute_chunk/{chunk}");
    assert_eq!(server.put(&format!("{path}/cpus"), &json!({"cpus": {"required": 1.5}})).0, 204);
    assert_eq!(quota(&mine), "150000");
    assert_eq!(server.put(&format!("{path}/cpus"), &json!({"cpus": {"required": 3}})).0, 409);
    let mut sleeper = Command::new("sleep").arg("60").spawn().unwrap();
    fs::write(mine.join("cgroup.procs"), sleeper.id().to_string()).unwrap();
    let (status, body) = server.delete(&path);
    assert!(status == 409 && body["message"].as_str().unwrap().contains("programs run"), "{status} {body}");
    let server = server.killed_and_started();
    assert_eq!(server.get(&path).1["requirements"]["cpus"]["required"], 1.5);
    sleeper.kill().unwrap();
    sleeper.wait().unwrap();
    assert_eq!(server.delete(&path).0, 204);
    assert!(!mine.exists());
    server.stop();
    fs::remove_dir(&group).unwrap();
    let memory = Path::new("/sys/fs/cgroup/memory").join(&root);
    if memory.exists() {
        fs::remove_dir(memory).unwrap();
    }
}

#[test]
fn killed_at_any_moment_under_load_it_starts_again_with_groups_and_book_in_agreement() {
    let root = format!("aivirt-kill-{}", std::process::id());
    let Some(group) = groups(&root) else {
        println!(
            "SKIPPED: killed_at_any_moment_under_load_it_starts_again_with_groups_and_book_in_agreement: \
                  no control groups to make"
        );
        return;
    };
    let mut server = Server::start_with(&format!("[cgroup]\nroot = \"{root}\"\n"), &[]);
    let user = server.made("/user", &json!({"name": "ann", "email": "e"}));
    let compute = server.made(
        "/compute",
        &json!({"name": "edge", "user_id": user, "compute_type": "cgroup",
        "compute_data": {"quota": {"cpus": {"total": 1}, "ram": {"total": 1, "units": "GB"}}}}),
    );
    let chunk = |cpus: f64| {
        json!({"name": "c", "user_id": user, "compute_id": compute,
        "requirements": {"cpus": {"required": cpus}}})
    };
    for round in 0..8_u64 {
        std::thread::scope(|scope| {
            for worker in 0..3 {
                let server = &server;
                let body = chunk(0.1 + 0.1 * f64::from(worker));
                scope.spawn(move || {
                    for step in 0..20 {
                        // The server dies in the middle of these.
                        let Ok((200, made)) = server.try_send("POST /api/v1.0/compute_chunk", &body) else {
                            continue;
                        };
                        let path =
                            format!("/api/v1.0/compute_chunk/{}", made["id"].as_str().unwrap_or_default());
                        let quota = json!({"cpus": 0.05 + 0.01 * f64::from(step % 5)});
                        let _ = server.try_send(&format!("PUT {path}/cpus"), &quota);
                        if step % 2 == 0 {
                            let _ = server.try_send(&format!("DELETE {path}"), &Value::Null);
                        }
                    }
                });
            }
            std::thread::sleep(std::time::Duration::from_millis(15 + 23 * round));
            server.kill();
        });
        server = server.killed_and_started();
        server.settled();
        let (_, chunks) = server.get("/compute_chunk");
        let chunks = chunks.as_array().unwrap();
        let mut sum = 0.0;
        for chunk in chunks {
            let cores = chunk["requirements"]["cpus"]["required"].as_f64().unwrap();
            let group = group.join(chunk["id"].as_str().unwrap());
            assert_eq!(quota(&group), format!("{:.0}", cores * 100_000.0), "round {round}: {chunk}");
            sum += cores;
        }
        let made =
            fs::read_dir(&group).unwrap().filter(|entry| entry.as_ref().unwrap().path().is_dir()).count();
        assert_eq!(made, chunks.len(), "round {round}: as many groups as chunks");
        assert!(sum < 1.000_1, "round {round}: {sum} of 1 core");
        for chunk in chunks {
            assert_eq!(server.delete(&format!("/compute_chunk/{}", chunk["id"].as_str().unwrap())).0, 204);
        }
    }
    server.stop();
    fs::remove_dir(&group).unwrap();
    let memory = Path::new("/sys/fs/cgroup/memory").join(&root);
    if memory.exists() {
        fs::remove_dir(memory).unwrap();
    }
}

/// Files like those of version 2 in a folder: one of them can be made to keep the server waiting.
#[test]
fn a_server_killed_while_its_back_end_acts_ends_the_change_when_it_starts() {
    let mount = tempfile::tempdir().unwrap();
    fs::write(mount.path().join("cgroup.controllers"), "cpu memory").unwrap();
    let config = format!("[cgroup]\nmount = \"{}\"\nroot = \"g\"\n", mount.path().display());
    let server = Server::start_with(&config, &[]);
    let user = server.made("/user", &json!({"name": "ann", "email": "e"}));
    let compute = server.made(
        "/compute",
        &json!({"name": "edge", "user_id": user, "compute_type": "cgroup",
        "compute_data": {"quota": {"cpus": {"total": 2}, "ram": {"total": 1, "units": "GB"}}}}),
    );
    let chunk = server.made(
        "/compute_chunk",
        &json!({"name": "c", "user_id": user, "compute_id": compute,
        "requirements": {"cpus": {"required": 0.5}, "ram": {"required": 0}}}),
    );
    let path = format!("/compute_chunk/{chunk}");
    let file = mount.path().join("g").join(&chunk).join("cpu.max");
    fs::remove_file(&file).unwrap();
    nix::unistd::mkfifo(&file, nix::sys::stat::Mode::S_IRWXU).unwrap();
    std::thread::scope(|scope| {
        let asking =
            scope.spawn(|| server.try_send(&format!("PUT /api/v1.0{path}/cpus"), &json!({"cpus": 1.5})));
        std::thread::sleep(std::time::Duration::from_millis(400));
        assert_eq!(server.get(&path).1["requirements"]["cpus"]["required"], 0.5, "not seen before it is so");
        server.kill();
        assert!(asking.join().unwrap().is_err(), "nobody was told that it was done");
    });
    fs::remove_file(&file).unwrap();
    fs::write(&file, "50000 100000").unwrap();
    let server = server.killed_and_started();
    server.settled();
    assert_eq!(server.get(&path).1["requirements"]["cpus"]["required"], 1.5);
    assert_eq!(fs::read_to_string(&file).unwrap(), "150000 100000");
}
