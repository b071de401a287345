//! Targets: added, told of, changed, released.

use std::ops::Bound;

use super::entry::{Entry, Stored};
use super::identity::Identity;
use super::load::Ended;
use super::{Clocks, Engine, Owner, Reader};
use crate::ErrorKind;
use crate::sched::{DeadlineScheduler, Rule};
use crate::serve::api::{
    self, EventName, Failure, History, Mode, NewTarget, Resolved, Settings, TargetPage, TargetRef, TargetView,
};
use crate::target::{self, Target};

/// Characters of a name.
const NAME_MAX: usize = 64;

impl<S: DeadlineScheduler, A: Reader, C: Clocks> Engine<S, A, C> {
    pub(super) fn page(&self, after: u64, limit: usize) -> TargetPage {
        let behind = self.entries.range((Bound::Excluded(after), Bound::Unbounded));
        let targets: Vec<_> = behind.clone().take(limit).map(|(_, entry)| entry.view(false)).collect();
        let more = behind.count() > targets.len();
        let next_after = targets.last().filter(|_| more).map(|last| last.id);
        TargetPage { targets, total: u64::try_from(self.entries.len()).unwrap_or(u64::MAX), next_after }
    }

    fn entry(&self, id: u64) -> Result<&Entry<S, A, C>, Failure> {
        self.entries.get(&id).ok_or_else(|| missing(id))
    }

    pub(super) fn show(&self, id: u64) -> Result<TargetView, Failure> {
        Ok(self.entry(id)?.view(true))
    }

    pub(super) fn history(&self, id: u64, since_ns: u64, limit: usize) -> Result<History, Failure> {
        let entry = self.entry(id)?;
        let period_ns = entry.resolved.effective.period_ns;
        Ok(History { id, period_ns, samples: entry.history(since_ns, limit) })
    }

    /// Monitors something from now on; its first sample is taken at once, so that a refusal is known at once.
    pub(super) fn add(&mut self, owner: Owner, new: NewTarget) -> Result<TargetView, Failure> {
        check_name(new.name.as_deref())?;
        self.check_target_count(owner)?;
        let mut settings = new.settings;
        if let Some(id) = new.reservation {
            let params = self.confirmed(owner, id)?;
            settings.period_ns = Some(api::nanos(params.period()));
            settings.deadline_ns = Some(api::nanos(params.deadline()));
            settings.initial_ns = Some(api::nanos(params.runtime()));
        }
        let resolved = settings.resolve(&self.machine, &self.procfs)?;
        self.check_target(owner, &new.target)?;
        let identity = self.identify(&new.target)?;
        let start = identity.as_ref().map(Identity::start);
        let stored = Stored { name: new.name, target: new.target, owner, settings, start };
        if let Some(id) = new.reservation {
            self.end_lease(id, EventName::ReservationEnded, "A target takes it over")?;
        }
        let id = self.new_id();
        self.insert(id, stored, resolved, identity)?;
        if let Err(refused) = self.first_sample(id) {
            self.forget(id);
            return Err(refused);
        }
        let target = self.entry(id)?.monitor_target()?.to_string();
        self.events.push(&mut self.clocks, EventName::TargetAdded, Some(id), None, target);
        self.show(id)
    }

    fn check_target_count(&self, owner: Owner) -> Result<(), Failure> {
        let refuse = |rule: String| Err(Failure::new(ErrorKind::NoResources, rule));
        if self.entries.len() >= self.limits.targets {
            return refuse(format!(
                "There are {} targets, and no more may be monitored",
                self.limits.targets
            ));
        }
        if owner.privileged {
            return Ok(());
        }
        let own = self.entries.values().filter(|entry| entry.stored.owner == owner).count();
        if own >= self.limits.targets_per_user {
            return refuse(format!("User {} has {own} targets and may have no more", owner.uid));
        }
        Ok(())
    }

    /// That the target is there, is the owner's, and is not monitored already.
    fn check_target(&self, owner: Owner, target: &TargetRef) -> Result<(), Failure> {
        if let Some(id) = self.by_target.get(target) {
            let rule = format!("{} is target {id} already", target.target()?);
            return Err(Failure::new(ErrorKind::AlreadyExists, capitalised(&rule)));
        }
        let target = target.target()?;
        let threads = target.threads(&self.procfs)?;
        if threads.is_empty() && !matches!(target, Target::Cgroup(_)) {
            return Err(target::Error::Gone(target).into());
        }
        if let Some(tid) = threads.iter().find(|tid| !owner.may_monitor(&self.procfs, **tid)) {
            let rule = format!("Thread {tid}: {}", Rule::Foreign);
            return Err(Failure::new(ErrorKind::PermissionDenied, rule));
        }
        Ok(())
    }

    fn identify(&self, target: &TargetRef) -> Result<Option<Identity>, Failure> {
        let Some(leader) = target.leader() else { return Ok(None) };
        let with_pidfd = self.pidfds < self.limits.pidfds();
        match Identity::of(&self.procfs, leader, with_pidfd) {
            Some(identity) => Ok(Some(identity)),
            None => Err(target::Error::Gone(target.target()?).into()),
        }
    }

    /// Writes the target down, then monitors it.
    pub(super) fn insert(
        &mut self,
        id: u64,
        stored: Stored,
        resolved: Resolved,
        identity: Option<Identity>,
    ) -> Result<(), Failure> {
        self.store(id, &stored)?;
        let entry = Entry::new(id, stored, resolved, identity, (&self.shared, self.clocks.clone()))?;
        self.pidfds += usize::from(entry.identity.as_ref().is_some_and(Identity::has_pidfd));
        self.by_target.insert(entry.stored.target.clone(), id);
        self.entries.insert(id, entry);
        self.changed();
        Ok(())
    }

    fn store(&self, id: u64, stored: &Stored) -> Result<(), Failure> {
        let value =
            serde_json::to_value(stored).map_err(|error| Failure::because(ErrorKind::Internal, &error))?;
        self.shared.borrow().journal().borrow_mut().put("target", &id.to_string(), value)?;
        Ok(())
    }

    /// Samples a new target. If none of its threads gets anything it is not monitored at all.
    pub(super) fn first_sample(&mut self, id: u64) -> Result<(), Failure> {
        let entry = self.entries.get_mut(&id).ok_or_else(|| missing(id))?;
        let refused = entry.first_tick()?;
        if let (0, Some(error)) = (entry.threads(), refused) {
            return Err(error.into());
        }
        let next = self.clocks.now() + entry.sampling();
        self.wait(id, next);
        Ok(())
    }

    pub(super) fn change(&mut self, owner: Owner, id: u64, change: &Settings) -> Result<TargetView, Failure> {
        let entry = self.entries.get_mut(&id).ok_or_else(|| missing(id))?;
        allowed_to(owner, entry)?;
        let settings = entry.stored.settings.changed(change);
        let mut resolved = settings.resolve(&self.machine, &self.procfs)?;
        resolved.options.capacity = entry.monitor.options().capacity;
        if resolved.mode == entry.resolved.mode {
            entry.monitor.reconfigure(resolved.options.clone())?;
            entry.resolved = resolved;
        } else {
            self.begin_anew(id, &settings, resolved)?;
        }
        let entry = self.entries.get_mut(&id).ok_or_else(|| missing(id))?;
        entry.stored.settings = settings;
        let (stored, sampling) = (entry.stored.clone(), entry.sampling());
        self.store(id, &stored)?;
        let next = self.clocks.now() + sampling;
        self.wait(id, next);
        let detail = serde_json::to_string(change).unwrap_or_default();
        self.events.push(&mut self.clocks, EventName::TargetChanged, Some(id), None, detail);
        self.changed();
        self.show(id)
    }

    /// From observing to control, or back: another way to the kernel.
    fn begin_anew(&mut self, id: u64, settings: &Settings, resolved: Resolved) -> Result<(), Failure> {
        let Some(mut old) = self.entries.remove(&id) else { return Err(missing(id)) };
        let stored = Stored { settings: settings.clone(), ..old.stored.clone() };
        old.release(&self.shared);
        let mut entry =
            Entry::new(id, stored, resolved, old.identity.take(), (&self.shared, self.clocks.clone()))?;
        entry.due = old.due;
        self.load
            .ended(if old.observes() { std::time::Duration::ZERO } else { old.used_total() }, counts(&old));
        let refused = entry.first_tick()?;
        if let (0, Some(error), Mode::Control) = (entry.threads(), refused, entry.resolved.mode) {
            old.identity = entry.identity.take();
            drop(entry);
            self.entries.insert(id, old);
            return Err(error.into());
        }
        self.entries.insert(id, entry);
        Ok(())
    }

    pub(super) fn release(&mut self, owner: Owner, id: u64) -> Result<(), Failure> {
        allowed_to(owner, self.entry(id)?)?;
        let refused = self.forget(id);
        let detail = match refused.first() {
            None => "Its threads are scheduled as before".to_owned(),
            Some(error) => {
                format!("{} threads could not be restored, the first because: {error}", refused.len())
            }
        };
        self.events.push(&mut self.clocks, EventName::TargetReleased, Some(id), None, detail);
        match refused.into_iter().next() {
            None => Ok(()),
            Some(error) => Err(error.into()),
        }
    }

    /// A target has ended by itself, or cannot be read any more.
    pub(super) fn end(&mut self, id: u64, why: &Failure) {
        self.forget(id);
        self.events.push(&mut self.clocks, EventName::TargetEnded, Some(id), None, why.detail.clone());
    }

    /// Gives the threads back and strikes the target out.
    pub(super) fn forget(&mut self, id: u64) -> Vec<crate::sched::Error> {
        let Some(mut entry) = self.entries.remove(&id) else { return Vec::new() };
        self.due.remove(&(entry.due, id));
        self.by_target.remove(&entry.stored.target);
        self.pidfds -= usize::from(entry.identity.as_ref().is_some_and(Identity::has_pidfd));
        let refused = entry.release(&self.shared);
        let reserved_use = if entry.observes() { std::time::Duration::ZERO } else { entry.used_total() };
        self.load.ended(reserved_use, counts(&entry));
        // A line too many is found out at the next start: its thread has ended or is under no reservation.
        let _ = self.shared.borrow().journal().borrow_mut().remove("target", &id.to_string());
        self.changed();
        refused
    }

    /// Lets every target and every reservation go. With `keep` the threads keep what they have, and the state file
    /// tells the next run.
    pub(super) fn stop(&mut self, keep: bool) {
        if keep {
            // Monitors give back when they go; these do not go.
            std::mem::take(&mut self.entries).into_values().for_each(std::mem::forget);
            return;
        }
        for id in self.entries.keys().copied().collect::<Vec<_>>() {
            for error in self.forget(id) {
                tracing::warn!(error = api::chain(&error), "A thread could not be restored");
            }
        }
        // What was refused when its target was gone on with is under its old reservation still.
        self.shared.borrow_mut().remembering.forget_all();
        if let Err(failure) = self.restore_others() {
            tracing::warn!(error = failure.detail, "The state file cannot be written");
        }
        for id in self.leases.ids() {
            let _ = self.end_lease(id, EventName::ReservationEnded, "The daemon stops");
        }
    }
}

fn counts<S: DeadlineScheduler, A: Reader, C: Clocks>(entry: &Entry<S, A, C>) -> Ended {
    let observed_use = if entry.observes() { entry.used_total() } else { std::time::Duration::ZERO };
    let (missed, changes, refusals) = (entry.missed_total(), entry.changes(), entry.refusals());
    Ended { observed_use, missed, changes, refusals }
}

fn missing(id: u64) -> Failure {
    Failure::not_found(format!("There is no target {id}; it was released or has ended"))
}

fn allowed_to<S: DeadlineScheduler, A: Reader, C: Clocks>(
    owner: Owner,
    entry: &Entry<S, A, C>,
) -> Result<(), Failure> {
    if owner.may_change(&entry.stored.owner) {
        return Ok(());
    }
    let rule = format!("Target {} belongs to user {}", entry.id, entry.stored.owner.uid);
    Err(Failure::new(ErrorKind::PermissionDenied, rule))
}

fn check_name(name: Option<&str>) -> Result<(), Failure> {
    match name {
        Some(name)
            if name.is_empty() || name.chars().count() > NAME_MAX || name.chars().any(char::is_control) =>
        {
            Err(Failure::argument(format!(
                "A name has 1 to {NAME_MAX} characters, none of them a control character"
            )))
        }
        None | Some(_) => Ok(()),
    }
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
