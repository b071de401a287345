//! A second process that gives threads back when the monitor is killed.
//!
//! A monitor that ends releases its threads itself; one that is killed cannot. So it tells each reservation that it
//! makes and ends to a guard, a process of its own, through a pipe. When the pipe breaks, the guard releases what is
//! still reserved, in the two steps that leave no bandwidth behind.

use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::path::Path;

use super::{DeadlineScheduler, Error, SchedAttr, Tid, start_time};
use crate::budget::ReservationParams;

/// Passes everything on to a scheduler, and tells the guard first what would have to be undone.
#[derive(Debug)]
pub struct Guarded<S, W: Write> {
    scheduler: S,
    pipe: W,
    told: BTreeMap<Tid, ()>,
}

impl<S: DeadlineScheduler, W: Write> Guarded<S, W> {
    /// Tells a guard through `pipe`.
    pub fn new(scheduler: S, pipe: W) -> Guarded<S, W> {
        Guarded { scheduler, pipe, told: BTreeMap::new() }
    }

    /// A guard that is gone is no reason to stop: it only means that a kill would leave reservations.
    fn tell(&mut self, line: &str) {
        let _ = self.pipe.write_all(line.as_bytes()).and_then(|()| self.pipe.flush());
    }
}

impl<S: DeadlineScheduler, W: Write> DeadlineScheduler for Guarded<S, W> {
    fn attributes(&mut self, tid: Tid) -> Result<SchedAttr, Error> {
        self.scheduler.attributes(tid)
    }

    fn reserve(&mut self, tid: Tid, params: &ReservationParams, reclaim: bool) -> Result<(), Error> {
        if !self.told.contains_key(&tid) {
            let before = self.scheduler.attributes(tid)?;
            let start = start_time(Path::new("/proc"), tid).unwrap_or_default();
            self.tell(&Entry { tid, start, before }.line());
            self.told.insert(tid, ());
        }
        self.scheduler.reserve(tid, params, reclaim)
    }

    fn release(&mut self, tid: Tid, before: &SchedAttr) -> Result<(), Error> {
        let released = self.scheduler.release(tid, before);
        if self.told.remove(&tid).is_some() {
            self.tell(&format!("- {tid}\n"));
        }
        released
    }

    fn forget(&mut self, tid: Tid) {
        self.scheduler.forget(tid);
        if self.told.remove(&tid).is_some() {
            self.tell(&format!("- {tid}\n"));
        }
    }
}

/// One reservation as it goes through the pipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    tid: Tid,
    /// When the thread began, so that another with its id is left alone.
    start: u64,
    before: SchedAttr,
}

impl Entry {
    fn line(&self) -> String {
        let SchedAttr { policy, flags, nice, priority, runtime_ns, deadline_ns, period_ns, .. } = self.before;
        let (tid, start) = (self.tid, self.start);
        format!("+ {tid} {start} {policy} {flags} {nice} {priority} {runtime_ns} {deadline_ns} {period_ns}\n")
    }

    fn parse(fields: &[&str]) -> Option<Entry> {
        let [tid, start, policy, flags, nice, priority, runtime, deadline, period] = fields else {
            return None;
        };
        let before = SchedAttr {
            size: SchedAttr::SIZE,
            policy: policy.parse().ok()?,
            flags: flags.parse().ok()?,
            nice: nice.parse().ok()?,
            priority: priority.parse().ok()?,
            runtime_ns: runtime.parse().ok()?,
            deadline_ns: deadline.parse().ok()?,
            period_ns: period.parse().ok()?,
        };
        Some(Entry { tid: Tid(tid.parse().ok()?), start: start.parse().ok()?, before })
    }
}

/// Listens until the pipe breaks, then releases what was reserved and not released; returns how many threads that
/// were. A thread that has ended, or whose id belongs to another by now, is left alone.
pub fn guard<S: DeadlineScheduler>(pipe: impl BufRead, scheduler: &mut S, procfs: &Path) -> usize {
    let mut reserved = BTreeMap::new();
    for line in pipe.lines().map_while(Result::ok) {
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["+", ref fields @ ..] => {
                if let Some(entry) = Entry::parse(fields) {
                    reserved.insert(entry.tid, entry);
                }
            }
            ["-", tid] => drop(tid.parse().ok().and_then(|tid| reserved.remove(&Tid(tid)))),
            _ => {}
        }
    }
    let is_same = |entry: &Entry| start_time(procfs, entry.tid) == Some(entry.start);
    let mut left: Vec<_> = reserved.into_values().filter(is_same).collect();
    left.retain(|entry| scheduler.attributes(entry.tid).is_ok_and(|attr| attr.is_deadline()));
    left.iter().filter(|entry| scheduler.release(entry.tid, &entry.before).is_ok()).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::Bandwidth;
    use crate::sched::{Call, RecordingScheduler};
    use std::fs;
    use std::time::Duration;

    /// Every thread is under a reservation, as after a kill.
    #[derive(Debug)]
    struct Reserved(RecordingScheduler);

    impl DeadlineScheduler for Reserved {
        fn attributes(&mut self, _tid: Tid) -> Result<SchedAttr, Error> {
            Ok(SchedAttr::deadline(&params(), false))
        }
        fn reserve(&mut self, tid: Tid, params: &ReservationParams, reclaim: bool) -> Result<(), Error> {
            self.0.reserve(tid, params, reclaim)
        }
        fn release(&mut self, tid: Tid, before: &SchedAttr) -> Result<(), Error> {
            self.0.release(tid, before)
        }
    }

    fn params() -> ReservationParams {
        ReservationParams::new(Duration::from_millis(10), Duration::from_millis(100)).unwrap()
    }

    fn procfs(threads: &[(u32, u64)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (tid, start) in threads {
            fs::create_dir(root.path().join(tid.to_string())).unwrap();
            let stat = format!("{tid} (a b) c) S{} {start} 0\n", " 0".repeat(18));
            fs::write(root.path().join(tid.to_string()).join("stat"), stat).unwrap();
        }
        root
    }

    #[test]
    fn what_a_killed_monitor_held_is_released_and_nothing_else() {
        let line = |tid, start| Entry { tid: Tid(tid), start, before: SchedAttr::other(3) }.line();
        let said =
            format!("{}{}{}{}- 8\nnonsense\n+ 1\n", line(7, 70), line(8, 80), line(9, 90), line(10, 100));
        // Thread 9 is another one by now, thread 10 has ended.
        let root = procfs(&[(7, 70), (8, 80), (9, 91)]);
        let mut scheduler = Reserved(RecordingScheduler::new(Bandwidth::CPU));
        assert_eq!(guard(said.as_bytes(), &mut scheduler, root.path()), 1);
        assert_eq!(scheduler.0.calls, [Call::Release(Tid(7))]);
    }

    #[test]
    fn a_reservation_is_told_before_it_is_made_and_its_end_after() {
        let mut pipe = Vec::new();
        let mut guarded = Guarded::new(RecordingScheduler::new(Bandwidth::CPU), &mut pipe);
        guarded.reserve(Tid(7), &params(), true).unwrap();
        guarded.reserve(Tid(7), &params(), true).unwrap();
        guarded.release(Tid(7), &SchedAttr::other(0)).unwrap();
        let said = String::from_utf8(pipe).unwrap();
        let lines: Vec<_> = said.lines().collect();
        assert!(lines.len() == 2 && lines[0].starts_with("+ 7 ") && lines[1] == "- 7", "{said}");
        let fields: Vec<_> = lines[0].split(' ').skip(1).collect();
        assert_eq!(Entry::parse(&fields).unwrap().before, SchedAttr::other(0));
    }
}
