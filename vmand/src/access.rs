//! Who may do what.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;
use std::os::fd::AsFd as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::unistd::{Gid, Group, Uid};
use tokio::net::UnixStream;
use vman_core::command::{Command, Role};
use vman_core::device::peer::peer_groups;

use crate::config::Limits;

/// Whoever is at the other end of a connection, as the kernel says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Effective user when it connected.
    pub uid: u32,
    /// Process that connected, 0 if it is in another PID namespace.
    pub pid: i32,
    /// What it may do.
    pub role: Role,
    /// Whether its paths are confined to `image_dirs`: neither root nor the user that vmand runs as.
    pub confined: bool,
}

/// The rule by which a peer gets its role.
#[derive(Debug, Clone, Copy)]
pub struct Access {
    operators: Option<Gid>,
    owner: Uid,
}

impl Access {
    /// Root, the user that vmand runs as and the members of `group`, if that exists, are operators.
    pub fn new(group: &str) -> Self {
        let found = Group::from_name(group).ok().flatten();
        if found.is_none() {
            tracing::warn!(group, "There is no such group: only root may give commands");
        }
        Self { operators: found.map(|group| group.gid), owner: Uid::effective() }
    }

    /// The group whose members are operators, if it exists.
    pub const fn group(&self) -> Option<Gid> {
        self.operators
    }

    /// Asks the kernel who has connected.
    ///
    /// # Errors
    /// If the peer's credentials cannot be read.
    pub fn peer(&self, stream: &UnixStream) -> io::Result<Peer> {
        let credentials = stream.peer_cred()?;
        let uid = Uid::from_raw(credentials.uid());
        let master = uid.is_root() || uid == self.owner;
        let operator = master
            || self.is_operator_group(credentials.gid())
            || peer_groups(stream.as_fd())?.into_iter().any(|group| self.is_operator_group(group));
        Ok(Peer {
            uid: credentials.uid(),
            pid: credentials.pid().unwrap_or(0),
            role: if operator { Role::Operator } else { Role::Observer },
            confined: !master,
        })
    }

    fn is_operator_group(&self, group: u32) -> bool {
        self.operators.is_some_and(|operators| operators.as_raw() == group)
    }
}

/// Whether a peer in `role` may give `command`: operators everything, observers queries and events.
pub const fn may(role: Role, command: &Command) -> bool {
    match command {
        Command::QueryVersion
        | Command::QueryHost
        | Command::QueryPartitions
        | Command::QueryPartition(_)
        | Command::QueryStats(_)
        | Command::QueryLinks
        | Command::SubscribeEvents
        | Command::Hello(_) => true,
        Command::CreatePartition(_)
        | Command::Deploy(_)
        | Command::DestroyPartition(_)
        | Command::Reboot(_)
        | Command::Shutdown(_)
        | Command::Suspend(_)
        | Command::Restore(_)
        | Command::CreateLink(_)
        | Command::ImagePut(_)
        | Command::ImageList
        | Command::ImageDelete(_)
        | Command::ConsoleRead(_)
        | Command::ConsoleWrite(_)
        | Command::ConsoleAttach(_) => matches!(role, Role::Operator),
    }
}

/// Counts connections, so that nobody takes them all.
#[derive(Debug)]
pub struct Gate {
    total: usize,
    per_observer: usize,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    count: usize,
    by_observer: HashMap<u32, usize>,
}

impl Gate {
    /// A gate with the limits of the configuration.
    pub fn new(limits: &Limits) -> Arc<Self> {
        let (total, per_observer) = (limits.connections, limits.connections_per_observer);
        Arc::new(Self { total, per_observer, open: Mutex::default() })
    }

    /// Lets a peer in until the pass is dropped; the refusal names the limit.
    ///
    /// # Errors
    /// The rule in words. Root (and vmand's own user) is always let in, so that a full house can be cleared.
    pub fn admit(self: &Arc<Self>, peer: &Peer) -> Result<Pass, String> {
        let mut open = self.lock();
        if open.count >= self.total && peer.confined {
            return Err(format!("There are {} connections, the limit (limits.connections)", open.count));
        }
        let observer = (peer.role == Role::Observer).then_some(peer.uid);
        if let Some(uid) = observer {
            let count = open.by_observer.entry(uid).or_default();
            if *count >= self.per_observer {
                let limit = self.per_observer;
                return Err(format!(
                    "User {uid} has {limit} connections, the limit (limits.connections_per_observer)"
                ));
            }
            *count += 1;
        }
        open.count += 1;
        Ok(Pass { gate: Arc::clone(self), observer })
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that the [`Gate`] has let in.
#[derive(Debug)]
pub struct Pass {
    gate: Arc<Gate>,
    observer: Option<u32>,
}

impl Drop for Pass {
    fn drop(&mut self) {
        let mut open = self.gate.lock();
        open.count -= 1;
        let Some(uid) = self.observer else { return };
        if let Entry::Occupied(mut entry) = open.by_observer.entry(uid) {
            *entry.get_mut() -= 1;
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(uid: u32, role: Role) -> Peer {
        Peer { uid, pid: 1, role, confined: uid != 0 }
    }

    #[test]
    fn observer_is_refused_at_its_limit_and_let_in_again() {
        let limits = Limits { connections_per_observer: 2, ..Limits::default() };
        let gate = Gate::new(&limits);
        let observer = peer(1000, Role::Observer);
        let first = gate.admit(&observer).unwrap();
        let _second = gate.admit(&observer).unwrap();
        assert!(gate.admit(&observer).unwrap_err().contains("User 1000 has 2 connections"));
        assert!(gate.admit(&peer(1001, Role::Observer)).is_ok());
        drop(first);
        assert!(gate.admit(&observer).is_ok());
    }

    #[test]
    fn full_house_still_lets_root_in() {
        let gate = Gate::new(&Limits { connections: 1, ..Limits::default() });
        let _one = gate.admit(&peer(1000, Role::Operator)).unwrap();
        assert!(gate.admit(&peer(1000, Role::Operator)).is_err());
        assert!(gate.admit(&peer(0, Role::Operator)).is_ok());
    }
}
