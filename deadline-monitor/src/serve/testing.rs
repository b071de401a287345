//! A machine of one's own: a procfs, a kernel that keeps accounts, and clocks that a test turns.
#![allow(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use super::config::{Limits, Recovery};
use super::engine::{Clocks, Engine, Owner, Reader};
use crate::account::{self, CpuAccounting, CpuTime};
use crate::budget::{Bandwidth, ReservationParams};
use crate::machine::Machine;
use crate::monitor::Clock;
use crate::sched::{self, Call, DeadlineScheduler, RecordingScheduler, SchedAttr, Tid};
use crate::state::Journal;

pub(crate) const ROOT: Owner = Owner { uid: 0, privileged: true };
pub(crate) const ALICE: Owner = Owner { uid: 1000, privileged: false };
pub(crate) const BOB: Owner = Owner { uid: 1001, privileged: false };

pub(crate) type FakeEngine = Engine<World, World, World>;

/// The kernel and the clocks. Clones are the same ones.
#[derive(Debug, Clone)]
pub(crate) struct World(Arc<Mutex<Inner>>);

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) kernel: RecordingScheduler,
    pub(crate) times: BTreeMap<Tid, CpuTime>,
    pub(crate) now: Duration,
    pub(crate) wall_unix_ms: u64,
    /// How many files may be kept.
    pub(crate) files: usize,
}

impl World {
    pub(crate) fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.inner().kernel.calls.clone()
    }

    /// What a thread has, if it has a reservation.
    pub(crate) fn reservation(&self, tid: u32) -> Option<Duration> {
        let attr = self.inner().kernel.attributes(Tid(tid)).unwrap();
        attr.is_deadline().then(|| Duration::from_nanos(attr.runtime_ns))
    }
}

impl DeadlineScheduler for World {
    fn attributes(&mut self, tid: Tid) -> Result<SchedAttr, sched::Error> {
        self.inner().kernel.attributes(tid)
    }
    fn reserve(&mut self, tid: Tid, params: &ReservationParams, reclaim: bool) -> Result<(), sched::Error> {
        self.inner().kernel.reserve(tid, params, reclaim)
    }
    fn release(&mut self, tid: Tid, before: &SchedAttr) -> Result<(), sched::Error> {
        self.inner().kernel.release(tid, before)
    }
}

impl CpuAccounting for World {
    fn cpu_time(&mut self, tid: Tid) -> Result<CpuTime, account::Error> {
        self.inner().times.get(&tid).copied().ok_or(account::Error::Gone(tid))
    }
    fn forget(&mut self, _tid: Tid) {}
}

impl Reader for World {
    fn unkept(&self, threads: usize) -> usize {
        threads.saturating_sub(self.inner().files)
    }
}

impl Clock for World {
    fn now(&mut self) -> Duration {
        self.inner().now
    }
}

impl Clocks for World {
    fn wall_unix_ms(&mut self) -> u64 {
        self.inner().wall_unix_ms
    }
}

/// A machine with two CPUs.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) world: World,
    pub(crate) root: tempfile::TempDir,
    pub(crate) limits: Limits,
    pub(crate) recovery: Recovery,
}

impl Stage {
    pub(crate) fn new() -> Stage {
        let kernel = RecordingScheduler::new(machine().capacity());
        let now = Duration::from_secs(1_000);
        let inner =
            Inner { kernel, times: BTreeMap::new(), now, wall_unix_ms: 1_700_000_000_000, files: usize::MAX };
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("self/task")).unwrap();
        fs::create_dir_all(root.path().join("sys/kernel/random")).unwrap();
        let world = World(Arc::new(Mutex::new(inner)));
        let stage = Stage { world, root, limits: Limits::default(), recovery: Recovery::default() };
        stage.boot("first");
        stage
    }

    pub(crate) fn boot(&self, id: &str) {
        fs::write(self.root.path().join("sys/kernel/random/boot_id"), id).unwrap();
    }

    pub(crate) fn procfs(&self) -> &Path {
        self.root.path()
    }

    pub(crate) fn state_file(&self) -> PathBuf {
        self.root.path().join("state/state")
    }

    fn write(&self, tid: u32, uid: u32, start: u64) {
        let directory = self.root.path().join(tid.to_string());
        fs::create_dir_all(&directory).unwrap();
        let zeros = "0 ".repeat(18);
        fs::write(directory.join("stat"), format!("{tid} (x) S {zeros}{start} 0\n")).unwrap();
        fs::write(directory.join("status"), format!("Uid:\t{uid}\t{uid}\t{uid}\t{uid}\n")).unwrap();
    }

    /// Process `pid` of user `uid` begins, with a thread for each further id.
    pub(crate) fn begin(&self, uid: u32, pid: u32, threads: &[u32]) {
        for tid in [pid].iter().chain(threads) {
            self.write(*tid, uid, 100);
            fs::create_dir_all(self.root.path().join(format!("{pid}/task/{tid}"))).unwrap();
            let zero = CpuTime { executed: Duration::ZERO, waited: Some(Duration::ZERO) };
            self.world.inner().times.insert(Tid(*tid), zero);
        }
    }

    /// The id goes to another process, of the same user.
    pub(crate) fn reuse(&self, uid: u32, pid: u32) {
        self.write(pid, uid, 200);
    }

    pub(crate) fn end(&self, pid: u32) {
        fs::remove_dir_all(self.root.path().join(pid.to_string())).unwrap();
        self.world.inner().times.remove(&Tid(pid));
    }

    /// A sampler that goes on with the state file.
    pub(crate) fn engine(&self) -> FakeEngine {
        let (journal, loaded) = Journal::open(&self.state_file(), self.procfs()).unwrap();
        let parts = (self.world.clone(), self.world.clone(), self.world.clone());
        let mut engine = Engine::new(machine(), self.limits.clone(), self.recovery, journal, parts);
        engine.resume(&loaded).unwrap();
        engine
    }

    /// Time passes in which every thread runs and waits for so much of each second; the sampler does its work.
    pub(crate) fn pass(
        &self,
        engine: &mut FakeEngine,
        time: Duration,
        runs_percent: u32,
        waits_percent: u32,
    ) {
        let end = self.world.inner().now + time;
        loop {
            let step =
                engine.idle().max(Duration::from_micros(1)).min(end.saturating_sub(self.world.inner().now));
            if step.is_zero() {
                return;
            }
            self.jump(step, runs_percent, waits_percent);
            engine.work();
        }
    }

    /// Time passes without the sampler.
    pub(crate) fn jump(&self, time: Duration, runs_percent: u32, waits_percent: u32) {
        let mut inner = self.world.inner();
        inner.now += time;
        for thread in inner.times.values_mut() {
            thread.executed += time * runs_percent / 100;
            thread.waited = thread.waited.map(|waited| waited + time * waits_percent / 100);
        }
    }
}

pub(crate) fn machine() -> Machine {
    let share = Some(Bandwidth::of(Duration::from_millis(950), Duration::from_secs(1)));
    Machine { share, ..Machine::read("/nonexistent".as_ref(), 2) }
}
