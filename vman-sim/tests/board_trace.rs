//! The calls that the kernel driver made on the emulated board get the same answers from the simulated one.
//!
//! `tests/vectors/board-trace.jsonl` is `/sys/kernel/debug/vmanager/trace` of a management partition in which
//! `board-suite` created, deployed, suspended, rebooted, halted and destroyed partitions with Debian's kernel.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

#[test]
fn simulator_answers_what_the_board_answered() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors/board-trace.jsonl");
    let trace = BufReader::new(File::open(path).unwrap());
    let replayed = vman_sim::replay(trace).unwrap_or_else(|error| panic!("{error}"));
    assert!(replayed.compared > 100 && replayed.compared <= replayed.calls, "{replayed:?}");
}
