//! What vmand costs: `cargo bench -p vmand --bench socket`.
//!
//! Starts vmand on a simulated board and a bare echo on another Unix socket, both as processes of their own, and
//! prints lines of `BENCH name value unit`:
//!
//! * request and reply of `query-partition` against an echo of the same bytes;
//! * pipelined requests per second of vmand's CPU time, that is on one core;
//! * 1,000 connected clients: memory, and how evenly they are served;
//! * CPU time while nobody asks;
//! * life cycles of a partition.
#![allow(clippy::unwrap_used, reason = "a bench stops at the first surprise")]

#[path = "../tests/common/mod.rs"]
mod common;

use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use common::{Daemon, Place};
use serde_json::json;
use vman_core::command::Incoming;
use vman_core::manager::{PartitionManager, PlainFiles};

const REQUEST: &[u8] = b"{\"command\":\"query-partition\",\"args\":{\"id\":1}}\n";
const ROUNDS: u32 = 20_000;
const CLIENTS: u32 = 1000;

fn main() {
    let args: Vec<_> = std::env::args().skip(1).collect();
    if let [mode, path, reply_len] = args.as_slice()
        && mode == "echo"
    {
        return echo(path, reply_len.parse().unwrap());
    }
    let place = Place::new();
    let daemon = place.start_on("sim", &["--log", "info"]);
    let mut peer = daemon.peer();
    peer.ok("create-partition", json!({ "cores": 1, "memsize": 1, "name": "bench" }));
    peer.ok("deploy", json!({ "id": 1, "kernel": "kernel" }));
    let reply_len = reply_len(&daemon);
    round_trips(&place, &daemon, reply_len);
    pipeline(&daemon, reply_len);
    crowd(&daemon, reply_len);
    flood(&daemon, reply_len);
    idle(&daemon);
    cycles(&daemon);
    cycles_in_process(&place);
}

fn report(name: &str, value: f64, unit: &str) {
    println!("BENCH {name} {value:.3} {unit}");
}

fn reply_len(daemon: &Daemon) -> usize {
    use std::io::BufRead as _;
    let mut stream = connect(&daemon.socket);
    stream.write_all(REQUEST).unwrap();
    let mut line = Vec::new();
    std::io::BufReader::new(stream).read_until(b'\n', &mut line).unwrap();
    assert!(line.starts_with(b"{\"return\":"), "{}", String::from_utf8_lossy(&line));
    line.len()
}

/// Reads a request of the same length, writes a reply of the same length, and does nothing else.
fn echo(path: &str, reply_len: usize) {
    let listener = UnixListener::bind(path).unwrap();
    let (mut stream, _) = listener.accept().unwrap();
    let (mut request, reply) = (vec![0; REQUEST.len()], vec![b'x'; reply_len]);
    while stream.read_exact(&mut request).is_ok() && stream.write_all(&reply).is_ok() {}
}

struct Echo(Child);

impl Drop for Echo {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Both are asked by turns, so that what else the machine does hits both alike.
fn round_trips(place: &Place, daemon: &Daemon, reply_len: usize) {
    let path = place.path("echo.sock");
    let program = std::env::current_exe().unwrap();
    let _echo =
        Echo(Command::new(program).arg("echo").arg(&path).arg(reply_len.to_string()).spawn().unwrap());
    let mut bare = connect(&path);
    let mut vmand = connect(&daemon.socket);
    let (mut bare_times, mut vmand_times) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS / 100 {
        (0..100).for_each(|_| bare_times.push(ask(&mut bare, reply_len)));
        (0..100).for_each(|_| vmand_times.push(ask(&mut vmand, reply_len)));
    }
    let (bare, vmand) = (percentile(&mut bare_times, 50), percentile(&mut vmand_times, 50));
    report("echo_round_trip_p50", micros(bare), "us");
    report("query_partition_round_trip_p50", micros(vmand), "us");
    report("query_partition_round_trip_p99", micros(percentile(&mut vmand_times, 99)), "us");
    report("query_partition_to_echo", vmand.as_secs_f64() / bare.as_secs_f64(), "x");
}

fn connect(path: &std::path::Path) -> UnixStream {
    let start = Instant::now();
    loop {
        match UnixStream::connect(path) {
            Ok(stream) => return stream,
            Err(error) => assert!(start.elapsed() < common::PATIENCE, "{}: {error}", path.display()),
        }
    }
}

fn ask(stream: &mut UnixStream, reply_len: usize) -> Duration {
    let mut reply = vec![0; reply_len];
    let start = Instant::now();
    stream.write_all(REQUEST).unwrap();
    stream.read_exact(&mut reply).unwrap();
    start.elapsed()
}

/// One client keeps the pipe full; vmand has one thread for this, so its CPU time is time of one core.
fn pipeline(daemon: &Daemon, reply_len: usize) {
    const BATCHES: u32 = 800;
    const BATCH: u16 = 500;
    let mut stream = connect(&daemon.socket);
    let mut writer = stream.try_clone().unwrap();
    let batch = REQUEST.repeat(usize::from(BATCH));
    let (start, cpu) = (Instant::now(), daemon.cpu_time());
    let sender = std::thread::spawn(move || (0..BATCHES).for_each(|_| writer.write_all(&batch).unwrap()));
    let mut replies = vec![0; reply_len * usize::from(BATCH)];
    for _ in 0..BATCHES {
        stream.read_exact(&mut replies).unwrap();
        assert_eq!(replies.last(), Some(&b'\n'));
    }
    sender.join().unwrap();
    let requests = f64::from(BATCHES) * f64::from(BATCH);
    report("pipelined_requests", requests / start.elapsed().as_secs_f64(), "requests/s");
    let used = daemon.cpu_time().saturating_sub(cpu);
    report("pipelined_requests_per_core", requests / used.as_secs_f64(), "requests/s");
}

/// All clients ask at once, again and again; each waits for its reply before it asks again.
fn crowd(daemon: &Daemon, reply_len: usize) {
    const TURNS: u32 = 20;
    let mut clients: Vec<_> = (0..CLIENTS).map(|_| connect(&daemon.socket)).collect();
    let mut times = Vec::new();
    for _ in 0..TURNS {
        let start = Instant::now();
        clients.iter_mut().for_each(|client| client.write_all(REQUEST).unwrap());
        let mut reply = vec![0; reply_len];
        for client in &mut clients {
            client.read_exact(&mut reply).unwrap();
            times.push(start.elapsed());
        }
    }
    report("clients", f64::from(CLIENTS), "clients");
    report("clients_resident", daemon.resident_kib() / 1024.0, "MiB");
    let (p50, p99) = (percentile(&mut times, 50), percentile(&mut times, 99));
    report("clients_p50", micros(p50), "us");
    report("clients_p99_to_p50", p99.as_secs_f64() / p50.as_secs_f64(), "x");
}

/// One client asks politely while another one floods.
fn flood(daemon: &Daemon, reply_len: usize) {
    let flooder = connect(&daemon.socket);
    let (mut writer, mut reader) = (flooder.try_clone().unwrap(), flooder.try_clone().unwrap());
    let batch = REQUEST.repeat(500);
    let sender = std::thread::spawn(move || while writer.write_all(&batch).is_ok() {});
    let drain =
        std::thread::spawn(move || while reader.read(&mut [0; 65536]).is_ok_and(|count| count > 0) {});
    let mut polite = connect(&daemon.socket);
    let mut times: Vec<_> = (0..2000).map(|_| ask(&mut polite, reply_len)).collect();
    flooder.shutdown(std::net::Shutdown::Both).unwrap();
    sender.join().unwrap();
    drain.join().unwrap();
    report("beside_a_flood_p50", micros(percentile(&mut times, 50)), "us");
    report("beside_a_flood_p99", micros(percentile(&mut times, 99)), "us");
}

fn idle(daemon: &Daemon) {
    const SPAN: Duration = Duration::from_secs(3);
    let _clients: Vec<_> = (0..CLIENTS).map(|_| connect(&daemon.socket)).collect();
    std::thread::sleep(Duration::from_millis(200));
    let before = daemon.cpu_time();
    std::thread::sleep(SPAN);
    let used = daemon.cpu_time().saturating_sub(before);
    report("idle_cpu", 100.0 * used.as_secs_f64() / SPAN.as_secs_f64(), "%");
}

/// The whole life of a partition over the socket, with a kernel of 1 MiB.
fn cycles(daemon: &Daemon) {
    const CYCLES: u32 = 500;
    let mut peer = daemon.peer();
    let start = Instant::now();
    for _ in 0..CYCLES {
        let id = peer.ok("create-partition", json!({ "cores": 1, "memsize_mib": 64 }))["id"].clone();
        peer.ok("deploy", json!({ "id": id, "kernel": "kernel" }));
        peer.ok("shutdown", json!({ "id": id }));
        peer.ok("destroy-partition", json!({ "id": id }));
    }
    report("life_cycles_over_the_socket", f64::from(CYCLES) / start.elapsed().as_secs_f64(), "cycles/s");
}

/// The same without socket and daemon, as vmanctl does it without vmand.
fn cycles_in_process(place: &Place) {
    const CYCLES: u32 = 2000;
    let board = vman_sim::SimDevice::new(vman_sim::SimConfig::default()).unwrap();
    let manager = PartitionManager::new(board);
    let kernel = place.path("boot/kernel");
    let kernel = kernel.to_str().unwrap();
    let (start, cpu) = (Instant::now(), common::cpu_time(std::process::id()));
    for id in 1..=CYCLES {
        let lines = [
            r#"{"command":"create-partition","args":{"cores":1,"memsize_mib":64}}"#.to_owned(),
            format!(r#"{{"command":"deploy","args":{{"id":{id},"kernel":"{kernel}"}}}}"#),
            format!(r#"{{"command":"shutdown","args":{{"id":{id}}}}}"#),
            format!(r#"{{"command":"destroy-partition","args":{{"id":{id}}}}}"#),
        ];
        for line in lines {
            manager.apply(&Incoming::parse(line.as_bytes()).command.unwrap(), &PlainFiles).unwrap();
        }
    }
    let cycles = f64::from(CYCLES);
    report("life_cycles_in_process", cycles / start.elapsed().as_secs_f64(), "cycles/s");
    let used = common::cpu_time(std::process::id()).saturating_sub(cpu);
    report("life_cycles_in_process_per_core", cycles / used.as_secs_f64(), "cycles/s");
}

fn percentile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    times[(times.len() - 1) * percent / 100]
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
