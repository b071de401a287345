//! The guest stage: deadline-monitor's kernel tests in a virtual machine with control groups of version 2.

use crate::check::cargo;
use crate::stage::Recorder;

/// Runs the stage.
pub(super) fn run(recorder: &mut Recorder) {
    let mut test = cargo("xtask");
    recorder.tests("deadline-monitor in a guest", test.args(["guest", "--yes"]));
}
