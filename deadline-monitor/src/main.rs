//! `deadline-monitor`: budgets that fit, from the command line.

mod cli;

use std::process::ExitCode;

use anstream::eprintln;
use clap::Parser;

fn main() -> ExitCode {
    match cli::Cli::parse().run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("deadline-monitor: {}", cli::chain(&*error));
            ExitCode::FAILURE
        }
    }
}
