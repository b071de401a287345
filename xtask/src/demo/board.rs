//! The life of a partition on the emulated ARMv8 board, through the same vmand and vmanctl as on the simulated one.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::DemoArgs;
use super::transcript::Transcript;
use crate::apt::Series;
use crate::board::{self, Job};
use crate::setup::{self, packages::Need};

/// Emulation on a loaded machine is slow; half a minute is usual.
const LIMIT: Duration = Duration::from_secs(300);
/// How the script on the board begins its lines for people, and its last ones.
const SAYS: &str = "DEMO ";
const END: &str = "DEMO-END";
const FAILED: &str = "DEMO-FAILED ";

/// Shows it.
///
/// # Errors
/// A part of the board cannot be built, or a step fails on it; the error names the logs.
pub(super) fn run(args: &DemoArgs) -> Result<()> {
    setup::ensure(&[Need::Board], args.yes)?;
    let kernel = match &args.kernel {
        Some(file) => {
            Some(file.canonicalize().with_context(|| format!("Cannot find the kernel {}", file.display()))?)
        }
        None => None,
    };
    eprintln!("  build   firmware, vmanager.ko, vmand, vmanctl, libvman, the management partition's system");
    let machine = board::assemble(&Job::Demo(kernel), board::default_cpu(), Series::Stable)?;
    let mut transcript = Transcript::new("Partitions of an ARMv8 server, on an emulated board");
    transcript
        .note("QEMU boots: EL3 firmware, EL2 isolation layer, Debian's arm64 kernel as management partition");
    let mut show = Show { transcript, begun: Instant::now() };
    let mut console = Vec::new();
    let ended = machine.run(LIMIT, |line| {
        if let Some(said) = line.strip_prefix(SAYS) {
            show.line(said);
        }
        console.push(line.to_owned());
    });
    if ended.is_ok() && console.iter().any(|line| line == END) {
        show.transcript.finish();
        return Ok(());
    }
    let log = machine.device_tree.with_file_name("demo.log");
    fs::write(&log, console.join("\n")).with_context(|| format!("Cannot write {}", log.display()))?;
    let why = console.iter().find_map(|line| line.strip_prefix(FAILED)).unwrap_or("the board stopped early");
    let logs = format!("console: {}, firmware: {}", log.display(), machine.firmware_log().display());
    match ended {
        Err(error) => Err(error.context(logs)),
        Ok(()) => bail!("{why}; {logs}"),
    }
}

/// What the script says, as it says it.
struct Show {
    transcript: Transcript,
    /// When the step began that is under way.
    begun: Instant,
}

impl Show {
    /// A line of the script: a mark and the rest.
    fn line(&mut self, said: &str) {
        let (mark, rest) = said.split_once(' ').unwrap_or((said, ""));
        match mark {
            "#" => self.transcript.chapter(rest),
            "~" => self.transcript.note(rest),
            "$" => {
                self.begun = Instant::now();
                self.transcript.command(rest);
            }
            "@" => self.begun = Instant::now(),
            "|" => self.transcript.output(rest),
            "=" => {
                let (name, state) = rest.split_once('|').unwrap_or((rest, "done"));
                self.transcript.done(name, state, self.begun.elapsed());
            }
            _ => self.transcript.output(said),
        }
    }
}
