//! The C programs of `bindings/c`: tests and examples, compiled without a warning and run under valgrind.
#![allow(clippy::unwrap_used, reason = "a test stops where its own material is wrong")]

mod support;

use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex};

use serde::Deserialize;
use serde_json::Value;
use support::build::{artifact, has, program, root, run, text};
use support::daemon::Daemon;
use support::fake::Fake;
use support::sockets::{closing, half_an_event, nonsense, serve, silent};
use vman_core::ErrorKind;
use vman_core::command::Paths;

/// A daemon behind a socket in `scratch`.
fn fake(scratch: &Path, paths: Paths) -> (std::path::PathBuf, Arc<Mutex<Fake>>) {
    let path = scratch.join("vmand.sock");
    let fake = Fake::new(paths);
    let served = Arc::clone(&fake);
    serve(&path, move |socket| Fake::session(&served, &socket));
    (path, fake)
}

/// Something to deploy: the header of an arm64 kernel and nothing that runs.
fn kernel(scratch: &Path) -> std::path::PathBuf {
    let mut image = vec![0; 700_000];
    image[16..24].copy_from_slice(&(1u64 << 20).to_le_bytes());
    image[24..32].copy_from_slice(&0xau64.to_le_bytes());
    image[56..60].copy_from_slice(b"ARM\x64");
    let path = scratch.join("Image");
    std::fs::write(&path, image).unwrap();
    path
}

fn scratch() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// Whether C programs can be built here; says so if not.
fn can_compile(name: &str) -> bool {
    let can = has("gcc") && has("g++");
    if !can {
        println!("SKIPPED: {name}: gcc and g++ are not installed; apt-get install gcc g++");
    }
    can
}

#[derive(Deserialize)]
struct Vectors {
    requests: Vec<Vector>,
    replies: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    name: String,
    #[serde(default)]
    line: Option<String>,
    #[serde(default)]
    repeat: Option<(String, usize)>,
    #[serde(default)]
    suffix: String,
    class: Option<String>,
    #[serde(default)]
    says: String,
}

impl Vector {
    fn status(&self) -> i32 {
        self.class.as_deref().map_or(0, |class| ErrorKind::from_name(class).unwrap() as i32)
    }

    fn text(&self) -> Option<String> {
        let repeated = self.repeat.as_ref().map(|(piece, count)| piece.repeat(*count)).unwrap_or_default();
        let text = format!("{}{repeated}{}", self.line.as_deref()?, self.suffix);
        // A C text ends at its first NUL, so such a line cannot be passed.
        (!text.contains('\0')).then_some(text)
    }
}

/// `tests/vectors/protocol.json` as C. Lines with bytes that are no UTF-8 are for Rust only.
fn write_vectors(scratch: &Path) {
    let json = std::fs::read(root().join("tests/vectors/protocol.json")).unwrap();
    let vectors: Vectors = serde_json::from_slice(&json).unwrap();
    let shape = "const char *json; int status; const char *name; const char *says;";
    let mut header = format!("struct vector {{ {shape} }};\n");
    for (kind, list) in [("requests", &vectors.requests), ("replies", &vectors.replies)] {
        let mut rows = String::new();
        for (index, vector) in list.iter().enumerate() {
            let Some(text) = vector.text() else { continue };
            let bytes: Vec<String> = text.bytes().chain([0]).map(|byte| byte.to_string()).collect();
            writeln!(header, "static const unsigned char {kind}_{index}[] = {{ {} }};", bytes.join(","))
                .unwrap();
            let status = vector.status();
            let (name, says) = (&vector.name, &vector.says);
            writeln!(rows, "    {{ (const char *){kind}_{index}, {status}, {name:?}, {says:?} }},").unwrap();
        }
        writeln!(header, "static const struct vector {kind}[] = {{\n{rows}}};").unwrap();
    }
    std::fs::write(scratch.join("vectors.h"), header).unwrap();
}

#[test]
fn pure_functions_and_the_vectors_hold_in_c() {
    let scratch = scratch();
    if can_compile("pure functions") {
        write_vectors(scratch.path());
        run(&program("tests/pure.c", scratch.path()), &[]);
    }
}

/// `tests/vectors/plan.json` as C.
fn write_plan_vectors(scratch: &Path) {
    let json = std::fs::read(root().join("tests/vectors/plan.json")).unwrap();
    let vectors: Vec<Value> = serde_json::from_slice(&json).unwrap();
    let (mut lists, mut rows) = (String::new(), String::new());
    for (index, vector) in vectors.iter().enumerate() {
        let clusters = vector["clusters"].as_array().unwrap();
        let clusters_text: Vec<String> = clusters.iter().map(Value::to_string).chain(["0".into()]).collect();
        writeln!(lists, "static const uint8_t c{index}[] = {{ {} }};", clusters_text.join(",")).unwrap();
        let mut counts = Vec::new();
        for (letter, list) in [("p", "pool"), ("s", "secure_pool"), ("u", "used")] {
            let ranges = vector[list].as_array().unwrap();
            // C has no empty arrays: a last entry that is not counted.
            let entries: Vec<String> = ranges.iter().map(words).chain(["{ 0, 0 }".into()]).collect();
            writeln!(lists, "static const vman_range {letter}{index}[] = {{ {} }};", entries.join(","))
                .unwrap();
            counts.push(format!("{letter}{index}, {}", ranges.len()));
        }
        let (pool, secure_pool, used) = (&counts[0], &counts[1], &counts[2]);
        let (free, management) = (words(&vector["free"]), words(&vector["management"]));
        let granule = &vector["granule"].as_str().unwrap();
        let cluster_count = clusters.len();
        let inventory = format!(
            "{{ sizeof(vman_inventory), 0, {granule}, {free}, {management}, c{index}, {cluster_count}, {pool}, {secure_pool}, {used} }}"
        );
        let shared = &vector["shared"];
        let flags = i32::from(vector["secure"] == true) + if shared.is_null() { 0 } else { 2 };
        let (cores, memory) = (&vector["cores"], vector["memory"].as_str().unwrap());
        let shared = words(shared);
        let request = format!("{{ sizeof(vman_request), {cores}, {memory}, {flags}, 0, {shared} }}");
        let answer = &vector["answer"];
        let kind = answer["kind"].as_str().and_then(ErrorKind::from_name).map_or(0, |kind| kind as i32);
        let text = answer["text"].as_str().unwrap_or_default();
        let (cpus, memory) = (words(&answer["cpus"]), words(&answer["memory"]));
        writeln!(rows, "    {{ {inventory}, {request}, {kind}, {text:?}, {cpus}, {memory} }},").unwrap();
    }
    let shape = "vman_inventory inventory; vman_request request; int status; const char *says; uint64_t cpus[4]; vman_range memory;";
    let header = format!("{lists}static const struct {{ {shape} }} vectors[] = {{\n{rows}}};\n");
    std::fs::write(scratch.join("plan_vectors.h"), header).unwrap();
}

/// A list of hexadecimal words as C; nothing as zeros.
fn words(list: &Value) -> String {
    let words: Vec<&str> = list.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    format!("{{ {} }}", if words.is_empty() { "0".into() } else { words.join(",") })
}

#[test]
fn planner_and_kernel_check_hold_in_c() {
    let scratch = scratch();
    if can_compile("planner") {
        write_plan_vectors(scratch.path());
        run(&program("tests/plan.c", scratch.path()), &[]);
    }
}

#[test]
fn header_is_cplusplus_too() {
    let scratch = scratch();
    if can_compile("header as C++") {
        run(&program("tests/header.cpp", scratch.path()), &[]);
    }
}

#[test]
fn bad_arguments_are_refused_by_name() {
    let scratch = scratch();
    if can_compile("bad arguments") {
        let socket = scratch.path().join("silent.sock");
        serve(&socket, silent);
        run(&program("tests/arguments.c", scratch.path()), &[&socket]);
    }
}

#[test]
fn daemons_that_misbehave_end_no_program() {
    let scratch = scratch();
    if !can_compile("daemons that misbehave") {
        return;
    }
    let sessions: [fn(std::os::unix::net::UnixStream); 4] = [silent, closing, nonsense, half_an_event];
    let sockets: Vec<_> = (0..sessions.len()).map(|n| scratch.path().join(format!("{n}.sock"))).collect();
    for (socket, session) in sockets.iter().zip(sessions) {
        serve(socket, session);
    }
    let arguments: Vec<&Path> = sockets.iter().map(std::path::PathBuf::as_path).collect();
    run(&program("tests/broken.c", scratch.path()), &arguments);
}

#[test]
fn every_call_works_from_c() {
    let scratch = scratch();
    if can_compile("calls") {
        let (socket, _) = fake(scratch.path(), Paths::Local);
        run(&program("tests/calls.c", scratch.path()), &[&socket, &kernel(scratch.path())]);
    }
}

#[test]
fn example_of_the_life_cycle_ends_with_everything_given_back() {
    let scratch = scratch();
    if !can_compile("life cycle") {
        return;
    }
    let (socket, _) = fake(scratch.path(), Paths::Local);
    let printed = run(&program("examples/life_cycle.c", scratch.path()), &[&socket, &kernel(scratch.path())]);
    let states: Vec<_> = printed.lines().skip(2).filter_map(|line| line.split_whitespace().nth(1)).collect();
    assert_eq!(
        states,
        ["READY", "DEPLOYED", "SUSPENDED", "DEPLOYED", "DEPLOYED", "READY", "(gone)"],
        "{printed}"
    );
}

#[test]
fn every_call_works_from_c_on_the_real_daemon() {
    let scratch = scratch();
    if can_compile("calls on vmand") {
        let daemon = Daemon::start(scratch.path());
        let kernel = kernel(scratch.path());
        run(&program("tests/calls.c", scratch.path()), &[&daemon.socket, &kernel]);
        run(&program("examples/life_cycle.c", scratch.path()), &[&daemon.socket, &kernel]);
    }
}

#[test]
fn deploy_uploads_where_the_daemon_cannot_read_our_files() {
    let scratch = scratch();
    if !can_compile("uploads") {
        return;
    }
    let (socket, fake) = fake(scratch.path(), Paths::Remote);
    let program = program("examples/life_cycle.c", scratch.path());
    run(&program, &[&socket, &kernel(scratch.path())]);
    run(&program, &[&socket, &kernel(scratch.path())]);
    let deployed = &fake.lock().unwrap().deployed;
    assert!(deployed.iter().all(|kernel| kernel.starts_with("image:sha256:")), "{deployed:?}");
    assert_eq!(deployed.len(), 2);
}

#[test]
fn example_of_events_prints_what_happens() {
    use std::io::{BufRead as _, BufReader};
    let scratch = scratch();
    if !can_compile("events") {
        return;
    }
    let (socket, _) = fake(scratch.path(), Paths::Local);
    let events = program("examples/events.c", scratch.path());
    let life_cycle = program("examples/life_cycle.c", scratch.path());
    let mut child = std::process::Command::new(events)
        .arg(&socket)
        .arg("7")
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "subscribed");
    run(&life_cycle, &[&socket, &kernel(scratch.path())]);
    let lines: Vec<String> = lines.map(Result::unwrap).collect();
    assert!(child.wait().unwrap().success());
    assert_eq!(lines[0], "1 partition 1 created");
    assert_eq!(lines[1], "2 partition 1 READY -> DEPLOYED by a command");
    assert_eq!(lines[4], "5 partition 1 rebooted by a command");
    assert_eq!(lines[6], "7 partition 1 destroyed");
}

/// The right to give reservations: tests of the whole machine take turns.
fn turn() -> std::fs::File {
    let path = std::env::temp_dir().join("deadline-monitor-tests.lock");
    let file = std::fs::File::options().create(true).append(true).open(path).unwrap();
    file.lock().unwrap();
    file
}

#[test]
fn policies_and_reservations_work_from_c() {
    let scratch = scratch();
    if can_compile("policies and reservations") {
        let program = program("tests/monitor.c", scratch.path());
        let _turn = turn();
        print!("{}", run(&program, &[]));
    }
}

#[test]
fn example_of_a_budget_follows_a_thread_and_lets_it_go() {
    let scratch = scratch();
    if !can_compile("budget") {
        return;
    }
    let program = program("examples/budget.c", scratch.path());
    let _turn = turn();
    let mut busy = std::process::Command::new("sh").args(["-c", "while :; do :; done"]).spawn().unwrap();
    let output = std::process::Command::new(program).arg(busy.id().to_string()).arg("20").output().unwrap();
    busy.kill().unwrap();
    busy.wait().unwrap();
    let text = text(&output);
    if text.contains("Not allowed") || text.contains("has no SCHED_DEADLINE") || text.contains("pinned") {
        return println!("SKIPPED: reservations from C: {text}");
    }
    assert!(output.status.success() && text.lines().count() == 20, "{text}");
    assert!(text.lines().last().unwrap().contains("budget 80000 us"), "{text}");
}

#[test]
fn shared_library_exports_the_header_and_nothing_else() {
    let name = "exports";
    if !has("nm") || !has("readelf") {
        println!("SKIPPED: {name}: nm and readelf are not installed; apt-get install binutils");
        return;
    }
    let tool = |program: &str, arguments: &[&str]| {
        let output =
            std::process::Command::new(program).args(arguments).arg(artifact("libvman.so")).output().unwrap();
        text(&output)
    };
    let header = std::fs::read_to_string(root().join("bindings/c/include/vman.h")).unwrap();
    let symbols = tool("nm", &["--dynamic", "--defined-only", "--format=posix"]);
    let symbols: Vec<&str> = symbols.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(symbols.len() > 40, "{symbols:?}");
    for symbol in &symbols {
        assert!(header.contains(&format!("{symbol}(")), "{symbol} is exported but not in vman.h");
    }
    assert!(tool("readelf", &["--dynamic"]).contains("[libvman.so.0]"));
}

#[test]
fn installed_library_is_found_by_pkg_config_and_has_symbol_versions() {
    let name = "installation";
    if !can_compile(name) || !has("make") || !has("pkg-config") || !has("readelf") {
        println!(
            "SKIPPED: {name}: make or pkg-config is not installed; apt-get install make pkg-config binutils"
        );
        return;
    }
    let scratch = scratch();
    let stage = install(scratch.path());
    let program = scratch.path().join("life_cycle");
    let flags = pkg_config(&stage, &["--cflags", "--libs", "vman"]);
    let mut compiler = tool("gcc");
    compiler
        .args(["-std=c11", "-D_POSIX_C_SOURCE=200809L", "-Wall", "-Wextra", "-Werror", "-o"])
        .arg(&program);
    compiler.arg(root().join("bindings/c/examples/life_cycle.c")).args(flags.split_whitespace());
    succeed(&mut compiler);
    let symbols = succeed(tool("readelf").args(["--dyn-syms", "--wide"]).arg(&program));
    assert!(symbols.contains("vman_client_connect@VMAN_0"), "{symbols}");
    let header = std::fs::read_to_string(stage.join("usr/include/vman.h")).unwrap();
    let version = pkg_config(&stage, &["--modversion", "vman"]);
    let [major, minor, patch] = [0, 1, 2].map(|part| version.trim().split('.').nth(part).unwrap());
    for (part, number) in [("MAJOR", major), ("MINOR", minor), ("PATCH", patch)] {
        assert!(header.contains(&format!("#define VMAN_VERSION_{part} {number}\n")), "{version}");
    }
    let (socket, _) = fake(scratch.path(), Paths::Local);
    let mut example = std::process::Command::new(&program);
    example.env("LD_LIBRARY_PATH", stage.join("usr/lib")).arg(socket).arg(kernel(scratch.path()));
    succeed(&mut example);
}

/// `make install` into a directory of its own, of the library that the other tests use.
fn install(scratch: &Path) -> std::path::PathBuf {
    let stage = scratch.join("stage");
    let library = artifact("libvman.a");
    let profile = library.parent().unwrap();
    let set = |name: &str, value: &Path| format!("{name}={}", value.display());
    let mut make = tool("make");
    make.arg("-C").arg(root().join("bindings/c")).args(["install", "prefix=/usr", "profile=debug"]);
    make.arg(set("DESTDIR", &stage))
        .arg(set("target", profile.parent().unwrap()))
        .arg(set("out", &scratch.join("out")));
    succeed(make.arg(format!("cargo={}", env!("CARGO"))));
    stage
}

fn pkg_config(stage: &Path, arguments: &[&str]) -> String {
    let mut pkg_config = tool("pkg-config");
    pkg_config.env("PKG_CONFIG_SYSROOT_DIR", stage).env("PKG_CONFIG_PATH", stage.join("usr/lib/pkgconfig"));
    // Else /usr/lib and /usr/include are left out, which are those of the stage here.
    pkg_config.env("PKG_CONFIG_ALLOW_SYSTEM_LIBS", "1").env("PKG_CONFIG_ALLOW_SYSTEM_CFLAGS", "1");
    succeed(pkg_config.args(arguments))
}

fn tool(program: &str) -> std::process::Command {
    std::process::Command::new(program)
}

fn succeed(command: &mut std::process::Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}\n{}", text(&output));
    text(&output)
}

/// tests/vectors/agent.json as an array of C.
fn agent_vectors() -> String {
    let cases = std::fs::read_to_string(root().join("tests/vectors/agent.json")).unwrap();
    let cases: Vec<Value> = serde_json::from_str(&cases).unwrap();
    let list =
        |value: &Value| value.as_array().unwrap().iter().map(|bits| format!("{bits}u,")).collect::<String>();
    let mut text =
        "static const struct { uint32_t observation[16], values[9], level, message, within; } cases[] = {"
            .to_owned();
    for case in &cases {
        let (observation, values) = (list(&case["observation_bits"]), list(&case["value_bits"]));
        let (level, message, within) = (&case["level"], &case["message"], &case["level_within_share"]);
        let _ = writeln!(text, "{{ {{ {observation} }}, {{ {values} }}, {level}, {message}, {within} }},");
    }
    text + "};\n"
}

#[test]
fn agents_decide_in_c_to_the_last_bit_as_in_rust() {
    let scratch = scratch();
    if can_compile("agents") {
        std::fs::write(scratch.path().join("agent_vectors.h"), agent_vectors()).unwrap();
        let weights = root().join("tests/vectors/agent.safetensors");
        run(&program("tests/agent.c", scratch.path()), &[&weights]);
    }
}

#[test]
fn example_of_an_agent_shares_a_cpu() {
    let scratch = scratch();
    if can_compile("agent example") {
        let weights = root().join("tests/vectors/agent.safetensors");
        let printed = run(&program("examples/slice_agent.c", scratch.path()), &[&weights]);
        let lines: Vec<_> = printed.lines().collect();
        assert_eq!(lines.len(), 11, "{printed}");
        let granted =
            |line: &&str| line.split_whitespace().skip(4).map(|ghz| ghz.parse::<f64>().unwrap()).sum::<f64>();
        assert!(lines[1..].iter().all(|line| granted(line) <= 40.001), "{printed}");
    }
}
