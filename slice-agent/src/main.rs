//! `slice-agent`: policies that share CPU between network slices, judged.

use std::process::ExitCode;

use anstream::eprintln;

mod cli;

fn main() -> ExitCode {
    match cli::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("slice-agent: {}", cli::chain(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}
