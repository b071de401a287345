//! Who has how much bandwidth through this daemon.

use std::collections::BTreeMap;

use super::Owner;
use crate::budget::Bandwidth;
use crate::sched::{Rule, Tid};

/// What each thread has, and whose it is.
#[derive(Debug)]
pub(super) struct Ledger {
    threads: BTreeMap<Tid, Line>,
    by_uid: BTreeMap<u32, Bandwidth>,
    total: Bandwidth,
    /// What one user's threads may have together.
    quota: Bandwidth,
}

#[derive(Debug, Clone, Copy)]
struct Line {
    target: u64,
    owner: Owner,
    bandwidth: Bandwidth,
}

impl Ledger {
    pub(super) fn new(quota: Bandwidth) -> Ledger {
        Ledger { threads: BTreeMap::new(), by_uid: BTreeMap::new(), total: Bandwidth::default(), quota }
    }

    /// Whether the thread may have so much on behalf of a target.
    pub(super) fn check(&self, tid: Tid, target: u64, owner: Owner, wanted: Bandwidth) -> Result<(), Rule> {
        let line = self.threads.get(&tid);
        if line.is_some_and(|line| line.target != target) {
            return Err(Rule::Taken);
        }
        let own = line.map(|line| line.bandwidth).unwrap_or_default();
        self.check_quota(owner, own, wanted)
    }

    /// Whether the owner may have `wanted` in place of `own`. Less is always allowed.
    pub(super) fn check_quota(&self, owner: Owner, own: Bandwidth, wanted: Bandwidth) -> Result<(), Rule> {
        let after = self.of(owner).saturating_sub(own).saturating_add(wanted);
        if !owner.privileged && wanted > own && after > self.quota {
            return Err(Rule::Quota);
        }
        Ok(())
    }

    /// The thread has so much from now on.
    pub(super) fn set(&mut self, tid: Tid, target: u64, owner: Owner, bandwidth: Bandwidth) {
        self.remove(tid);
        self.threads.insert(tid, Line { target, owner, bandwidth });
        self.total = self.total.saturating_add(bandwidth);
        let of = self.by_uid.entry(owner.uid).or_default();
        *of = of.saturating_add(bandwidth);
    }

    /// The thread has nothing any more.
    pub(super) fn remove(&mut self, tid: Tid) {
        let Some(line) = self.threads.remove(&tid) else { return };
        self.total = self.total.saturating_sub(line.bandwidth);
        if let Some(of) = self.by_uid.get_mut(&line.owner.uid) {
            *of = of.saturating_sub(line.bandwidth);
        }
    }

    /// What all have together.
    pub(super) fn total(&self) -> Bandwidth {
        self.total
    }

    /// What one user may have.
    pub(super) fn quota(&self) -> Bandwidth {
        self.quota
    }

    fn of(&self, owner: Owner) -> Bandwidth {
        self.by_uid.get(&owner.uid).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER: Owner = Owner { uid: 1000, privileged: false };
    const ROOT: Owner = Owner { uid: 0, privileged: true };

    fn units(units: u64) -> Bandwidth {
        Bandwidth::from_units(units)
    }

    #[test]
    fn a_user_has_at_most_the_quota_and_may_always_take_less() {
        let mut ledger = Ledger::new(units(100));
        ledger.set(Tid(1), 1, USER, units(60));
        assert_eq!(ledger.check(Tid(2), 1, USER, units(41)), Err(Rule::Quota));
        assert_eq!(ledger.check(Tid(2), 1, USER, units(40)), Ok(()));
        assert_eq!(ledger.check(Tid(1), 1, USER, units(100)), Ok(()));
        ledger.set(Tid(2), 1, USER, units(200));
        assert_eq!(ledger.check(Tid(2), 1, USER, units(150)), Ok(()), "less than it has");
        assert_eq!(ledger.check(Tid(3), 2, ROOT, units(1_000)), Ok(()));
    }

    #[test]
    fn a_thread_belongs_to_one_target() {
        let mut ledger = Ledger::new(units(100));
        ledger.set(Tid(1), 1, ROOT, units(60));
        assert_eq!(ledger.check(Tid(1), 2, ROOT, units(1)), Err(Rule::Taken));
        ledger.remove(Tid(1));
        assert_eq!(ledger.check(Tid(1), 2, ROOT, units(1)), Ok(()));
        assert_eq!(ledger.total(), units(0));
    }
}
