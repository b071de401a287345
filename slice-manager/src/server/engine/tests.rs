//! Back ends that fail, servers that die, stores that are full.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;

use super::{Answer, Ask, EngineHandle, Job, RequestKey, start};
use crate::World;
use crate::api::{
    Compute, ComputeChunk, ComputeType, Cpus, Id, Kind, Resource, Size, SizeUnit, Typed as _, User,
};
use crate::backend::{BackendError, ComputeBackend};
use crate::compose::{Quota, Usage};
use crate::server::Failure;
use crate::server::access::Caller;
use crate::server::seal::{Seal, Secrets};
use crate::server::store::{Intent, Store};

/// What a back end was told, and what it says next.
#[derive(Debug, Default)]
struct Script {
    calls: Vec<String>,
    failures: Vec<BackendError>,
    usage: Usage,
    pause: Duration,
}

#[derive(Debug, Clone, Default)]
struct Scripted(Arc<Mutex<Script>>);

impl Scripted {
    fn call(&self, what: String) -> Result<(), BackendError> {
        let pause = self.0.lock().unwrap().pause;
        std::thread::sleep(pause);
        let mut script = self.0.lock().unwrap();
        script.calls.push(what);
        script.failures.pop().map_or(Ok(()), Err)
    }

    fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap().calls)
    }

    fn fails(&self, errors: &[BackendError]) {
        self.0.lock().unwrap().failures = errors.iter().rev().cloned().collect();
    }
}

impl ComputeBackend for Scripted {
    fn reserve(&mut self, _: &Compute, chunk: &ComputeChunk) -> Result<(), BackendError> {
        self.call(format!("reserve {} {}", chunk.id, chunk.requirements.cpus.required))
    }

    fn resize(&mut self, _: &Compute, chunk: &Id, quota: Quota) -> Result<(), BackendError> {
        self.call(format!("resize {chunk} {quota:?}"))
    }

    fn release(&mut self, _: &Compute, chunk: &Id) -> Result<(), BackendError> {
        self.call(format!("release {chunk}"))
    }

    fn usage(&mut self, _: &Compute, _: &Id) -> Result<Usage, BackendError> {
        Ok(self.0.lock().unwrap().usage)
    }
}

struct Site {
    backend: Scripted,
    engine: EngineHandle,
    dir: tempfile::TempDir,
}

fn resource(kind: Kind, json: &serde_json::Value) -> Box<Resource> {
    Box::new(Resource::from_json(kind, &json.to_string()).unwrap())
}

fn chunk(id: &str, cpus: u32) -> Box<Resource> {
    resource(
        Kind::ComputeChunk,
        &json!({"id": id, "name": id, "user_id": "ann", "compute_id": "edge",
        "requirements": {"cpus": {"required": cpus}, "ram": {"required": 512, "units": "MB"}}}),
    )
}

fn refused() -> BackendError {
    BackendError::Refused { reason: "no".into() }
}

fn unavailable() -> BackendError {
    BackendError::Unavailable { reason: "away".into() }
}

impl Site {
    /// A user and a compute of eight cores.
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let backend = Scripted::default();
        let engine = open(dir.path(), &backend);
        let site = Self { backend, engine, dir };
        let user = json!({"id": "ann", "name": "ann", "email": "a@example.org"});
        site.ask(Ask::Create(resource(Kind::User, &user), Secrets::new())).unwrap();
        let compute = json!({"id": "edge", "name": "edge", "user_id": "ann", "compute_type": "podman", "compute_data":
            {"quota": {"cpus": {"total": 8}, "ram": {"total": 16, "units": "GB"}}}});
        site.ask(Ask::Create(resource(Kind::Compute, &compute), Secrets::new())).unwrap();
        site
    }

    fn ask(&self, ask: Ask) -> Result<Answer, Failure> {
        wait(&self.engine, ask)
    }

    fn create(&self, id: &str, cpus: u32) -> Result<Answer, Failure> {
        self.ask(Ask::Create(chunk(id, cpus), Secrets::new()))
    }

    fn resize(&self, id: &str, cpus: u32) -> Result<Answer, Failure> {
        self.ask(Ask::Resize(Id::new(id), Quota::Cpus(Cpus::from_cores(cpus))))
    }

    fn cpus(&self, id: &str) -> Option<Cpus> {
        cpus(&self.engine.shared().world(), id)
    }

    /// The same files under a new server, as after a death.
    fn reopened(self) -> Self {
        self.engine.stop();
        drop(self.engine);
        let engine = open(self.dir.path(), &self.backend);
        Self { engine, ..self }
    }
}

fn open(dir: &Path, backend: &Scripted) -> EngineHandle {
    open_failing(dir, backend).0
}

/// Also the number of commits that fail from now on.
fn open_failing(dir: &Path, backend: &Scripted) -> (EngineHandle, Arc<AtomicU32>) {
    let store = Store::open(&dir.join("store")).unwrap();
    let failing = Arc::clone(&store.failing);
    let seal = Seal::open(&dir.join("key")).unwrap();
    (start(store, seal, vec![(ComputeType::Podman, Box::new(backend.clone()))]).unwrap(), failing)
}

fn wait(engine: &EngineHandle, ask: Ask) -> Result<Answer, Failure> {
    let (job, receiver) = Job::new(Caller::Operator, ask);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(engine.ask(job, receiver))
}

fn cpus(world: &World, id: &str) -> Option<Cpus> {
    world.find::<ComputeChunk>(&Id::new(id)).ok().map(|chunk| chunk.requirements.cpus.required)
}

/// Waits until the engine has what `done` asks for.
fn until(what: &str, mut done: impl FnMut() -> bool) {
    for _ in 0..500 {
        if done() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("{what} did not happen within 5 s");
}

#[test]
fn a_back_end_follows_every_change_and_only_then_it_is_seen() {
    let site = Site::new();
    site.create("a", 2).unwrap();
    site.resize("a", 3).unwrap();
    site.resize("a", 1).unwrap();
    site.ask(Ask::Delete(Kind::ComputeChunk, Id::new("a"))).unwrap();
    let resized = |cores| format!("resize a {:?}", Quota::Cpus(Cpus::from_cores(cores)));
    assert_eq!(site.backend.calls(), ["reserve a 2".into(), resized(3), resized(1), "release a".into()]);
    assert_eq!(site.cpus("a"), None);
    // The quota that is there needs nobody.
    site.create("b", 2).unwrap();
    site.resize("b", 2).unwrap();
    assert_eq!(site.backend.calls(), ["reserve b 2"]);
}

#[test]
fn a_back_end_that_fails_changes_nothing_and_its_room_is_free_again() {
    let site = Site::new();
    site.backend.fails(&[refused()]);
    let failure = site.create("a", 8).unwrap_err();
    assert_eq!((failure.status(), failure.rule()), (409, "backend-refused"));
    assert_eq!(site.cpus("a"), None);
    site.create("b", 8).unwrap();
    site.backend.fails(&[unavailable()]);
    let failure = site.resize("b", 4).unwrap_err();
    assert_eq!(failure.status(), 503);
    assert_eq!(site.cpus("b"), Some(Cpus::from_cores(8)));
    // What "b" kept is not free.
    assert_eq!(site.create("c", 1).unwrap_err().rule(), "r10-above-free");
    let site = site.reopened();
    assert_eq!((site.cpus("a"), site.cpus("b")), (None, Some(Cpus::from_cores(8))));
    assert!(Store::open(&site.dir.path().join("store")).is_err(), "one server at a time");
}

#[test]
fn a_quota_does_not_fall_below_what_the_back_end_measures() {
    let site = Site::new();
    site.create("a", 2).unwrap();
    site.backend.0.lock().unwrap().usage.ram = Size::new(400, SizeUnit::MB).unwrap();
    let quota = |megabytes| Quota::Ram(Size::new(megabytes, SizeUnit::MB).unwrap());
    let failure = site.ask(Ask::Resize(Id::new("a"), quota(300))).unwrap_err();
    assert_eq!(failure.rule(), "r10-below-use");
    site.ask(Ask::Resize(Id::new("a"), quota(400))).unwrap();
}

#[test]
fn while_a_back_end_works_its_room_is_neither_given_twice_nor_free_too_early() {
    let site = Site::new();
    site.create("a", 4).unwrap();
    site.backend.0.lock().unwrap().pause = Duration::from_millis(200);
    std::thread::scope(|scope| {
        let growing = scope.spawn(|| site.resize("a", 8));
        std::thread::sleep(Duration::from_millis(60));
        assert_eq!(site.cpus("a"), Some(Cpus::from_cores(4)), "not seen before it is so");
        assert_eq!(site.create("b", 1).unwrap_err().rule(), "r10-above-free");
        growing.join().unwrap().unwrap();
        let shrinking = scope.spawn(|| site.resize("a", 2));
        std::thread::sleep(Duration::from_millis(60));
        assert_eq!(site.create("b", 1).unwrap_err().rule(), "r10-above-free");
        // What concerns the busy chunk waits for it and is decided then.
        let slice = json!({"id": "s", "name": "s", "user_id": "ann", "chunk_ids": ["a"]});
        let sliced = site.ask(Ask::Create(resource(Kind::Slice, &slice), Secrets::new()));
        assert!(shrinking.is_finished() || sliced.is_ok());
        shrinking.join().unwrap().unwrap();
    });
    assert_eq!(site.cpus("a"), Some(Cpus::from_cores(2)));
    site.create("b", 6).unwrap();
}

/// As a server leaves its store that dies between the intent and its confirmation.
fn intended(site: Site, before: Option<u32>, after: Option<u32>) -> Site {
    site.engine.stop();
    let Site { backend, engine, dir } = site;
    drop(engine);
    let store = Store::open(&dir.path().join("store")).unwrap();
    let chunk = |cpus| ComputeChunk::of(&chunk("a", cpus)).unwrap().clone();
    store.begin().unwrap();
    store.intend(&Intent { before: before.map(chunk), after: after.map(chunk) }, None).unwrap();
    store.commit().unwrap();
    drop(store);
    let engine = open(dir.path(), &backend);
    Site { backend, engine, dir }
}

#[test]
fn a_server_that_died_with_an_intent_finishes_it_when_it_starts() {
    let site = intended(Site::new(), None, Some(3));
    until("the chunk", || site.cpus("a") == Some(Cpus::from_cores(3)));
    let site = intended(site, Some(3), Some(5));
    until("the quota", || site.cpus("a") == Some(Cpus::from_cores(5)));
    let site = intended(site, Some(5), None);
    until("the end", || site.cpus("a").is_none());
    site.backend.calls();
    let site = site.reopened();
    assert_eq!(site.backend.calls(), Vec::<String>::new(), "nothing is left to do");
}

#[test]
fn an_intent_that_a_back_end_refuses_after_a_death_is_undone_and_one_it_cannot_do_yet_is_tried_again() {
    let site = Site::new();
    site.backend.fails(&[refused()]);
    let site = intended(site, None, Some(3));
    until("the way back", || site.backend.0.lock().unwrap().calls.len() == 2);
    assert_eq!(site.backend.calls(), ["reserve a 3", "release a"]);
    until("the room", || site.create("b", 8).is_ok());
    assert_eq!(site.cpus("a"), None);
    site.ask(Ask::Delete(Kind::ComputeChunk, Id::new("b"))).unwrap();
    site.backend.fails(&[unavailable(), unavailable()]);
    let site = intended(site, None, Some(3));
    until("the third attempt", || site.cpus("a") == Some(Cpus::from_cores(3)));
}

#[test]
fn a_compute_without_a_back_end_is_refused_by_name() {
    let site = Site::new();
    let compute = json!({"id": "k", "name": "k", "user_id": "ann", "compute_type": "kubernetes", "compute_data":
        {"quota": {"cpus": {"total": 8}, "ram": {"total": 1}}}});
    site.ask(Ask::Create(resource(Kind::Compute, &compute), Secrets::new())).unwrap();
    let mut chunk = chunk("a", 1);
    if let Resource::ComputeChunk(chunk) = chunk.as_mut() {
        chunk.compute_id = Id::new("k");
        chunk.requirements.ram.required = Size::default();
    }
    let failure = site.ask(Ask::Create(chunk, Secrets::new())).unwrap_err();
    assert!(failure.to_string().contains("no back end for computes of type kubernetes"), "{failure}");
}

/// A site whose store does what is told.
fn failing() -> (Site, Arc<AtomicU32>) {
    let Site { backend, engine, dir } = Site::new();
    engine.stop();
    let (engine, failing) = open_failing(dir.path(), &backend);
    (Site { backend, engine, dir }, failing)
}

#[test]
fn a_store_that_fails_is_told_nothing_has_happened_and_the_same_request_may_come_again() {
    let (site, failing) = failing();
    let user = json!({"id": "bob", "name": "bob", "email": "b@example.org"});
    let create = || {
        let ask = Ask::Create(resource(Kind::User, &user), Secrets::new());
        let (mut job, receiver) = Job::new(Caller::Operator, ask);
        job.key = Some(RequestKey { key: "k".into(), request: [1; 32] });
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(site.engine.ask(job, receiver))
    };
    failing.store(1, Ordering::SeqCst);
    let failure = create().unwrap_err();
    assert!(matches!(&failure, Failure::Store { reason } if reason.contains("full")), "{failure}");
    assert!(site.engine.shared().world().find::<User>(&Id::new("bob")).is_err());
    create().unwrap();
    // Nor does a back end act on an intent that does not last.
    failing.store(1, Ordering::SeqCst);
    assert_eq!(site.create("a", 8).unwrap_err().rule(), "store");
    assert_eq!(site.backend.calls(), Vec::<String>::new());
    site.create("a", 8).unwrap();
}

#[test]
fn what_a_back_end_has_done_is_confirmed_later_if_the_store_fails_then() {
    let (site, failing) = failing();
    site.backend.0.lock().unwrap().pause = Duration::from_millis(100);
    std::thread::scope(|scope| {
        let creating = scope.spawn(|| site.create("a", 8));
        std::thread::sleep(Duration::from_millis(50));
        failing.store(1, Ordering::SeqCst);
        assert_eq!(creating.join().unwrap().unwrap_err().rule(), "unconfirmed");
    });
    assert_eq!(site.create("b", 1).unwrap_err().rule(), "r10-above-free", "its room is kept");
    until("the confirmation", || site.cpus("a") == Some(Cpus::from_cores(8)));
    let site = site.reopened();
    assert_eq!(site.cpus("a"), Some(Cpus::from_cores(8)));
}

#[test]
fn what_a_back_end_has_refused_does_not_happen_later_if_the_store_fails_then() {
    let (site, failing) = failing();
    site.backend.0.lock().unwrap().pause = Duration::from_millis(100);
    site.backend.fails(&[refused()]);
    std::thread::scope(|scope| {
        let creating = scope.spawn(|| site.create("a", 8));
        std::thread::sleep(Duration::from_millis(50));
        failing.store(1, Ordering::SeqCst);
        assert_eq!(creating.join().unwrap().unwrap_err().rule(), "backend-refused");
    });
    until("the room", || site.create("b", 8).is_ok());
    assert_eq!(site.cpus("a"), None);
    assert_eq!(site.backend.calls(), ["reserve a 8", "release a", "reserve b 8"]);
}
