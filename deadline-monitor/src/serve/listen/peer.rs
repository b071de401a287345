//! Who is at the other end of the Unix socket.

use std::ffi::CString;
use std::io;

use nix::unistd::{Gid, Group, Uid, User, getgrouplist};
use tokio::net::UnixStream;

use crate::serve::engine::Owner;

/// Who may do everything: root, the user that the daemon runs as, and the members of a group.
#[derive(Debug, Clone, Copy)]
pub struct Admins {
    group: Option<Gid>,
    daemon: Uid,
}

impl Admins {
    /// With the members of `group`, if there is one of that name.
    pub fn new(group: Option<&str>) -> Admins {
        let found = group.and_then(|name| Group::from_name(name).ok().flatten());
        if let (Some(name), None) = (group, &found) {
            tracing::warn!(group = name, "There is no such group: only root may do everything");
        }
        Admins { group: found.map(|group| group.gid), daemon: Uid::effective() }
    }

    /// The user who connected, as the kernel says.
    ///
    /// # Errors
    /// The kernel does not say.
    pub fn owner(&self, stream: &UnixStream) -> io::Result<Owner> {
        let credentials = stream.peer_cred()?;
        let uid = Uid::from_raw(credentials.uid());
        let privileged = uid.is_root() || uid == self.daemon || self.is_member(uid, credentials.gid());
        Ok(Owner { uid: credentials.uid(), privileged })
    }

    /// By the group that the peer runs under, or those that its user is in.
    fn is_member(&self, uid: Uid, gid: u32) -> bool {
        let Some(group) = self.group else { return false };
        if group.as_raw() == gid {
            return true;
        }
        let Ok(Some(user)) = User::from_uid(uid) else { return false };
        let name = CString::new(user.name).unwrap_or_default();
        getgrouplist(&name, user.gid).is_ok_and(|groups| groups.contains(&group))
    }
}
