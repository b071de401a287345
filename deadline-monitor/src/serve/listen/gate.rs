//! Counts connections, so that nobody takes them all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::super::config::Limits;

/// How many connections there are, and whose.
#[derive(Debug)]
pub(super) struct Gate {
    most: usize,
    most_per_user: usize,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    count: usize,
    by_user: HashMap<u32, usize>,
}

/// A place, for as long as this lives.
#[derive(Debug)]
pub(super) struct Place {
    gate: Arc<Gate>,
    user: Option<u32>,
}

impl Gate {
    pub(super) fn new(limits: &Limits) -> Arc<Gate> {
        let (most, most_per_user) = (limits.connections, limits.connections_per_user);
        Arc::new(Gate { most, most_per_user, open: Mutex::default() })
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        // Two numbers that are right at every moment.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a connection of `user`, or of somebody without a limit of one's own.
    pub(super) fn enter(self: &Arc<Gate>, user: Option<u32>) -> Option<Place> {
        let mut open = self.open();
        let of_user = user.map_or(0, |user| open.by_user.get(&user).copied().unwrap_or(0));
        if open.count >= self.most || of_user >= self.most_per_user {
            return None;
        }
        open.count += 1;
        if let Some(user) = user {
            *open.by_user.entry(user).or_default() += 1;
        }
        drop(open);
        Some(Place { gate: Arc::clone(self), user })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.gate.open();
        open.count -= 1;
        if let Some(user) = self.user {
            let left = open.by_user.get(&user).map_or(0, |count| count - 1);
            if left == 0 {
                open.by_user.remove(&user)
            } else {
                open.by_user.insert(user, left)
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_user_cannot_take_all_places_and_places_come_back() {
        let gate = Gate::new(&Limits { connections: 3, connections_per_user: 2, ..Limits::default() });
        let places: Vec<_> = (0..3).map(|_| gate.enter(Some(7))).collect();
        assert_eq!(places.iter().flatten().count(), 2);
        let other = gate.enter(None);
        assert!(other.is_some() && gate.enter(None).is_none());
        drop(places);
        assert!(gate.enter(Some(7)).is_some());
        assert!(gate.open().by_user.is_empty());
    }
}
