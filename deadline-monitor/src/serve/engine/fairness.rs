//! Scarce bandwidth is shared among targets: first within each user's quota, then on the machine.

use std::collections::BTreeMap;

use super::{Clocks, Engine, Reader};
use crate::budget::{Bandwidth, Request, compress};
use crate::sched::DeadlineScheduler;

const UNLIMITED: Bandwidth = Bandwidth::from_units(u64::MAX);

impl<S: DeadlineScheduler, A: Reader, C: Clocks> Engine<S, A, C> {
    /// Tells every target what its threads may have together.
    pub(super) fn rebalance(&mut self) {
        let targets: Vec<Wanting> = self
            .entries
            .values()
            .filter(|entry| !entry.observes())
            .map(|entry| {
                let owner = entry.stored.owner;
                Wanting {
                    id: entry.id,
                    user: (!owner.privileged).then_some(owner.uid),
                    request: entry.request(),
                }
            })
            .collect();
        let quota = self.shared.borrow().ledger.quota();
        let available = self.machine.capacity().saturating_sub(self.leases.held());
        for (id, capacity) in shares(targets, quota, available) {
            if let Some(entry) = self.entries.get_mut(&id) {
                entry.monitor.set_capacity(capacity);
            }
        }
    }
}

/// A target and what it wants.
#[derive(Debug, Clone, Copy)]
struct Wanting {
    id: u64,
    /// Whose quota it counts against.
    user: Option<u32>,
    request: Request,
}

/// What each may have; without a limit while everybody can have what they want.
fn shares(mut targets: Vec<Wanting>, quota: Bandwidth, available: Bandwidth) -> Vec<(u64, Bandwidth)> {
    let before: Vec<_> = targets.iter().map(|target| target.request.wanted).collect();
    let mut users: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (index, target) in targets.iter().enumerate() {
        if let Some(user) = target.user {
            users.entry(user).or_default().push(index);
        }
    }
    for members in users.values() {
        let requests: Vec<_> = members.iter().map(|index| targets[*index].request).collect();
        for (index, share) in members.iter().zip(compress(&requests, quota)) {
            targets[*index].request.wanted = share;
        }
    }
    let requests: Vec<_> = targets.iter().map(|target| target.request).collect();
    let shares = compress(&requests, available);
    let limited = targets.iter().zip(shares).zip(before);
    limited
        .map(|((target, share), wanted)| (target.id, if share < wanted { share } else { UNLIMITED }))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(id: u64, user: Option<u32>, wanted: u64, weight: u32) -> Wanting {
        let floor = Bandwidth::from_units(1);
        Wanting { id, user, request: Request { wanted: Bandwidth::from_units(wanted), floor, weight } }
    }

    fn shared(targets: &[Wanting], quota: u64, available: u64) -> Vec<u64> {
        let shares = shares(targets.to_vec(), Bandwidth::from_units(quota), Bandwidth::from_units(available));
        shares.into_iter().map(|(_, share)| share.units()).collect()
    }

    #[test]
    fn nobody_is_limited_while_there_is_enough() {
        let targets = [target(1, None, 400, 1), target(2, Some(7), 100, 1)];
        assert_eq!(shared(&targets, 100, 500), [u64::MAX, u64::MAX]);
    }

    #[test]
    fn targets_share_by_weight_and_users_within_their_quota() {
        let targets = [target(1, None, 900, 1), target(2, None, 900, 3)];
        let [light, heavy] = shared(&targets, 100, 400)[..] else { panic!() };
        assert!((99..=101).contains(&light) && (298..=300).contains(&heavy), "{light} {heavy}");
        let targets = [target(1, Some(7), 900, 1), target(2, Some(7), 900, 1), target(3, Some(8), 50, 1)];
        let shares = shared(&targets, 200, 1_000);
        assert!(shares[0] <= 100 && shares[1] <= 100 && shares[2] == u64::MAX, "{shares:?}");
    }
}
