//! The life of partitions on the emulated ARMv8 board.

use std::fs;
use std::time::Duration;

use anstream::println;
use anyhow::{Context, Result, bail};

use super::DemoArgs;
use super::transcript::Transcript;
use crate::apt::Series;
use crate::board::{self, Job};
use crate::setup::{self, packages::Need};

/// Emulation on a loaded machine is slow; half a minute is usual.
const LIMIT: Duration = Duration::from_secs(300);
/// How the program on the board begins its lines, and its last one.
const SAYS: &str = "DEMO ";
const END: &str = "DEMO-END";
const FAILED: &str = "DEMO-FAILED ";

/// Shows it.
///
/// # Errors
/// A part of the board cannot be built, or a step fails on it; the error names the logs.
pub(super) fn run(args: &DemoArgs) -> Result<()> {
    setup::ensure(&[Need::Board], args.yes)?;
    let mut transcript = Transcript::new("Partitions of an ARMv8 server, on an emulated board");
    transcript.note("Building firmware, kernel driver and the management partition's system");
    let mut machine = board::assemble(&Job::Demo, board::default_cpu(), Series::Stable)?;
    if let Some(kernel) = &args.kernel {
        machine.kernel.clone_from(kernel);
    }
    transcript
        .note("QEMU boots: EL3 firmware, EL2 isolation layer, Debian's arm64 kernel as management partition");
    let console = console_of(&machine)?;
    if console.iter().any(|line| line == END) {
        return Ok(());
    }
    let log = machine.device_tree.with_file_name("demo.log");
    fs::write(&log, console.join("\n")).with_context(|| format!("Cannot write {}", log.display()))?;
    let why = console.iter().find_map(|line| line.strip_prefix(FAILED)).unwrap_or("the board stopped early");
    bail!("{why}; console: {}, firmware: {}", log.display(), machine.firmware_log().display())
}

/// Runs the board, prints what its program says, and answers everything on its console.
fn console_of(machine: &board::Machine) -> Result<Vec<String>> {
    let mut console = Vec::new();
    machine.run(LIMIT, |line| {
        if let Some(text) = line.strip_prefix(SAYS) {
            println!("  {text}");
        }
        console.push(line.to_owned());
    })?;
    Ok(console)
}
