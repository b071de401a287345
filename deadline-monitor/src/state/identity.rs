//! Which run of the machine this is.

use std::fs;
use std::path::Path;

/// A number that changes when the machine starts again; empty if the kernel does not tell.
pub fn boot_id(procfs: &Path) -> String {
    let text = fs::read_to_string(procfs.join("sys/kernel/random/boot_id")).unwrap_or_default();
    text.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boot_has_a_number() {
        assert_eq!(boot_id("/proc".as_ref()).len(), 36);
    }
}
