//! The whole evaluation: references, trainings, the second evaluation, and the page of it all.

use std::fs;
use std::path::{Path, PathBuf};

use anstream::{eprintln, println};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use slice_agent::eval::Figures;
use slice_agent::study::{
    Candidate, Captures, Group, Job, LearnerSpec, Outcome, Second, SecondScenario, Store, suite,
};

use super::scenario::{self, Scenario};
use super::{Failure, files, judge, table};

mod page;

/// What `report` takes.
#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    /// About a minute instead of half an hour: the source document's three methods over a few seeds, cut short.
    #[arg(long)]
    pub(super) quick: bool,
    /// The folder to write into. What is in its data/trainings.jsonl already is not trained again.
    #[arg(long, value_name = "DIR", default_value = "slices-report")]
    pub(super) out: PathBuf,
    /// A folder with captures of the TRACTOR data set, for the part of the second evaluation that replays them.
    #[arg(long, value_name = "DIR")]
    captures: Option<PathBuf>,
    /// Threads [default: one for each core]; the figures do not depend on them.
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    pub(super) threads: usize,
}

/// eMBB, URLLC, mMTC, and another mMTC.
const CAPTURES: [&str; 4] = ["embb_05_18_b.csv", "urll_2.csv", "mmtc_3.csv", "mmtc_04_10.csv"];

impl ReportArgs {
    /// The command that makes the same figures.
    fn command_line(&self) -> String {
        let quick = if self.quick { " --quick" } else { "" };
        let captures = if self.captures.is_some() { " --captures DIR" } else { "" };
        format!("slice-agent report{quick}{captures}")
    }
}

/// What trainings came to, group by group.
pub(super) struct Trained {
    /// A group and its outcomes.
    pub(super) groups: Vec<(Group, Vec<Outcome>)>,
    /// Seeds of each method.
    pub(super) seeds: u64,
}

/// One line of the second evaluation.
pub(super) struct SecondLine {
    /// Who.
    pub(super) candidate: Candidate,
    /// What its tuning chose.
    pub(super) chosen: LearnerSpec,
    /// Mean reward of its tuning, if it was tuned.
    pub(super) tuned: Option<f64>,
    /// Its held-out seeds.
    pub(super) outcomes: Vec<Outcome>,
}

/// Writes the report.
///
/// # Errors
/// A part is refused or a file cannot be written.
pub(super) fn run(args: &ReportArgs) -> Result<(), Failure> {
    let references = references(args)?;
    let data = args.out.join("data");
    fs::create_dir_all(&data).map_err(|error| format!("Cannot make {}: {error}", data.display()))?;
    let mut store = Store::open(&data.join("trainings.jsonl"))?;
    let trained = trained(args, &mut store)?;
    println!("{}", page::terminal(&trained));
    let second = if args.quick { Vec::new() } else { second(args, &mut store)? };
    let page = page::write(&args.out, &args.command_line(), &references, &trained, &second)?;
    eprintln!("The page is {}", page.display());
    Ok(())
}

fn references(args: &ReportArgs) -> Result<Vec<(Scenario, Vec<Figures>)>, Failure> {
    let mut parts = Vec::new();
    for scenario in scenario::of_report(args) {
        let figures = judge(&scenario)?;
        files::write(&args.out, &scenario, &figures)?;
        println!("{}\n{}\n", scenario.title, table::of(&figures));
        parts.push((scenario, figures));
    }
    println!("{}", table::LEGEND);
    Ok(parts)
}

fn trained(args: &ReportArgs, store: &mut Store) -> Result<Trained, Failure> {
    let (groups, seeds, episodes, judged): (&[Group], u64, u32, u32) =
        if args.quick { (&[Group::Claims], 2, 160, 20) } else { (&Group::ALL, 10, 500, 100) };
    let of_groups: Vec<_> =
        groups.iter().map(|group| (*group, suite(*group, seeds, episodes, judged))).collect();
    let jobs: Vec<_> = of_groups.iter().flat_map(|(_, jobs)| jobs.clone()).collect();
    let mut outcomes = outcomes(args, store, &jobs, &Captures::none(), "trainings")?.into_iter();
    let of_group = |(group, jobs): (Group, Vec<Job>)| (group, outcomes.by_ref().take(jobs.len()).collect());
    Ok(Trained { groups: of_groups.into_iter().map(of_group).collect(), seeds })
}

fn second(args: &ReportArgs, store: &mut Store) -> Result<Vec<(SecondScenario, Vec<SecondLine>)>, Failure> {
    let captures = match &args.captures {
        Some(folder) => Captures::read(folder, CAPTURES)?,
        None => Captures::none(),
    };
    let scenarios = SecondScenario::ALL.into_iter();
    let scenarios = scenarios.filter(|scenario| !captures.is_empty() || *scenario != SecondScenario::Traces);
    let (plan, candidates) = (Second::FULL, Second::candidates());
    let pairs: Vec<_> = scenarios
        .flat_map(|scenario| candidates.iter().map(move |candidate| (scenario, candidate)))
        .collect();
    let tunings: Vec<_> =
        pairs.iter().map(|(scenario, candidate)| plan.tuning(*scenario, candidate)).collect();
    let tuned = outcomes(args, store, &tunings.concat(), &captures, "tuning")?;
    let mut tuned = tuned.into_iter();
    let tuned: Vec<Vec<_>> = tunings.iter().map(|jobs| tuned.by_ref().take(jobs.len()).collect()).collect();
    let chosen: Vec<_> =
        pairs.iter().zip(&tuned).map(|((_, candidate), tuned)| plan.choose(candidate, tuned)).collect();
    let judgings: Vec<_> = pairs
        .iter()
        .zip(&chosen)
        .map(|((scenario, candidate), chosen)| plan.judging(*scenario, candidate, chosen))
        .collect();
    let mut judged = outcomes(args, store, &judgings.concat(), &captures, "second evaluation")?.into_iter();
    let mut parts: Vec<(SecondScenario, Vec<SecondLine>)> = Vec::new();
    for (((scenario, candidate), chosen), tuned) in pairs.iter().zip(chosen).zip(&tuned) {
        let outcomes: Vec<_> = judged.by_ref().take(usize::try_from(plan.seeds)?).collect();
        let tuned = page::tuned_reward(chosen, tuned);
        let line = SecondLine { candidate: (*candidate).clone(), chosen: chosen.clone(), tuned, outcomes };
        match parts.last_mut().filter(|(last, _)| last == scenario) {
            Some((_, lines)) => lines.push(line),
            None => parts.push((*scenario, vec![line])),
        }
    }
    Ok(parts)
}

/// Does what of the jobs is not done yet, with a bar.
fn outcomes(
    args: &ReportArgs,
    store: &mut Store,
    jobs: &[Job],
    captures: &Captures,
    what: &str,
) -> Result<Vec<Outcome>, Failure> {
    let count = |job: &Job| u64::from(job.episodes) + u64::try_from(job.judgements.len()).unwrap_or(0);
    let missing = store.missing(jobs);
    let bar = ProgressBar::new(missing.iter().map(|job| count(job)).sum());
    bar.set_style(ProgressStyle::with_template("{msg:20} {bar:30} {pos}/{len} episodes, {eta} left")?);
    bar.set_message(what.to_owned());
    let outcomes = store.outcomes(jobs, captures, args.threads, || bar.inc(1));
    bar.finish_and_clear();
    Ok(outcomes?)
}

/// Writes a file of the report.
fn put(folder: &Path, name: &str, text: &str) -> Result<(), Failure> {
    let file = folder.join(name);
    fs::write(&file, text).map_err(|error| format!("Cannot write {}: {error}", file.display()).into())
}
