//! The board stage: firmware, kernel driver and daemon together on the emulated ARMv8 board.

use crate::check::cargo;
use crate::stage::Recorder;

/// What runs, by name: everything on the kernel of the release; firmware and driver on the backported one too; the
/// negative tests' positive controls; the driver as DKMS builds it; the host's clients through the relay.
const RUNS: [(&str, &[&str]); 5] = [
    ("board test, kernel stable", &["test", "--kernel-series", "stable"]),
    ("board test, kernel backports", &["test", "--kernel-series", "backports", "--suite"]),
    ("board test, positive controls", &["test", "--controls"]),
    ("driver built by DKMS", &["dkms"]),
    ("board driven by the host's clients", &["test-host"]),
];

/// Runs the stage.
pub(super) fn run(recorder: &mut Recorder) {
    for (name, arguments) in RUNS {
        let mut test = cargo("xtask");
        test.args(["board", "--yes"]).args(arguments);
        recorder.tests(name, &mut test);
    }
}
