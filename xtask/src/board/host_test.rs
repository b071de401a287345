//! The host's vmanctl and C example drive the board through its one socket, unchanged.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::qemu::Machine;
use super::report::Report;
use super::session::{Session, guest_initramfs, host_library, host_program};
use crate::apt::Series;
use crate::demo::link_with_libvman;
use crate::{assets, process};

/// Emulation on a loaded machine is slow.
const GUEST_LIMIT: Duration = Duration::from_secs(240);
const PAUSE: Duration = Duration::from_millis(500);
const COMMAND_LINE: &str = "console=ttyAMA0 earlycon=pl011,0x9000000 loglevel=7 panic=-1";

type Case = (&'static str, fn(&Host) -> Result<()>);

/// In this order: one boot for all.
const CASES: [Case; 4] = [
    ("hosts_vmanctl_sees_the_board", sees_the_board),
    ("hosts_files_are_uploaded_and_the_partition_boots", boots_an_uploaded_kernel),
    ("hosts_vmanctl_stops_and_destroys", stops_and_destroys),
    ("hosts_c_program_drives_the_board_unchanged", c_program),
];

/// What the cases need.
struct Host {
    session: Session,
    series: Series,
}

/// Boots the board, runs the cases from this side, ends the board; tells whether all passed.
///
/// # Errors
/// The board does not come up or go down.
pub(super) fn run(machine: &Machine, series: Series) -> Result<bool> {
    let session = Session::open()?;
    session.up(machine)?;
    let mut report = Report::default();
    report.line(&format!("T-END {}", 0));
    let host = Host { session, series };
    for (name, case) in CASES {
        println!("{}", report.own_check(name, case(&host)));
    }
    host.session.down()?;
    let failure = report.failure(None);
    println!("{}", report.closing_line());
    Ok(failure.is_none())
}

impl Host {
    fn vmanctl(&self, words: &[&str]) -> Result<String> {
        let mut vmanctl = Command::new(host_program("vmanctl")?);
        process::read(vmanctl.arg("--socket").arg(self.session.socket()).args(words))
    }

    fn json(&self, words: &[&str]) -> Result<Value> {
        let text = self.vmanctl(&[&["--json"], words].concat())?;
        serde_json::from_str(&text).with_context(|| format!("vmanctl says no JSON: {text}"))
    }

    fn expect_state(&self, state: &str) -> Result<()> {
        let info = self.json(&["info", "far"])?;
        match info["state"] == state {
            true => Ok(()),
            false => bail!("The partition is {}, not {state}", info["state"]),
        }
    }
}

fn sees_the_board(host: &Host) -> Result<()> {
    let board = host.json(&["host"])?;
    if board["simulated"] != false {
        bail!("The board says that it is simulated: {board}");
    }
    let version = host.json(&["version"])?;
    match version.to_string().contains("\"remote\"") {
        true => Ok(()),
        false => bail!("Paths are not remote: {version}"),
    }
}

fn boots_an_uploaded_kernel(host: &Host) -> Result<()> {
    let kernel = assets::kernel(host.series)?.image;
    let initramfs = guest_initramfs()?;
    let [kernel, initramfs] = [&kernel, &initramfs].map(|path| path.to_string_lossy().into_owned());
    host.vmanctl(&["create-partition", "-cores", "1", "-memsize-mib", "256", "-name", "far"])?;
    host.vmanctl(&["deploy", "-kernel", &kernel, "-initrd", &initramfs, "-cmdline", COMMAND_LINE, "far"])?;
    host.expect_state("DEPLOYED")?;
    let begin = Instant::now();
    while !host.vmanctl(&["console", "-dump", "far"])?.contains(super::initramfs::GUEST_UP) {
        if begin.elapsed() > GUEST_LIMIT {
            bail!("The partition's console does not say {}", super::initramfs::GUEST_UP);
        }
        std::thread::sleep(PAUSE);
    }
    Ok(())
}

fn stops_and_destroys(host: &Host) -> Result<()> {
    host.vmanctl(&["suspend", "far"])?;
    host.expect_state("SUSPENDED")?;
    host.vmanctl(&["restore", "far"])?;
    host.vmanctl(&["shutdown", "far"])?;
    host.expect_state("READY")?;
    host.vmanctl(&["destroy-partition", "far"])?;
    let list = host.json(&["list"])?;
    match list["partitions"].as_array().is_some_and(Vec::is_empty) {
        true => Ok(()),
        false => bail!("The partition is still there: {list}"),
    }
}

fn c_program(host: &Host) -> Result<()> {
    host_library()?;
    let folder = tempfile::tempdir()?;
    let program = folder.path().join("life_cycle");
    process::read(link_with_libvman("bindings/c/examples/life_cycle.c").arg("-o").arg(&program))?;
    let kernel = assets::kernel(host.series)?.image;
    let output = process::read(Command::new(program).arg(host.session.socket()).arg(kernel))?;
    match output.contains("destroy") {
        true => Ok(()),
        false => bail!("The C program says: {output}"),
    }
}
