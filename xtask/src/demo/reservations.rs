//! CPU reservations on this machine's kernel: what it allows, one program, and the source document's experiment.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::transcript::Transcript;
use crate::check::cargo;
use crate::{process, workspace};

/// How long each of the experiment's seven runs takes; all of them stay below a minute.
const LENGTH: &str = "7s";
/// How long the recording is.
const RECORDED: &str = "3s";
/// Far above what the experiment takes.
const LIMIT: Duration = Duration::from_secs(180);
/// The exit code of the program that is run under reservations, to be seen again.
const CODE: i32 = 7;

/// Shows it. Where the kernel or the rights do not allow reservations the simulator runs, and says so.
///
/// # Errors
/// A step fails.
pub(super) fn run() -> Result<()> {
    eprintln!("  build   deadline-monitor");
    process::run(cargo("build").args(["--quiet", "--package", "deadline-monitor"]))?;
    let mut transcript = Transcript::new("CPU reservations that fit");
    let works = doctor(&mut transcript)?;
    if works {
        one_program(&mut transcript)?;
    } else {
        transcript.note("No program is run under reservations: this machine does not allow them (see above)");
    }
    recording(&mut transcript)?;
    experiment(&mut transcript)?;
    transcript.finish();
    Ok(())
}

fn program() -> PathBuf {
    workspace::target_dir().join("debug/deadline-monitor")
}

/// Tells whether reservations work here.
fn doctor(transcript: &mut Transcript) -> Result<bool> {
    transcript.chapter("What this machine allows");
    let mut works = false;
    transcript.stateless_step("doctor", |transcript| {
        transcript.command("deadline-monitor doctor");
        let output = Command::new(program()).arg("doctor").output().context("Cannot run deadline-monitor")?;
        transcript.output(&String::from_utf8_lossy(&output.stdout));
        works = output.status.success();
        Ok(())
    })?;
    Ok(works)
}

fn one_program(transcript: &mut Transcript) -> Result<()> {
    transcript.chapter("A program whose need nobody knows");
    transcript.stateless_step("run", |transcript| {
        let script = format!("i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; exit {CODE}");
        transcript.command(&format!("deadline-monitor run --verbose -- sh -c '{script}'"));
        let mut command = Command::new(program());
        let output = command.args(["run", "--verbose", "--", "sh", "-c", &script]).output()?;
        transcript.output(&String::from_utf8_lossy(&output.stderr));
        match output.status.code() {
            Some(CODE) => transcript.note(&format!("its exit code, {CODE}, came through")),
            _ => bail!("The program's exit code {CODE} did not come through: {}", output.status),
        }
        Ok(())
    })
}

/// What a program uses, kept in a file, and what each policy would have made of it.
fn recording(transcript: &mut Transcript) -> Result<()> {
    transcript.chapter("A recording, and what each policy makes of it");
    transcript.stateless_step("record", |transcript| {
        let folder = workspace::target_dir().join("reservations");
        fs::create_dir_all(&folder).with_context(|| format!("Cannot create {}", folder.display()))?;
        let file = folder.join("record.jsonl");
        let script = "while :; do i=0; while [ $i -lt 5000 ]; do i=$((i+1)); done; sleep 0.08; done";
        let mut load = Command::new("sh").args(["-c", script]).spawn().context("Cannot run sh")?;
        let pid = load.id().to_string();
        transcript.command("deadline-monitor record --length 3s --pid PID --out record.jsonl");
        let recorded = Command::new(program())
            .args(["record", "--length", RECORDED, "--pid", &pid, "--out"])
            .arg(&file)
            .output();
        load.kill()?;
        load.wait()?;
        let recorded = recorded.context("Cannot run deadline-monitor")?;
        if !recorded.status.success() {
            bail!("It did not record: {}", String::from_utf8_lossy(&recorded.stderr));
        }
        transcript.command("deadline-monitor replay record.jsonl");
        process::each_line_within(Command::new(program()).arg("replay").arg(&file), LIMIT, |line| {
            transcript.output(line)
        })?;
        let picture = folder.join("record.svg");
        transcript.command("deadline-monitor plot record.jsonl --policy seed --out record.svg");
        let mut plot = Command::new(program());
        plot.arg("plot").arg(&file).args(["--policy", "seed", "--out"]).arg(&picture);
        process::each_line_within(&mut plot, LIMIT, |line| transcript.output(line))
    })
}

/// Figures 24 to 27.
fn experiment(transcript: &mut Transcript) -> Result<()> {
    transcript.chapter("The experiment of Figures 24 to 27");
    transcript.stateless_step("experiment", |transcript| {
        let plots = workspace::target_dir().join("reservations");
        let mut command = Command::new(program());
        command.args(["experiment", "--length", LENGTH, "--plots"]).arg(plots);
        transcript.command(&format!("deadline-monitor experiment --length {LENGTH} --plots DIR"));
        process::each_line_within(&mut command, LIMIT, |line| transcript.output(line))
    })
}
