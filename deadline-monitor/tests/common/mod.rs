//! What the tests on the real kernel share.

use std::fs::File;

/// The right to give reservations. The kernel's accounts are one for the whole machine, so tests take turns: also those
/// of other programs and of other working copies.
#[derive(Debug)]
pub struct Turn(#[allow(dead_code, reason = "held, and unlocked when it goes")] File);

impl Turn {
    /// Waits for the turn.
    pub fn take() -> Turn {
        let path = std::env::temp_dir().join("deadline-monitor-tests.lock");
        let file =
            File::options().create(true).append(true).open(path).expect("temporary directory is writable");
        file.lock().expect("files can be locked");
        Turn(file)
    }
}
