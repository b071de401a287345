//! Slices that share a CPU: policies with and without the arbiter, two methods that learn, and the report's page.

use std::path::PathBuf;
use std::process::Command;

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
    transcript.chapter("All policies, present demand and demand that is one step old");
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

/// A third of the source document's 500 episodes; conflicts fall within them.
fn training(transcript: &mut Transcript) -> Result<()> {
    let arguments = ["train", "--method", "step,madrl", "--seeds", "1", "--episodes", "160"];
    transcript.stateless_step("train", |transcript| {
        let line = format!("slice-agent {}", arguments.join(" "));
        transcript.run(&line, Command::new(program()).args(arguments)).map(drop)
    })
}

fn report(transcript: &mut Transcript) -> Result<()> {
    let out = workspace::target_dir().join("slices-report");
    transcript.stateless_step("report", |transcript| {
        transcript.command("slice-agent report --quick --out slices-report");
        process::read(Command::new(program()).args(["report", "--quick", "--out"]).arg(&out))?;
        let page = out.join("report.md").canonicalize().context("The report has no page")?;
        transcript.output(&format!("{}", page.display()));
        Ok(())
    })
}
