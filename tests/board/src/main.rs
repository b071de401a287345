//! Tests that run in the management partition of a board, on `/dev/vmanager` and the real firmware. Each prints
//! `T NAME ok DETAIL` or `T NAME fail WHY`; `T-END N` closes the run.

mod bench;
mod cases;
mod guest;
mod linux;
mod show;

use std::process::ExitCode;
use std::time::Instant;

use bench::Bench;

fn main() -> ExitCode {
    let job = std::env::args().nth(1);
    match job.as_deref() {
        Some("test") => test(),
        Some("demo") => match Bench::open().and_then(|bench| show::life_of_a_partition(&bench)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(why) => {
                println!("DEMO-FAILED {why}");
                ExitCode::FAILURE
            }
        },
        _ => {
            eprintln!("usage: board-tests test|demo");
            ExitCode::from(2)
        }
    }
}

/// Runs every case, each on a board without partitions.
fn test() -> ExitCode {
    let mut failed = 0;
    for case in cases::ALL {
        let begin = Instant::now();
        let result = Bench::open().and_then(|bench| {
            let result = (case.run)(&bench);
            let cleaned = bench.destroy_all();
            result.and_then(|detail| cleaned.map(|()| detail))
        });
        let seconds = begin.elapsed().as_secs_f64();
        match result {
            Ok(detail) => println!("T {} ok {seconds:.1} s {detail}", case.name),
            Err(why) => {
                failed += 1;
                println!("T {} fail {why}", case.name);
            }
        }
    }
    println!("T-END {}", cases::ALL.len());
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
