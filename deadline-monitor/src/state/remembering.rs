//! A scheduler that writes down what it is about to change.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;

use super::{Error, Journal};
use crate::budget::ReservationParams;
use crate::sched::{self, DeadlineScheduler, Rule, SchedAttr, Tid, start_time};

/// Writes down how a thread was scheduled before it gets its first reservation, and knows it by more than its id: a
/// thread that took over the id of one that ended is not touched.
#[derive(Debug)]
pub struct Remembering<S> {
    scheduler: S,
    journal: Rc<RefCell<Journal>>,
    /// Start times of the threads of this run.
    known: BTreeMap<Tid, u64>,
}

/// What became of the threads that a killed monitor left.
#[derive(Debug, Default)]
pub struct Recovered {
    /// They are scheduled as before the monitor.
    pub restored: Vec<Tid>,
    /// They have ended, or are under no reservation.
    pub gone: usize,
    /// The kernel refused to restore them; they stay in the file.
    pub refused: Vec<sched::Error>,
}

impl<S: DeadlineScheduler> Remembering<S> {
    /// Writes down in `journal` what `scheduler` changes.
    pub fn new(scheduler: S, journal: Rc<RefCell<Journal>>) -> Remembering<S> {
        Remembering { scheduler, journal, known: BTreeMap::new() }
    }

    /// The scheduler itself, for threads of which nothing needs to be remembered.
    pub fn scheduler_mut(&mut self) -> &mut S {
        &mut self.scheduler
    }

    /// What is written down.
    pub fn journal(&self) -> &Rc<RefCell<Journal>> {
        &self.journal
    }

    /// Gives back, in two steps each, the threads of the file that an earlier monitor left under a reservation and
    /// that `keep` does not want.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn recover(&mut self, mut keep: impl FnMut(Tid) -> bool) -> Result<Recovered, Error> {
        let mut recovered = Recovered::default();
        let threads: Vec<_> = self.journal.borrow().saved().threads.keys().copied().map(Tid).collect();
        for tid in threads.into_iter().filter(|tid| !self.known.contains_key(tid)) {
            let saved = self.journal.borrow().thread(tid);
            let reserved =
                saved.filter(|_| self.scheduler.attributes(tid).is_ok_and(|now| now.is_deadline()));
            let Some(saved) = reserved else {
                recovered.gone += 1;
                self.journal.borrow_mut().released(tid)?;
                continue;
            };
            if keep(tid) {
                continue;
            }
            match self.scheduler.release(tid, &saved.before.into()) {
                Ok(()) => recovered.restored.push(tid),
                Err(error) if error.rule == Rule::Gone => recovered.gone += 1,
                Err(error) => {
                    recovered.refused.push(error);
                    continue;
                }
            }
            self.journal.borrow_mut().released(tid)?;
        }
        Ok(recovered)
    }

    /// Forgets which threads are this run's: [`Remembering::recover`] then looks at all of them.
    pub fn forget_all(&mut self) {
        self.known.clear();
    }

    /// Forgets a thread that has ended.
    pub fn forget(&mut self, tid: Tid) {
        self.known.remove(&tid);
        self.scheduler.forget(tid);
        // A line too many is found out by the start time.
        let _ = self.journal.borrow_mut().released(tid);
    }

    fn start(&self, tid: Tid) -> Result<u64, sched::Error> {
        let start = start_time(self.journal.borrow().procfs(), tid);
        start.ok_or_else(|| refusal(tid, Rule::Gone, io::Error::from_raw_os_error(libc::ESRCH)))
    }

    /// That the thread is the one that was adopted.
    fn same(&self, tid: Tid) -> Result<(), sched::Error> {
        let start = self.start(tid)?;
        if self.known.get(&tid) == Some(&start) {
            return Ok(());
        }
        Err(refusal(tid, Rule::Gone, io::Error::other("its id belongs to another thread now")))
    }
}

fn refusal(tid: Tid, rule: Rule, source: io::Error) -> sched::Error {
    sched::Error { tid, rule, source }
}

impl<S: DeadlineScheduler> DeadlineScheduler for Remembering<S> {
    /// What the file says of the thread, if it is there; else how it is scheduled now, which is written down.
    fn attributes(&mut self, tid: Tid) -> Result<SchedAttr, sched::Error> {
        let start = self.start(tid)?;
        let saved = self.journal.borrow().saved().threads.get(&tid.0).copied();
        if let Some(saved) = saved.filter(|saved| saved.start == start) {
            self.known.insert(tid, start);
            return Ok(saved.before.into());
        }
        let before = self.scheduler.attributes(tid)?;
        let unrecorded = |error| refusal(tid, Rule::Unrecorded, io::Error::other(error));
        self.journal.borrow_mut().adopted(tid, start, before).map_err(unrecorded)?;
        self.known.insert(tid, start);
        Ok(before)
    }

    fn reservation(&mut self, tid: Tid) -> Option<ReservationParams> {
        let attr = self.scheduler.attributes(tid).ok().filter(SchedAttr::is_deadline)?;
        self.journal.borrow().thread(tid)?;
        attr.params()
    }

    fn reserve(&mut self, tid: Tid, params: &ReservationParams, reclaim: bool) -> Result<(), sched::Error> {
        self.same(tid)?;
        self.scheduler.reserve(tid, params, reclaim)
    }

    fn release(&mut self, tid: Tid, before: &SchedAttr) -> Result<(), sched::Error> {
        let released = self.same(tid).and_then(|()| self.scheduler.release(tid, before));
        match &released {
            Err(error) if error.rule != Rule::Gone => {}
            Ok(()) | Err(_) => self.forget(tid),
        }
        released
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command};
    use std::time::Duration;

    use super::*;
    use crate::budget::Bandwidth;
    use crate::sched::{Call, RecordingScheduler};

    struct Sleeper(Child);

    impl Sleeper {
        fn new() -> Sleeper {
            Sleeper(Command::new("sleep").arg("1000").spawn().unwrap())
        }

        fn tid(&self) -> Tid {
            Tid(self.0.id())
        }
    }

    impl Drop for Sleeper {
        fn drop(&mut self) {
            self.0.kill().unwrap();
            self.0.wait().unwrap();
        }
    }

    fn params() -> ReservationParams {
        ReservationParams::new(Duration::from_millis(10), Duration::from_millis(100)).unwrap()
    }

    fn scheduler(directory: &tempfile::TempDir) -> Remembering<RecordingScheduler> {
        let (journal, _) = Journal::open(&directory.path().join("state"), "/proc".as_ref()).unwrap();
        let recording = RecordingScheduler::new(Bandwidth::CPU);
        Remembering::new(recording, Rc::new(RefCell::new(journal)))
    }

    #[test]
    fn a_thread_is_written_down_before_it_is_touched_and_struck_out_when_it_is_given_back() {
        let (directory, sleeper) = (tempfile::tempdir().unwrap(), Sleeper::new());
        let mut remembering = scheduler(&directory);
        let before = remembering.attributes(sleeper.tid()).unwrap();
        assert!(remembering.journal.borrow().thread(sleeper.tid()).is_some());
        assert_eq!(remembering.scheduler.calls, []);
        remembering.reserve(sleeper.tid(), &params(), true).unwrap();
        remembering.release(sleeper.tid(), &before).unwrap();
        assert!(remembering.journal.borrow().saved().threads.is_empty());
    }

    #[test]
    fn a_successor_restores_what_a_killed_monitor_left() {
        let (directory, sleeper) = (tempfile::tempdir().unwrap(), Sleeper::new());
        let mut killed = scheduler(&directory);
        killed.scheduler.nice = 7;
        killed.attributes(sleeper.tid()).unwrap();
        killed.reserve(sleeper.tid(), &params(), true).unwrap();
        let kernel = killed.scheduler.clone();
        drop(killed);
        let mut successor = scheduler(&directory);
        successor.scheduler = kernel;
        let recovered = successor.recover(|_| false).unwrap();
        assert_eq!((recovered.restored.as_slice(), recovered.gone), ([sleeper.tid()].as_slice(), 0));
        assert_eq!(successor.scheduler.calls.last(), Some(&Call::Release(sleeper.tid())));
        assert_eq!(successor.scheduler.restored, [SchedAttr::other(7)]);
        assert!(successor.journal.borrow().saved().threads.is_empty());
    }

    #[test]
    fn a_successor_that_goes_on_knows_how_the_thread_was_before_and_what_it_has_now() {
        let (directory, sleeper) = (tempfile::tempdir().unwrap(), Sleeper::new());
        let mut killed = scheduler(&directory);
        let before = killed.attributes(sleeper.tid()).unwrap();
        killed.reserve(sleeper.tid(), &params(), true).unwrap();
        let kernel = killed.scheduler.clone();
        drop(killed);
        let mut successor = scheduler(&directory);
        successor.scheduler = kernel;
        assert!(successor.recover(|_| true).unwrap().restored.is_empty());
        assert_eq!(successor.reservation(sleeper.tid()), Some(params()));
        assert_eq!(successor.attributes(sleeper.tid()).unwrap(), before);
        successor.release(sleeper.tid(), &before).unwrap();
    }

    #[test]
    fn a_thread_that_took_over_an_id_is_left_alone() {
        let (directory, sleeper) = (tempfile::tempdir().unwrap(), Sleeper::new());
        let mut remembering = scheduler(&directory);
        remembering.attributes(sleeper.tid()).unwrap();
        // As if the thread of that id had ended, and another one had got the id.
        remembering.known.insert(sleeper.tid(), 1);
        let error = remembering.reserve(sleeper.tid(), &params(), false).unwrap_err();
        assert_eq!(error.rule, Rule::Gone);
        assert_eq!(
            std::error::Error::source(&error).unwrap().to_string(),
            "its id belongs to another thread now"
        );
        assert_eq!(remembering.scheduler.calls, []);
        let mut journal = remembering.journal.borrow_mut();
        journal.adopted(sleeper.tid(), 1, SchedAttr::other(0)).unwrap();
        drop(journal);
        assert_eq!(remembering.recover(|_| false).unwrap().gone, 0, "known threads are not recovered");
        remembering.known.clear();
        let recovered = remembering.recover(|_| false).unwrap();
        assert_eq!((recovered.gone, recovered.restored.len()), (1, 0));
    }
}
