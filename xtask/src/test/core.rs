//! The core stage: the tests of the workspace, of the C ABI, and the guards.

use std::process::Command;

use crate::check::cargo;
use crate::stage::Recorder;
use crate::workspace;

use super::Depth;

/// Cases of each property test in a full run.
const FULL_PROPTEST_CASES: &str = "20000";

/// Seconds for each fuzz target, in CI and in a full run.
const FUZZ_SECONDS: u64 = 5;
const FULL_FUZZ_SECONDS: u64 = 600;

/// Runs the stage.
pub(super) fn run(recorder: &mut Recorder, depth: Depth) {
    workspace_tests(recorder, depth);
    if depth > Depth::Quick {
        fuzz(recorder, if depth == Depth::Full { FULL_FUZZ_SECONDS } else { FUZZ_SECONDS });
    }
}

/// Every test of every crate. `--show-output` lets the runner see tests that say SKIPPED and pass.
fn workspace_tests(recorder: &mut Recorder, depth: Depth) {
    let mut test = cargo("test");
    test.args(["--workspace", "--no-fail-fast", "--", "--show-output"]);
    if depth == Depth::Full {
        test.arg("--include-ignored").env("PROPTEST_CASES", FULL_PROPTEST_CASES);
    }
    recorder.tests("cargo test", &mut test);
}

/// Seeds of the fuzz targets replayed, then each target driven for some seconds.
fn fuzz(recorder: &mut Recorder, seconds: u64) {
    let fuzz = workspace::root().join("fuzz");
    if fuzz.join("run.sh").is_file() {
        let target = workspace::target_dir().join("fuzz");
        let mut seeds = cargo("test");
        seeds.env("CARGO_TARGET_DIR", &target).arg("--manifest-path").arg(fuzz.join("Cargo.toml"));
        recorder.tests("fuzz seeds", &mut seeds);
        let mut run = Command::new(fuzz.join("run.sh"));
        run.env("CARGO_TARGET_DIR", &target).arg(seconds.to_string());
        recorder.shown_program("fuzz", &mut run);
    }
}
