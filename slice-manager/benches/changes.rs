//! Quota changes through the engine onto a real disk, each one synced before it is answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use slice_manager::api::{ComputeType, Cpus, Id, Kind, Resource};
use slice_manager::backend::Fake;
use slice_manager::compose::Quota;
use slice_manager::server::access::Caller;
use slice_manager::server::engine::{Ask, Backends, EngineHandle, Job, start};
use slice_manager::server::seal::{Seal, Secrets};
use slice_manager::server::store::Store;
use tokio::task::JoinSet;

/// Chunks, and clients that change one each.
const CLIENTS: u32 = 256;

fn main() {
    // `cargo test --benches` only wants to know that it runs.
    let seconds = if std::env::args().any(|arg| arg == "--bench") { 3 } else { 0 };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let dir = tempfile::tempdir_in(target()).expect("a folder on the disk");
    let store = Store::open(&dir.path().join("store")).expect("a store");
    let seal = Seal::open(&dir.path().join("key")).expect("a key");
    let backends: Backends = vec![(ComputeType::Fake, Box::new(Fake))];
    let engine = start(store, seal, backends).expect("an engine");
    runtime.block_on(async {
        prepare(&engine).await;
        let limit = Duration::from_secs(seconds);
        let one = rate(&engine, 1, limit).await;
        let many = rate(&engine, CLIENTS, limit).await;
        println!("BENCH quota_changes_of_1_client {one:.0} per_s");
        println!("BENCH quota_changes_of_{CLIENTS}_clients {many:.0} per_s vs quota_changes_of_1_client");
        let (median, high) = paced(&engine, 1_000, limit).await;
        println!("BENCH quota_change_at_1000_per_s_p50 {median:.2} ms");
        println!("BENCH quota_change_at_1000_per_s_p99 {high:.2} ms");
    });
    engine.stop();
}

/// The build directory: temporary folders are often memory.
fn target() -> std::path::PathBuf {
    let program = std::env::current_exe().expect("a path");
    program.parent().expect("a folder").to_path_buf()
}

async fn ask(engine: &EngineHandle, ask: Ask) {
    let (job, receiver) = Job::new(Caller::Operator, ask);
    engine.ask(job, receiver).await.expect("allowed");
}

async fn create(engine: &EngineHandle, kind: Kind, json: serde_json::Value) {
    let resource = Resource::from_json(kind, &json.to_string()).expect("a resource");
    ask(engine, Ask::Create(Box::new(resource), Secrets::new())).await;
}

async fn prepare(engine: &EngineHandle) {
    create(engine, Kind::User, json!({"id": "u", "name": "u", "email": "e"})).await;
    create(
        engine,
        Kind::Compute,
        json!({"id": "c", "name": "c", "user_id": "u", "compute_type": "fake",
        "compute_data": {"quota": {"cpus": {"total": 100_000}, "ram": {"total": 1}}}}),
    )
    .await;
    for number in 0..CLIENTS {
        create(
            engine,
            Kind::ComputeChunk,
            json!({"id": number.to_string(), "name": "n", "user_id": "u",
            "compute_id": "c", "requirements": {"cpus": {"required": 1}, "ram": {"required": 0}}}),
        )
        .await;
    }
}

async fn resize(engine: &EngineHandle, chunk: u32, step: u32) {
    let quota = Quota::Cpus(Cpus::from_millicores(1_000 + step % 1_000));
    ask(engine, Ask::Resize(Id::new(chunk.to_string()), quota)).await;
}

/// Changes a second while each client asks again as soon as it is answered.
async fn rate(engine: &EngineHandle, clients: u32, limit: Duration) -> f64 {
    let (count, begin) = (Arc::new(AtomicU32::new(0)), Instant::now());
    let mut tasks = JoinSet::new();
    for chunk in 0..clients {
        let (engine, count) = (engine.clone(), Arc::clone(&count));
        tasks.spawn(async move {
            let mut step = 1;
            loop {
                resize(&engine, chunk, step).await;
                count.fetch_add(1, Ordering::Relaxed);
                step += 1;
                if begin.elapsed() >= limit {
                    return;
                }
            }
        });
    }
    tasks.join_all().await;
    f64::from(count.load(Ordering::Relaxed)) / begin.elapsed().as_secs_f64()
}

/// Median and 99th percentile in milliseconds of changes that come evenly, whether or not the last ones are done.
async fn paced(engine: &EngineHandle, per_s: u32, limit: Duration) -> (f64, f64) {
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / per_s);
    let (mut tasks, begin, mut step) = (JoinSet::new(), Instant::now(), 0);
    while step == 0 || begin.elapsed() < limit {
        ticks.tick().await;
        step += 1;
        let engine = engine.clone();
        tasks.spawn(async move {
            let asked = Instant::now();
            resize(&engine, step % CLIENTS, step / CLIENTS + 7).await;
            asked.elapsed().as_secs_f64() * 1e3
        });
    }
    let mut took = tasks.join_all().await;
    took.sort_by(f64::total_cmp);
    let at =
        |share: usize| took.get((took.len() * share / 100).min(took.len() - 1)).copied().unwrap_or_default();
    (at(50), at(99))
}
