//! The board stage: the suite of `tests/board` in the management partition of the emulated board.

use std::process::Command;

use super::Depth;
use crate::stage::Recorder;

/// Runs the stage. The runner is this program itself, so that the stage can stop it and count what it prints.
pub(super) fn run(recorder: &mut Recorder, _depth: Depth) {
    match std::env::current_exe() {
        Ok(program) => recorder.tests("suite", Command::new(program).args(["board", "test"])),
        Err(error) => recorder.check("suite", || Err(error.into())),
    }
}
