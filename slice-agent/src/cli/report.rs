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

mod curves;
mod line;
mod page;
mod second;
mod source;

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
    /// Trains only these parts: rule-a, rule-b, schedule, ablation, messages, options-a, options-b, second [default: all].
    /// The page shows every part whose trainings are all there.
    #[arg(long = "part", value_name = "NAME", value_delimiter = ',', value_parser = part)]
    parts: Vec<String>,
    /// Threads [default: one for each core]; the figures do not depend on them.
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    pub(super) threads: usize,
}

/// Name of the second evaluation among the parts.
const SECOND: &str = "second";

fn part(text: &str) -> Result<String, String> {
    let known: Vec<_> = Group::ALL.map(Group::name).into_iter().chain([SECOND]).collect();
    let found = known.iter().find(|known| **known == text);
    found.map(|known| (*known).to_owned()).ok_or_else(|| format!("there are: {}", known.join(", ")))
}

/// eMBB, URLLC, mMTC, and another mMTC.
const CAPTURES: [&str; 4] = ["embb_05_18_b.csv", "urll_2.csv", "mmtc_3.csv", "mmtc_04_10.csv"];

impl ReportArgs {
    /// Whether a part shall be trained.
    fn wants(&self, part: &str) -> bool {
        self.parts.is_empty() || self.parts.iter().any(|wanted| wanted == part)
    }

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

impl Trained {
    /// The methods of a group; none if it was not trained.
    fn lines(&self, group: Group) -> Vec<line::Line> {
        let found = self.groups.iter().find(|(known, _)| *known == group);
        found.map(|(_, outcomes)| line::lines(outcomes)).unwrap_or_default()
    }
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
    let mut trained = Trained { groups: Vec::new(), seeds };
    for group in groups {
        let jobs = suite(*group, seeds, episodes, judged);
        if args.wants(group.name()) || store.missing(&jobs).is_empty() {
            let outcomes = outcomes(args, store, &jobs, &Captures::none(), group.name())?;
            trained.groups.push((*group, outcomes));
        }
    }
    Ok(trained)
}

/// The second evaluation, one scenario after another.
fn second(args: &ReportArgs, store: &mut Store) -> Result<Vec<(SecondScenario, Vec<SecondLine>)>, Failure> {
    let captures = match &args.captures {
        Some(folder) => Captures::read(folder, CAPTURES)?,
        None => Captures::none(),
    };
    let mut parts = Vec::new();
    for scenario in SecondScenario::ALL {
        let can_train = args.wants(SECOND) && !(scenario.replays() && captures.is_empty());
        if let Some(lines) = scenario_lines(args, store, scenario, &captures, can_train)? {
            parts.push((scenario, lines));
        }
    }
    Ok(parts)
}

/// All candidates in a scenario; nothing if trainings are missing that may not be done now.
fn scenario_lines(
    args: &ReportArgs,
    store: &mut Store,
    scenario: SecondScenario,
    captures: &Captures,
    can_train: bool,
) -> Result<Option<Vec<SecondLine>>, Failure> {
    let (plan, candidates) = (Second::FULL, Second::candidates());
    let tunings: Vec<_> = candidates.iter().map(|candidate| plan.tuning(scenario, candidate)).collect();
    if !can_train && !store.missing(&tunings.concat()).is_empty() {
        return Ok(None);
    }
    let what = format!("tuning {}", scenario.name());
    let mut tuned = outcomes(args, store, &tunings.concat(), captures, &what)?.into_iter();
    let mut lines: Vec<_> = candidates
        .into_iter()
        .zip(&tunings)
        .map(|(candidate, jobs)| {
            let tuned: Vec<_> = tuned.by_ref().take(jobs.len()).collect();
            let chosen = plan.choose(&candidate, &tuned).clone();
            SecondLine { tuned: page::tuned_reward(&chosen, &tuned), candidate, chosen, outcomes: Vec::new() }
        })
        .collect();
    let judging = |line: &SecondLine| plan.judging(scenario, &line.candidate, &line.chosen);
    let jobs: Vec<_> = lines.iter().flat_map(judging).collect();
    if !can_train && !store.missing(&jobs).is_empty() {
        return Ok(None);
    }
    let mut judged = outcomes(args, store, &jobs, captures, scenario.name())?.into_iter();
    let seeds = usize::try_from(plan.seeds)?;
    lines.iter_mut().for_each(|line| line.outcomes = judged.by_ref().take(seeds).collect());
    Ok(Some(lines))
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

#[cfg(test)]
mod tests;
