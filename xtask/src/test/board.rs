//! The board stage: firmware, kernel driver and daemon together on the emulated ARMv8 board.

use crate::apt::Series;
use crate::check::cargo;
use crate::stage::Recorder;

use super::Depth;

/// Runs the stage: Debian's kernel of the release, in a full run also the backported one.
pub(super) fn run(recorder: &mut Recorder, depth: Depth) {
    let mut series = vec![Series::Stable];
    if depth == Depth::Full {
        series.push(Series::Backports);
    }
    for series in series {
        let mut test = cargo("xtask");
        test.args(["board", "test", "--yes", "--kernel-series", series.name()]);
        recorder.tests(&format!("board test, kernel {}", series.name()), &mut test);
    }
}
