//! Who a thread is, beyond its number.

use std::fs;
use std::path::Path;

use crate::sched::Tid;

/// Place of the start time among the fields behind the name in `/proc/TID/stat`.
const START_TIME: usize = 19;

/// When the thread began, in clock ticks since the machine started; `None` if it has ended. Together with the id this
/// names a thread for as long as the machine runs.
pub fn start_time(procfs: &Path, tid: Tid) -> Option<u64> {
    let stat = fs::read_to_string(procfs.join(tid.to_string()).join("stat")).ok()?;
    // The name may hold spaces and parentheses; what follows its last one does not.
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_ascii_whitespace().nth(START_TIME)?.parse().ok()
}

/// A number that changes when the machine starts again; empty if the kernel does not tell.
pub fn boot_id(procfs: &Path) -> String {
    let text = fs::read_to_string(procfs.join("sys/kernel/random/boot_id")).unwrap_or_default();
    text.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_keeps_its_start_time_and_a_later_one_has_another() {
        let procfs = Path::new("/proc");
        let own = Tid(std::process::id());
        let mut child = std::process::Command::new("sleep").arg("100").spawn().unwrap();
        assert_eq!(start_time(procfs, own), start_time(procfs, own));
        assert!(start_time(procfs, own).unwrap() <= start_time(procfs, Tid(child.id())).unwrap());
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(start_time(procfs, Tid(child.id())), None);
    }

    #[test]
    fn names_with_spaces_and_parentheses_are_read_over() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("7")).unwrap();
        let numbers: Vec<_> = (3..=52).map(|field| field.to_string()).collect();
        fs::write(root.path().join("7/stat"), format!("7 (a) b (c) {}\n", numbers.join(" "))).unwrap();
        assert_eq!(start_time(root.path(), Tid(7)), Some(22));
    }

    #[test]
    fn the_boot_has_a_number() {
        assert_eq!(boot_id("/proc".as_ref()).len(), 36);
    }
}
