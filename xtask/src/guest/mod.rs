//! A virtual machine of this machine's own architecture with Debian's newer kernel: where deadline-monitor meets what
//! many machines have and some builders lack, control groups of version 2 with the cpu controller, and where it runs
//! inside a virtual machine itself.
//!
//! The programs are those of the machine, with the libraries that they are linked to; the tests are deadline-monitor's
//! own, the same that run outside.

mod system;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use cargo_metadata::Message;
use clap::Args;

use crate::check::cargo;
use crate::setup::{self, packages::Need};
use crate::{assets, process, workspace};

/// What `guest` takes.
#[derive(Debug, Args)]
pub struct GuestArgs {
    /// Only these test programs of deadline-monitor: kernel, quota, refusals, cli, daemon.
    names: Vec<String>,
    /// Install missing packages without asking.
    #[arg(long)]
    pub yes: bool,
}

/// Test programs that need nothing but the kernel, a shell and busybox.
const TESTS: [&str; 5] = ["kernel", "quota", "refusals", "cli", "daemon"];
/// Tests that the emulator's speed, or the missing tools of the guest, make meaningless there.
const LEFT_OUT: [&str; 6] = [
    "the_experiment_runs_on_the_kernel",
    "more_targets_than_files_are_monitored_and_given_back",
    "ten_thousand_targets_with_1024_files_are_observed",
    "promtool_finds_nothing_wrong_with_the_metrics",
    "a_real_prometheus_scrapes_the_daemon",
    "the_interface_answers_as_its_openapi_document_says",
];
/// What the daemon's tests read, from the workspace.
const FILES: [&str; 2] =
    ["deadline-monitor/tests/daemon/certificate.pem", "deadline-monitor/tests/daemon/key.pem"];
/// QEMU 7.2 with a thread for each CPU now and then loses a race against a kernel that patches its own code (seen: an int3
/// of a static key that nobody owned). A test that fails is no such case.
const ATTEMPTS: u32 = 3;
/// Far above what it takes.
const LIMIT: Duration = Duration::from_secs(900);

/// Runs the tests in the guest; their output is as outside.
///
/// # Errors
/// Something cannot be built or fetched, or a test fails.
pub fn run(args: &GuestArgs) -> Result<()> {
    setup::ensure(&[Need::Guest], args.yes)?;
    let names: Vec<_> =
        if args.names.is_empty() { TESTS.map(str::to_owned).to_vec() } else { args.names.clone() };
    let programs = build(&names)?;
    let kernel = assets::guest_kernel()?;
    let directory = workspace::target_dir().join("guest");
    fs::create_dir_all(&directory).with_context(|| format!("Cannot create {}", directory.display()))?;
    let archive = directory.join("initramfs.cpio");
    system::pack(&programs, &FILES.map(|file| workspace::root().join(file)), &LEFT_OUT, &archive)?;
    println!("guest: Linux {}, {}", kernel.release, names.join(", "));
    for attempt in 1..=ATTEMPTS {
        match boot(&mut qemu(&kernel.image, &archive))? {
            Outcome::Passed => return Ok(()),
            Outcome::Failed => break,
            Outcome::Panicked => println!("The guest's kernel panicked (attempt {attempt} of {ATTEMPTS})"),
        }
    }
    bail!("The guest did not say {}", system::PASSED);
}

/// How a guest ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Passed,
    Failed,
    /// Its kernel, which is Debian's own, did not survive the emulator.
    Panicked,
}

fn boot(qemu: &mut Command) -> Result<Outcome> {
    let mut outcome = Outcome::Failed;
    process::each_line_within(qemu, LIMIT, |line| {
        if line.trim() == system::PASSED {
            outcome = Outcome::Passed;
        } else if line.contains("Kernel panic - not syncing") {
            outcome = Outcome::Panicked;
        }
        // What firmware and boot loader print is for a real screen.
        println!("{}", line.trim_start_matches('\u{1b}'));
    })?;
    Ok(outcome)
}

/// deadline-monitor and the test programs, by the places where the tests look for them.
fn build(names: &[String]) -> Result<Vec<(PathBuf, bool)>> {
    let mut command = cargo("test");
    command.args(["--package", "deadline-monitor", "--no-run", "--message-format=json"]);
    for name in names {
        command.args(["--test", name]);
    }
    let text = process::read(&mut command)?;
    let mut programs = Vec::new();
    for message in Message::parse_stream(text.as_bytes()) {
        if let Message::CompilerArtifact(artifact) = message?
            && let Some(program) = artifact.executable
        {
            let is_test = names.contains(&artifact.target.name);
            if is_test || artifact.target.name == "deadline-monitor" {
                programs.push((program.into_std_path_buf(), is_test));
            }
        }
    }
    if programs.iter().filter(|program| program.1).count() != names.len() {
        bail!("deadline-monitor has no test programs of all these names: {}", names.join(", "));
    }
    Ok(programs)
}

/// Emulated, so that it runs everywhere; two CPUs, as the reservations are for. Without CMPXCHG16B: under
/// QEMU 7.2 the flags are now and then lost after one (RFLAGS holds bits of RAX), and the guest's kernel double-faults.
fn qemu(kernel: &Path, archive: &Path) -> Command {
    let (program, machine, console) = match std::env::consts::ARCH {
        "aarch64" => ("qemu-system-aarch64", "virt", "ttyAMA0"),
        _ => ("qemu-system-x86_64", "q35", "ttyS0"),
    };
    let cpu = if machine == "virt" { "max" } else { "max,-cx16" };
    let mut qemu = Command::new(program);
    qemu.args(["-machine", machine, "-accel", "tcg,thread=multi", "-cpu", cpu, "-smp", "2", "-m", "1024"]);
    qemu.args(["-nographic", "-nic", "none", "-no-reboot", "-kernel"])
        .arg(kernel)
        .arg("-initrd")
        .arg(archive);
    qemu.args(["-append", &format!("console={console} quiet panic=-1")]);
    qemu
}
