//! Slices that share a CPU: policies with and without the arbiter, two methods that learn, and the report's page.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use super::transcript::Transcript;
use crate::check::cargo;
use crate::{process, workspace};

/// Policies of the two tables: without any knowledge, without any sharing, and the one to beat.
const POLICIES: &str = "random,static,demand";

/// Shows it.
///
/// # Errors
/// A step fails.
pub(super) fn run() -> Result<()> {
    eprintln!("  build   slice-agent");
    process::run(cargo("build").args(["--quiet", "--package", "slice-agent"]))?;
    let mut transcript = Transcript::new("Network slices that share a CPU");
    transcript.note("First policies that learn nothing: the references that a learning agent has to beat.");
    for (rule, chapter) in [
        ("claims", "Rule A: a claim counts whether it is used or not"),
        ("work-conserving", "Rule B: only what is used counts"),
    ] {
        transcript.chapter(chapter);
        table(&mut transcript, rule)?;
    }
    transcript.chapter("Agents that learn, rule A without the arbiter (one seed: a view, no result)");
    training(&mut transcript)?;
    transcript.chapter("The trained agents, judged with the arbiter beside a policy that learns nothing");
    trained(&mut transcript)?;
    if let Some(folder) = std::env::var_os(CAPTURES) {
        transcript.chapter("Captured packets");
        replay(&mut transcript, &folder)?;
    }
    transcript.chapter("The three methods of the source document on two seeds, beside its figures");
    report(&mut transcript)?;
    transcript.finish();
    Ok(())
}

fn program() -> PathBuf {
    workspace::target_dir().join("debug/slice-agent")
}

fn table(transcript: &mut Transcript, rule: &str) -> Result<()> {
    let arguments = ["eval", "--rule", rule, "--policy", POLICIES, "--seeds", "3"];
    transcript.stateless_step(&format!("eval {rule}"), |transcript| {
        let line = format!("slice-agent {}", arguments.join(" "));
        transcript.run(&line, Command::new(program()).args(arguments)).map(drop)
    })
}

/// A folder with packet captures, if there is one.
const CAPTURES: &str = "AIVIRT_CAPTURES";

fn run_folder() -> PathBuf {
    workspace::target_dir().join("slices-run")
}

/// Judges what the training before has stored.
fn trained(transcript: &mut Transcript) -> Result<()> {
    let arguments =
        ["eval", "--rule", "claims", "--policy", "demand", "--arbiter", "on", "--seeds", "2", "--checkpoint"];
    let agents =
        ["step", "madrl"].map(|method| run_folder().join(format!("{method}-seed-0")).display().to_string());
    transcript.stateless_step("eval --checkpoint", |transcript| {
        let line =
            format!("slice-agent {} slices-run/step-seed-0,slices-run/madrl-seed-0", arguments.join(" "));
        transcript.run(&line, Command::new(program()).args(arguments).arg(agents.join(","))).map(drop)
    })
}

fn replay(transcript: &mut Transcript, folder: &std::ffi::OsStr) -> Result<()> {
    let arguments = ["replay", "--policy", POLICIES, "--arbiter", "on", "--seeds", "2", "--folder"];
    transcript.stateless_step("replay", |transcript| {
        let line = format!("slice-agent {} {}", arguments.join(" "), folder.display());
        transcript.run(&line, Command::new(program()).args(arguments).arg(folder)).map(drop)
    })
}

/// A third of the source document's 500 episodes; conflicts fall within them.
fn training(transcript: &mut Transcript) -> Result<()> {
    let arguments = ["train", "--method", "step,madrl", "--seeds", "1", "--episodes", "160", "--out"];
    let folder = run_folder();
    if folder.exists() {
        std::fs::remove_dir_all(&folder).with_context(|| format!("Cannot remove {}", folder.display()))?;
    }
    transcript.stateless_step("train", |transcript| {
        let line = format!("slice-agent {} slices-run", arguments.join(" "));
        transcript.run(&line, Command::new(program()).args(arguments).arg(&folder)).map(drop)
    })
}

/// Trains the three methods and shows their figures beside the source document's; the page has the rest.
fn report(transcript: &mut Transcript) -> Result<()> {
    let out = workspace::target_dir().join("slices-report");
    if out.exists() {
        std::fs::remove_dir_all(&out).with_context(|| format!("Cannot remove {}", out.display()))?;
    }
    transcript.stateless_step("report", |transcript| {
        transcript.command("slice-agent report --quick --out slices-report");
        let mut command = Command::new(program());
        command.args(["report", "--quick", "--out"]).arg(&out).stderr(Stdio::inherit());
        let text = process::read(&mut command)?;
        // The tables of the policies are on the page.
        let comparison = text.find(COMPARISON).and_then(|place| text[..place].rfind('\n')).unwrap_or(0);
        let begin = text[..comparison].rfind('\n').map_or(0, |line| line + 1);
        transcript.output(&text[begin..]);
        let page = out.join("report.md").canonicalize().context("The report has no page")?;
        transcript.output(&format!("{}", page.display()));
        Ok(())
    })
}

/// Head of the table beside the source document's figures.
const COMPARISON: &str = "rule A, trained";
