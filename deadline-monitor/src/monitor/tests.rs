use std::cell::RefCell;
use std::fs;
use std::path::Path;
use std::rc::Rc;

use super::*;
use crate::account::{self, CpuTime};
use crate::budget::PolicyKind;
use crate::sched::{Call, Error as SchedError, RecordingScheduler, SchedAttr};

const PERIOD: Duration = Duration::from_millis(100);

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A scheduler, threads and a clock that the test holds on to.
#[derive(Debug, Clone)]
struct World(Rc<RefCell<Inner>>);

#[derive(Debug)]
struct Inner {
    scheduler: RecordingScheduler,
    times: BTreeMap<Tid, CpuTime>,
    now: Duration,
}

impl DeadlineScheduler for World {
    fn attributes(&mut self, tid: Tid) -> Result<SchedAttr, SchedError> {
        self.0.borrow_mut().scheduler.attributes(tid)
    }
    fn reserve(&mut self, tid: Tid, params: &ReservationParams, reclaim: bool) -> Result<(), SchedError> {
        self.0.borrow_mut().scheduler.reserve(tid, params, reclaim)
    }
    fn release(&mut self, tid: Tid, before: &SchedAttr) -> Result<(), SchedError> {
        self.0.borrow_mut().scheduler.release(tid, before)
    }
}

impl CpuAccounting for World {
    fn cpu_time(&mut self, tid: Tid) -> Result<CpuTime, account::Error> {
        self.0.borrow().times.get(&tid).copied().ok_or(account::Error::Gone(tid))
    }
    fn forget(&mut self, _tid: Tid) {}
}

impl Clock for World {
    fn now(&mut self) -> Duration {
        self.0.borrow().now
    }
}

/// A process 7 with these threads, on a machine with so many percent of a CPU.
struct Stage {
    world: World,
    root: tempfile::TempDir,
    monitor: Monitor<World, World, World>,
}

impl Stage {
    fn new(kind: PolicyKind, percent: u64, tids: &[u32]) -> Stage {
        let scheduler = RecordingScheduler::new(Bandwidth::of(ms(percent), PERIOD));
        let inner = Inner { scheduler, times: BTreeMap::new(), now: Duration::ZERO };
        let world = World(Rc::new(RefCell::new(inner)));
        let root = tempfile::tempdir().unwrap();
        let options = Options {
            config: PolicyConfig::new(kind),
            initial: ReservationParams::new(ms(10), PERIOD).unwrap(),
            capacity: Bandwidth::of(ms(180), PERIOD),
            procfs: root.path().to_owned(),
        };
        let parts = (world.clone(), world.clone(), world.clone());
        let monitor = Monitor::new(Target::Process(7), options, parts.0, parts.1, parts.2).unwrap();
        let stage = Stage { world, root, monitor };
        tids.iter().for_each(|tid| stage.begin(*tid));
        stage
    }

    fn task(&self, tid: u32) -> std::path::PathBuf {
        Path::new(self.root.path()).join("7/task").join(tid.to_string())
    }

    fn begin(&self, tid: u32) {
        fs::create_dir_all(self.task(tid)).unwrap();
        let zero = CpuTime { executed: Duration::ZERO, waited: Some(Duration::ZERO) };
        self.world.0.borrow_mut().times.insert(Tid(tid), zero);
    }

    fn end(&self, tid: u32) {
        fs::remove_dir(self.task(tid)).unwrap();
        self.world.0.borrow_mut().times.remove(&Tid(tid));
    }

    /// A period passes in which each thread runs and waits for so long; then a tick.
    fn pass(&mut self, executed: Duration, waited: Duration) -> Tick {
        {
            let mut inner = self.world.0.borrow_mut();
            inner.now += PERIOD;
            for time in inner.times.values_mut() {
                time.executed += executed;
                time.waited = time.waited.map(|before| before + waited);
            }
        }
        self.monitor.tick().unwrap()
    }

    fn calls(&self) -> Vec<Call> {
        self.world.0.borrow().scheduler.calls.clone()
    }
}

fn reserve(tid: u32, runtime: Duration) -> Call {
    Call::Reserve(Tid(tid), ReservationParams::new(runtime, PERIOD).unwrap())
}

#[test]
fn threads_are_adopted_sampled_changed_and_released() {
    let mut stage = Stage::new(PolicyKind::Seed, 180, &[7]);
    assert!(stage.pass(ms(0), ms(0)).tasks.is_empty());
    let tick = stage.pass(ms(10), ms(0));
    assert_eq!((tick.tasks[0].executed, tick.tasks[0].budget), (ms(10), ms(11)));
    assert_eq!(stage.monitor.release().len(), 0);
    assert_eq!(stage.calls(), [reserve(7, ms(10)), reserve(7, ms(11)), Call::Release(Tid(7))]);
}

#[test]
fn threads_that_come_and_go_are_followed() {
    let mut stage = Stage::new(PolicyKind::Seed, 180, &[7, 8]);
    stage.pass(ms(0), ms(0));
    stage.end(8);
    stage.begin(9);
    stage.pass(ms(5), ms(0));
    assert_eq!(
        stage.pass(ms(5), ms(0)).tasks.iter().map(|task| task.tid).collect::<Vec<_>>(),
        [Tid(7), Tid(9)]
    );
    drop(stage.monitor);
    let calls = stage.world.0.borrow().scheduler.calls.clone();
    let released: Vec<_> = calls.into_iter().filter(|call| matches!(call, Call::Release(_))).collect();
    assert_eq!(released, [Call::Release(Tid(7)), Call::Release(Tid(9))]);
}

#[test]
fn what_the_machine_cannot_give_is_refused_and_the_old_budget_stays() {
    let mut stage = Stage::new(PolicyKind::Saturation, 12, &[7]);
    stage.pass(ms(0), ms(0));
    let tick = stage.pass(ms(10), ms(80));
    assert_eq!((tick.tasks[0].outcome, tick.tasks[0].budget), (Outcome::Refused, ms(10)));
    assert_eq!(tick.refused[0].rule, Rule::NoBandwidth);
    let mut stage = Stage::new(PolicyKind::Saturation, 16, &[7]);
    stage.pass(ms(0), ms(0));
    let tick = stage.pass(ms(10), ms(80));
    assert_eq!((tick.tasks[0].outcome, tick.tasks[0].budget), (Outcome::Halved, ms(15)));
}

#[test]
fn three_threads_that_want_everything_get_the_same() {
    let mut stage = Stage::new(PolicyKind::Saturation, 180, &[7, 8, 9]);
    stage.pass(ms(0), ms(0));
    let tick = (0..4).map(|_| stage.pass(ms(60), ms(40))).last().unwrap();
    for task in &tick.tasks {
        assert!(task.budget.abs_diff(ms(60)) < ms(1), "{task:?}");
        assert_eq!(task.outcome, Outcome::Compressed);
    }
    assert!(tick.refused.is_empty(), "{:?}", tick.refused);
}

#[test]
fn a_late_tick_counts_its_whole_interval() {
    let mut stage = Stage::new(PolicyKind::Seed, 180, &[7]);
    stage.pass(ms(0), ms(0));
    stage.world.0.borrow_mut().now += 4 * PERIOD;
    assert_eq!(stage.pass(ms(50), ms(0)).tasks[0].executed, ms(10));
}

#[test]
fn a_process_that_ends_ends_the_monitor() {
    let mut stage = Stage::new(PolicyKind::Seed, 180, &[7]);
    stage.pass(ms(0), ms(0));
    stage.end(7);
    fs::remove_dir_all(stage.root.path().join("7")).unwrap();
    assert_eq!(stage.monitor.tick().unwrap_err().to_string(), "There is no process 7");
}

/// The kernel counts waiting only when a thread runs again: one that is throttled for long looks idle but for its state.
#[test]
fn a_thread_that_did_not_run_but_would_have_gets_more_and_one_that_slept_less() {
    for (state, grows) in [("R", true), ("S", false)] {
        let mut stage = Stage::new(PolicyKind::Saturation, 180, &[7]);
        fs::write(stage.root.path().join("7/stat"), format!("7 (a) {state} 1\n")).unwrap();
        stage.pass(ms(0), ms(0));
        let tick = (0..3).map(|_| stage.pass(ms(0), ms(0))).last().unwrap();
        assert_eq!(
            (tick.tasks[0].budget > ms(10), tick.tasks[0].saturated),
            (grows, grows),
            "{state}: {tick:?}"
        );
    }
}

#[test]
fn a_tick_right_after_another_decides_nothing() {
    let mut stage = Stage::new(PolicyKind::Seed, 180, &[7]);
    stage.pass(ms(0), ms(0));
    assert!(stage.monitor.tick().unwrap().tasks.is_empty());
    assert_eq!(stage.pass(ms(10), ms(0)).tasks[0].budget, ms(11));
}
