//! `slice-agent`: policies that share CPU between network slices, judged.

use std::process::ExitCode;

use anstream::eprintln;

mod cli;

fn main() -> ExitCode {
    match cli::run() {
        Ok(()) => ExitCode::SUCCESS,
        // As a shell tells of a program that SIGINT ended.
        Err(error) if error.is::<cli::Interrupted>() => ExitCode::from(130),
        Err(error) => {
            eprintln!("slice-agent: {}", cli::chain(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}
