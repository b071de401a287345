//! What an earlier run left: its targets are monitored again or let go, its reservations held again.

use super::entry::Stored;
use super::identity::Identity;
use super::leases::StoredLease;
use super::{Clocks, Engine, Reader};
use crate::sched::DeadlineScheduler;
use crate::serve::api::{self, EventName, Failure};
use crate::serve::config::OnStart;
use crate::state::{Item, Loaded};

impl<S: DeadlineScheduler, A: Reader, C: Clocks> Engine<S, A, C> {
    /// Goes on where the state file says that the last run was.
    ///
    /// # Errors
    /// The state file cannot be written.
    pub fn resume(&mut self, loaded: &Loaded) -> Result<(), Failure> {
        if let Some(aside) = &loaded.set_aside {
            let detail = format!("{}: it is kept as {}", aside.reason, aside.path.display());
            self.events.push(&mut self.clocks, EventName::StateSetAside, None, None, detail);
        }
        let saved = self.shared.borrow().journal().borrow().saved().clone();
        let next = saved.items.get(&("counter".to_owned(), "next-id".to_owned()));
        let ids = saved.items.keys().filter_map(|(_, id)| id.parse::<u64>().ok());
        self.next_id = ids.map(|id| id + 1).chain(next.and_then(|next| next.read().ok())).max().unwrap_or(1);
        for ((kind, id), item) in &saved.items {
            let Ok(number) = id.parse::<u64>() else { continue };
            if kind == "target"
                && let Err(failure) = self.again(number, item, loaded)
            {
                self.lost(kind, number, EventName::TargetEnded, &failure)?;
            }
        }
        // What is not monitored again gives its bandwidth back before reservations are held again.
        self.restore_others()?;
        for ((kind, id), item) in &saved.items {
            let Some(number) = id.parse::<u64>().ok().filter(|_| kind == "lease") else { continue };
            let stored = item.read::<StoredLease>();
            let stored = stored.map_err(|error| Failure::argument(error.to_string()));
            let held = stored.and_then(|stored| {
                if loaded.rebooted {
                    Err(Failure::not_found("The machine was restarted"))
                } else {
                    Ok(stored)
                }
            });
            if let Err(failure) = held.and_then(|stored| self.hold_again(number, stored)) {
                self.lost(kind, number, EventName::ReservationEnded, &failure)?;
            }
        }
        Ok(())
    }

    /// Monitors a target of the last run, if it is still there.
    fn again(&mut self, id: u64, item: &Item, loaded: &Loaded) -> Result<(), Failure> {
        let stored: Stored = item.read().map_err(|error| Failure::argument(error.to_string()))?;
        if self.recovery.on_start == OnStart::Restore {
            return Err(Failure::not_found("This daemon is configured to restore what an earlier run left"));
        }
        let target = stored.target.target()?;
        let leader = stored.target.leader();
        let identity = leader.and_then(|tid| Identity::of(&self.procfs, tid, false));
        let same = identity.as_ref().map(Identity::start) == stored.start;
        if leader.is_some() && (loaded.rebooted || identity.is_none() || !same) {
            return Err(crate::target::Error::Gone(target).into());
        }
        let resolved = stored.settings.resolve(&self.machine, &self.procfs)?;
        let name = target.to_string();
        self.insert(id, stored, resolved, identity)?;
        // Its threads are adopted at once, with the budgets that they have.
        if let Err(failure) = self.first_sample(id) {
            self.forget(id);
            return Err(failure);
        }
        self.events.push(&mut self.clocks, EventName::TargetResumed, Some(id), None, name);
        Ok(())
    }

    /// Threads that no target of this run has adopted are scheduled as they were before.
    pub(super) fn restore_others(&mut self) -> Result<(), Failure> {
        let recovered = self.shared.borrow_mut().remembering.recover(|_| false)?;
        for error in &recovered.refused {
            tracing::warn!(error = api::chain(error), "A thread of an earlier run could not be restored");
        }
        if !recovered.restored.is_empty() {
            let detail = format!("{} threads are scheduled as before", recovered.restored.len());
            self.events.push(&mut self.clocks, EventName::ThreadsRestored, None, None, detail);
        }
        Ok(())
    }

    fn lost(&mut self, kind: &str, id: u64, event: EventName, why: &Failure) -> Result<(), Failure> {
        let (target, lease) = if kind == "target" { (Some(id), None) } else { (None, Some(id)) };
        self.events.push(&mut self.clocks, event, target, lease, why.detail.clone());
        self.shared.borrow().journal().borrow_mut().remove(kind, &id.to_string())?;
        Ok(())
    }
}
