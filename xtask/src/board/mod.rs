//! `cargo xtask board`: the emulated ARMv8 board — firmware, management partition with its Linux, and partitions.
//!
//! QEMU stands for the board. The firmware is built from `firmware/qemu-virt`, the kernel is Debian's, unmodified; the
//! root file system of the management partition is made here and holds nothing that the repository does not name.

pub mod bench;
mod console;
mod device_tree;
mod dkms;
mod firmware;
mod host_test;
pub mod initramfs;
#[allow(dead_code, unreachable_pub, reason = "the firmware uses the rest of it")]
#[path = "../../../firmware/qemu-virt/src/memory_map.rs"]
mod memory_map;
pub mod module;
mod qemu;
mod report;
mod session;
mod stream;
pub mod userspace;

use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};

use crate::apt::Series;
use crate::setup::{self, packages::Need};
use crate::{assets, process, workspace};

use firmware::Variant;
use initramfs::Extras;
pub use qemu::{Machine, Time};
pub use report::Report;
pub use session::Session;

/// The longest time that the tests on the board may take: emulation on a loaded machine is slow.
const TEST_LIMIT: Duration = Duration::from_secs(1200);

/// The same for the positive controls.
const CONTROLS_LIMIT: Duration = Duration::from_secs(300);

/// Stands for every case of the suite.
const ALL: &str = "--all";
/// The program of the tests, from `tests/board`.
const SUITE: &str = "board-suite";
const TEST_SCRIPT: &str = include_str!("test.sh");
const VMANCTL_SCRIPT: &str = include_str!("vmanctl-test.sh");
/// Command line of the management partition's kernel. Without an early console a kernel that stops early says nothing.
const COMMAND_LINE: &str = "console=ttyAMA0 earlycon=pl011,0x9000000 panic=-1 loglevel=4";

/// What `board` takes.
#[derive(Debug, Args)]
pub struct BoardArgs {
    #[command(subcommand)]
    job: BoardJob,
    /// CPU model of the emulated board.
    #[arg(long, default_value = memory_map::QEMU_CPU, global = true)]
    cpu: String,
    /// Series of Debian whose kernel runs.
    #[arg(long, value_enum, default_value_t, global = true)]
    kernel_series: Series,
    /// Install missing packages without asking.
    #[arg(long, global = true)]
    yes: bool,
}

#[derive(Debug, Subcommand)]
enum BoardJob {
    /// Boot the board in the background, wait until its vmand answers, and tell how to talk to it.
    Up,
    /// End the board that runs in the background.
    Down,
    /// The terminal as the console of its management partition.
    Console,
    /// Boot the board to a shell of the management partition in this terminal (leave with `poweroff -f`, or Ctrl-A X).
    Shell,
    /// Drive the board from the host through its one socket: vmanctl, image upload, the C example.
    TestHost,
    /// Run the life cycle of partitions on the board.
    Test {
        /// Only these tests.
        names: Vec<String>,
        /// The positive controls of the negative tests instead, on firmware that lets itself be weakened.
        #[arg(long, conflicts_with = "names")]
        controls: bool,
        /// Only the suite of firmware and driver, not those of vman-core's devices, vmand and vmanctl.
        #[arg(long, conflicts_with_all = ["names", "controls"])]
        suite: bool,
    },
    /// Build the kernel driver with DKMS against Debian's headers of both kernels.
    Dkms,
    /// Build the firmware and print the sizes of its images.
    Firmware,
}

/// What the management partition does after it has booted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Job {
    /// Gives a shell, with vmand running.
    Shell,
    /// Runs these tests, or all, then turns the board off.
    Test(Vec<String>),
    /// Runs the positive controls on weakened firmware, then turns the board off.
    Controls,
    /// Measures, then turns the board off.
    Figures(Time),
    /// Shows the life of a partition with this kernel, or Debian's, then turns the board off.
    Demo(Option<PathBuf>),
}

/// What [`Job::Demo`] does on the board.
const DEMO: &str = include_str!("demo.sh");

impl Job {
    fn extras(&self) -> Result<Extras> {
        Ok(match self {
            Self::Shell => Extras::default(),
            Self::Test(names) => tests(names)?,
            Self::Controls => suite("--controls")?,
            Self::Figures(Time::Wall) => suite("--figures-wall")?,
            Self::Figures(Time::Counted) => suite("--figures-counted")?,
            Self::Demo(kernel) => Extras {
                script: Some(DEMO.to_owned()),
                programs: vec![(initramfs::path::LIFE_CYCLE, userspace::life_cycle()?)],
                guest_kernel: kernel.clone(),
                ..Extras::default()
            },
        })
    }
}

/// What runs these tests, or all.
fn tests(names: &[String]) -> Result<Extras> {
    let whole = names.is_empty();
    let mut programs = payloads()?;
    programs.push((initramfs::path::IOCTL_TEST, userspace::ioctl_test()?));
    if whole {
        programs.push((initramfs::path::DEVICE_SUITE, userspace::device_suite()?));
    }
    Ok(Extras {
        script: Some(format!("#!/bin/sh\nboard-test {}\n", names.join(" "))),
        crates: vec![SUITE],
        programs,
        scripts: vec![("board-test", TEST_SCRIPT), ("vmanctl-test", VMANCTL_SCRIPT)],
        bare: !whole,
        guest_kernel: None,
    })
}

fn payloads() -> Result<Vec<(&'static str, PathBuf)>> {
    let [hostile, critical] = firmware::payloads()?;
    Ok(vec![(initramfs::path::HOSTILE, hostile), (initramfs::path::CRITICAL, critical)])
}

/// What runs one part of the suite.
fn suite(part: &str) -> Result<Extras> {
    Ok(Extras {
        script: Some(format!("#!/bin/sh\n{SUITE} {part}\n")),
        crates: vec![SUITE],
        programs: payloads()?,
        bare: true,
        ..Extras::default()
    })
}

/// Does the job.
///
/// # Errors
/// Something that the board is made of cannot be built or fetched, or QEMU fails.
pub fn run(args: &BoardArgs) -> Result<ExitCode> {
    match args.job {
        BoardJob::Down => return down(),
        BoardJob::Console => {
            return console::attach(&Session::open()?.console_socket()).map(|()| ExitCode::SUCCESS);
        }
        BoardJob::Up
        | BoardJob::Shell
        | BoardJob::Test { .. }
        | BoardJob::TestHost
        | BoardJob::Dkms
        | BoardJob::Firmware => {
            setup::ensure(&[Need::Board], args.yes)?;
        }
    }
    let assemble = |job| assemble(&job, &args.cpu, args.kernel_series);
    let success = match &args.job {
        BoardJob::Down | BoardJob::Console => true,
        BoardJob::Dkms => dkms::test()?,
        BoardJob::Firmware => firmware::build(Variant::Shipped).map(|_| true)?,
        BoardJob::Up => up(&assemble(Job::Shell)?).map(|()| true)?,
        BoardJob::Shell => assemble(Job::Shell)?.interactive().map(|()| true)?,
        BoardJob::TestHost => host_test::run(&assemble(Job::Shell)?, args.kernel_series)?,
        BoardJob::Test { controls: true, .. } => test(&assemble(Job::Controls)?, CONTROLS_LIMIT)?,
        BoardJob::Test { suite: true, .. } => test(&assemble(Job::Test(vec![ALL.to_owned()]))?, TEST_LIMIT)?,
        BoardJob::Test { names, .. } => test(&assemble(Job::Test(names.clone()))?, TEST_LIMIT)?,
    };
    Ok(if success { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn up(machine: &Machine) -> Result<()> {
    let session = Session::open()?;
    eprintln!("  boot    firmware, management partition, vmand");
    session.up(machine)?;
    let vmanctl = session::host_program("vmanctl")?;
    println!("The board is up. Talk to it:");
    println!("  {} --socket {} host", vmanctl.display(), session.socket().display());
    println!("  cargo xtask board console     the management partition's shell");
    println!("  cargo xtask board down        ends it");
    let initramfs = session::guest_initramfs()?;
    println!("Kernel and initramfs for a partition:");
    println!("  {}", machine.kernel.display());
    println!("  {}", initramfs.display());
    println!("libvirt on it:");
    let socket = session.socket();
    println!("  cargo xtask demo libvirt --vmand {} --initrd {}", socket.display(), initramfs.display());
    Ok(())
}

fn down() -> Result<ExitCode> {
    let session = Session::open()?;
    if !session.is_up() {
        println!("No board runs");
    }
    session.down()?;
    Ok(ExitCode::SUCCESS)
}

/// The CPU model that is emulated unless another one is asked for.
pub const fn default_cpu() -> &'static str {
    memory_map::QEMU_CPU
}

/// Builds everything that the board is made of.
///
/// # Errors
/// A part cannot be built or fetched.
pub fn assemble(job: &Job, cpu: &str, series: Series) -> Result<Machine> {
    // The counted figures include calls that only weakened firmware takes from a partition.
    let weakened = matches!(job, Job::Controls | Job::Figures(Time::Counted));
    let variant = if weakened { Variant::Weakened } else { Variant::Shipped };
    let firmware = firmware::build(variant)?;
    let kernel = assets::kernel(series)?;
    let initramfs = directory()?.join("initramfs.cpio");
    initramfs::management(series, &job.extras()?, &initramfs)?;
    let initramfs_size = fs::metadata(&initramfs)?.len();
    let blank = qemu::device_tree(cpu, &firmware)?;
    let tree = device_tree::for_management(&blank, initramfs_size, COMMAND_LINE)?;
    let tree = write("management.dtb", &tree)?;
    let time = if matches!(job, Job::Figures(Time::Counted)) { Time::Counted } else { Time::Wall };
    Ok(Machine { cpu: cpu.to_owned(), firmware, kernel: kernel.image, device_tree: tree, initramfs, time })
}

/// Runs the tests on the board and prints their results; tells whether all passed.
fn test(machine: &Machine, limit: Duration) -> Result<bool> {
    let mut report = Report::default();
    let run = machine.run(limit, |line| {
        if let Some(result) = report.line(line) {
            println!("{result}");
        }
    });
    if !report.trace().is_empty() {
        let replayed = replay(report.trace());
        println!("{}", report.own_check("trace_replays_equally_on_the_simulated_board", replayed));
    }
    let failure = report.failure(run.err());
    if let Some(why) = &failure {
        report.print_log(&machine.firmware_log());
        println!("FAILED: {why}");
    }
    println!("{}", report.closing_line());
    Ok(failure.is_none())
}

/// Makes the board's calls of the firmware again, on the simulated board: it must answer them alike.
fn replay(trace: &str) -> Result<()> {
    let trace = write("trace.jsonl", trace.as_bytes())?;
    let mut cargo = Command::new(workspace::cargo());
    cargo.args(["run", "--quiet", "--package", "vman-sim", "--", "replay"]).arg(&trace);
    process::read(cargo.current_dir(workspace::root())).map(drop)
}

/// Folder of everything that is made for the board.
fn directory() -> Result<PathBuf> {
    let directory = workspace::target_dir().join("board");
    fs::create_dir_all(&directory).with_context(|| format!("Cannot create {}", directory.display()))?;
    Ok(directory)
}

fn write(name: &str, content: &[u8]) -> Result<PathBuf> {
    let path = directory()?.join(name);
    fs::write(&path, content).with_context(|| format!("Cannot write {}", path.display()))?;
    Ok(path)
}
