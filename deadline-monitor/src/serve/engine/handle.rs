//! What the monitors of all targets share: the kernel, its readings and the books.

use std::cell::{Ref, RefCell};
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::ledger::Ledger;
use super::{Meters, Owner};
use crate::account::{self, CpuAccounting, CpuTime, SchedStat};
use crate::budget::{Bandwidth, ReservationParams};
use crate::sched::{self, DeadlineScheduler, Rule, SchedAttr, Tid};
use crate::state::{Journal, Remembering};

/// Readings for many threads with a limited number of files.
pub trait Reader: CpuAccounting {
    /// How many of so many threads are read without a kept file, more slowly.
    fn unkept(&self, threads: usize) -> usize;
}

impl Reader for SchedStat {
    fn unkept(&self, threads: usize) -> usize {
        threads.saturating_sub(self.kept())
    }
}

#[derive(Debug)]
pub(super) struct Shared<S, A> {
    pub(super) remembering: Remembering<S>,
    pub(super) accounting: A,
    pub(super) ledger: Ledger,
    procfs: PathBuf,
    meters: Meters,
}

impl<S: DeadlineScheduler, A: Reader> Shared<S, A> {
    pub(super) fn new(
        remembering: Remembering<S>,
        accounting: A,
        procfs: PathBuf,
        quota: Bandwidth,
        meters: Meters,
    ) -> Shared<S, A> {
        Shared { remembering, accounting, ledger: Ledger::new(quota), procfs, meters }
    }

    pub(super) fn journal(&self) -> &Rc<RefCell<Journal>> {
        self.remembering.journal()
    }
}

/// One target's way to the kernel: only to the threads of its owner, and within the owner's quota.
pub(super) struct Handle<S, A> {
    shared: Rc<RefCell<Shared<S, A>>>,
    target: u64,
    owner: Owner,
    /// The kernel is told nothing.
    observes: bool,
}

/// Not what it shares with all others.
impl<S, A> std::fmt::Debug for Handle<S, A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handle")
            .field("target", &self.target)
            .field("owner", &self.owner)
            .finish_non_exhaustive()
    }
}

impl<S, A> Handle<S, A> {
    pub(super) fn new(
        shared: &Rc<RefCell<Shared<S, A>>>,
        target: u64,
        owner: Owner,
        observes: bool,
    ) -> Handle<S, A> {
        Handle { shared: Rc::clone(shared), target, owner, observes }
    }
}

fn refusal(tid: Tid, rule: Rule) -> sched::Error {
    let errno = if rule == Rule::Quota { libc::EDQUOT } else { libc::EPERM };
    sched::Error { tid, rule, source: io::Error::from_raw_os_error(errno) }
}

/// Whether the thread is one of this program's.
fn is_own(procfs: &Path, tid: Tid) -> bool {
    procfs.join("self/task").join(tid.to_string()).exists()
}

impl<S: DeadlineScheduler, A: Reader> Handle<S, A> {
    fn allowed(&self, shared: &Ref<'_, Shared<S, A>>, tid: Tid) -> Result<(), sched::Error> {
        if is_own(&shared.procfs, tid) {
            return Err(refusal(tid, Rule::Own));
        }
        if !self.owner.may_monitor(&shared.procfs, tid) {
            return Err(refusal(tid, Rule::Foreign));
        }
        Ok(())
    }
}

impl<S: DeadlineScheduler, A: Reader> DeadlineScheduler for Handle<S, A> {
    fn attributes(&mut self, tid: Tid) -> Result<SchedAttr, sched::Error> {
        let shared = self.shared.borrow();
        self.allowed(&shared, tid)?;
        shared
            .ledger
            .check(tid, self.target, self.owner, Bandwidth::default())
            .map_err(|rule| refusal(tid, rule))?;
        drop(shared);
        let remembering = &mut self.shared.borrow_mut().remembering;
        if self.observes { remembering.scheduler_mut().attributes(tid) } else { remembering.attributes(tid) }
    }

    fn reservation(&mut self, tid: Tid) -> Option<ReservationParams> {
        if self.observes { None } else { self.shared.borrow_mut().remembering.reservation(tid) }
    }

    fn reserve(&mut self, tid: Tid, params: &ReservationParams, reclaim: bool) -> Result<(), sched::Error> {
        let shared = self.shared.borrow();
        self.allowed(&shared, tid)?;
        let wanted = if self.observes { Bandwidth::default() } else { params.bandwidth() };
        let checked = shared.ledger.check(tid, self.target, self.owner, wanted);
        drop(shared);
        let shared = &mut *self.shared.borrow_mut();
        let result = checked.map_err(|rule| refusal(tid, rule)).and_then(|()| {
            if self.observes { Ok(()) } else { shared.remembering.reserve(tid, params, reclaim) }
        });
        if !self.observes {
            shared.meters.setattr(result.as_ref().err().map(|error| error.rule));
        }
        if result.is_ok() {
            shared.ledger.set(tid, self.target, self.owner, wanted);
        }
        result
    }

    fn release(&mut self, tid: Tid, before: &SchedAttr) -> Result<(), sched::Error> {
        let shared = &mut *self.shared.borrow_mut();
        shared.accounting.forget(tid);
        let result = if self.observes { Ok(()) } else { shared.remembering.release(tid, before) };
        if result.is_ok() || result.as_ref().is_err_and(|error| error.rule == Rule::Gone) {
            shared.ledger.remove(tid);
        }
        result
    }
}

impl<S: DeadlineScheduler, A: Reader> CpuAccounting for Handle<S, A> {
    fn cpu_time(&mut self, tid: Tid) -> Result<CpuTime, account::Error> {
        self.shared.borrow_mut().accounting.cpu_time(tid)
    }

    /// Called for threads that have ended, and for those that were refused.
    fn forget(&mut self, tid: Tid) {
        let shared = &mut *self.shared.borrow_mut();
        if shared.ledger.check(tid, self.target, self.owner, Bandwidth::default()) == Err(Rule::Taken) {
            return; // It is another target's.
        }
        shared.accounting.forget(tid);
        shared.ledger.remove(tid);
        if !self.observes {
            shared.remembering.forget(tid);
        }
    }
}
