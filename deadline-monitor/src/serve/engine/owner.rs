//! On whose behalf something is done.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::sched::Tid;

/// Who asked for a target or a reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Owner {
    /// The user.
    pub uid: u32,
    /// Root and the like: may have anybody's threads monitored, without a quota.
    pub privileged: bool,
}

impl Owner {
    /// Whether what belongs to `other` may be changed.
    pub fn may_change(&self, other: &Owner) -> bool {
        self.privileged || (self.uid == other.uid && !other.privileged)
    }

    /// Whether the thread may be monitored on this one's behalf: all its user ids are the owner's, so that a program
    /// which runs with another's rights is out of reach.
    pub(super) fn may_monitor(&self, procfs: &Path, tid: Tid) -> bool {
        self.privileged || uids(procfs, tid).is_some_and(|uids| uids == [self.uid; 4])
    }
}

/// Real, effective, saved and file system user of a thread.
fn uids(procfs: &Path, tid: Tid) -> Option<[u32; 4]> {
    let status = fs::read_to_string(procfs.join(tid.to_string()).join("status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    let ids: Vec<u32> = line.split_ascii_whitespace().filter_map(|id| id.parse().ok()).collect();
    ids.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_wholly_ones_own_may_be_monitored() {
        let root = tempfile::tempdir().unwrap();
        for (tid, ids) in
            [("7", "1000\t1000\t1000\t1000"), ("8", "1000\t0\t0\t0"), ("9", "1001\t1001\t1001\t1001")]
        {
            fs::create_dir(root.path().join(tid)).unwrap();
            fs::write(root.path().join(tid).join("status"), format!("Name:\tx\nUid:\t{ids}\n")).unwrap();
        }
        let may = |owner: Owner| [7, 8, 9, 10].map(|tid| owner.may_monitor(root.path(), Tid(tid)));
        assert_eq!(may(Owner { uid: 1000, privileged: false }), [true, false, false, false]);
        assert_eq!(may(Owner { uid: 0, privileged: true }), [true; 4]);
    }

    #[test]
    fn nobody_changes_what_another_has() {
        let [a, b, root] =
            [(1, false), (2, false), (0, true)].map(|(uid, privileged)| Owner { uid, privileged });
        assert!(a.may_change(&a) && root.may_change(&a) && root.may_change(&root));
        assert!(!a.may_change(&b) && !a.may_change(&root));
    }
}
