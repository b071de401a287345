//! The page: tables, plots, and what of the source document matches.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use slice_agent::eval::Figures;
use slice_agent::study::{Group, LearnerSpec, Outcome, Second, SecondScenario};

use super::super::scenario::Scenario;
use super::super::table;
use super::line::{self, Line};
use super::{Failure, SecondLine, Trained, curves, put, second, source};

const HOW_TO_READ: &str = "\
Means over seeds ± half of Student's 95 % interval. An episode has 60 steps of 10 ms; conflicts are steps with a conflict in
100 episodes. Columns `first`, `last`, `all` are the first hundred, the last hundred and all episodes *of the training*,
while agents still explore; all other columns are of the trained agents, which explore no more, in worlds that they have not
seen. `network use` is the used part of all CPU, `exploitation` the used part of the grants: two things, never to be compared.
With the arbiter conflicts are 0 by definition: a guarantee and not a score; the claims that it trimmed in 100 episodes have
a column of their own.
";

/// The table for a terminal: the first group beside the source document's figures.
pub(super) fn terminal(trained: &Trained) -> String {
    let Some((_, outcomes)) = trained.groups.first() else { return String::new() };
    source::terminal(&line::lines(outcomes))
}

/// Mean reward of what the tuning chose.
pub(super) fn tuned_reward(chosen: &LearnerSpec, tuned: &[Outcome]) -> Option<f64> {
    let of_chosen = tuned.iter().filter(|outcome| outcome.job.learner == *chosen);
    let rewards: Vec<_> =
        of_chosen.filter_map(|outcome| outcome.judged(Second::COUNTS)).map(|judged| judged.reward).collect();
    (!rewards.is_empty()).then(|| rewards.iter().sum::<f64>() / rewards.len() as f64)
}

/// Writes the page, its plots and its figures; returns its place.
pub(super) fn write(
    out: &Path,
    command: &str,
    references: &[(Scenario, Vec<Figures>)],
    trained: &Trained,
    second: &[(SecondScenario, Vec<SecondLine>)],
) -> Result<PathBuf, Failure> {
    let mut page = format!("# Slices: the whole evaluation\n\nMade by `{command}`");
    let _ = writeln!(page, ", {} seeds of each method.\n\n{HOW_TO_READ}", trained.seeds);
    let mut figures = Vec::new();
    for (group, outcomes) in &trained.groups {
        let lines = line::lines(outcomes);
        page += &section(out, *group, &lines, trained, references)?;
        figures.extend(lines.into_iter().map(|line| (group.name(), line)));
    }
    page += &second::section(out, second)?;
    page += &missing(trained, second);
    page += &of_references(references);
    put(&out.join("data"), "trained.csv", &line::csv(&figures)?)?;
    put(&out.join("data"), "second.csv", &second::csv(second)?)?;
    put(out, "report.md", &page)?;
    Ok(out.join("report.md"))
}

/// Parts of the full evaluation whose trainings are not there.
fn missing(trained: &Trained, second: &[(SecondScenario, Vec<SecondLine>)]) -> String {
    let has = |group: &Group| trained.groups.iter().any(|(known, _)| known == group);
    let groups = Group::ALL.into_iter().filter(|group| !has(group)).map(Group::name);
    let done = |scenario: &SecondScenario| second.iter().any(|(known, _)| known == scenario);
    let scenarios =
        SecondScenario::ALL.into_iter().filter(|scenario| !done(scenario)).map(SecondScenario::name);
    let missing: Vec<_> = groups.chain(scenarios).collect();
    if missing.is_empty() {
        return String::new();
    }
    format!(
        "## Not trained here\n\n{}: `slice-agent report --out DIR --part NAME` trains a part and adds it to the page \
         (`second` for the scenarios of the second evaluation).\n\n",
        missing.join(", ")
    )
}

fn section(
    out: &Path,
    group: Group,
    lines: &[Line],
    trained: &Trained,
    references: &[(Scenario, Vec<Figures>)],
) -> Result<String, Failure> {
    let (title, text) = words(group);
    let with_base = |names: &[&str]| {
        let base = trained.lines(Group::Claims);
        let base = base.into_iter().filter(|line| names.contains(&line.name.as_str()));
        base.chain(lines.iter().cloned()).collect::<Vec<_>>()
    };
    let content = match group {
        Group::Claims => {
            let tables = format!("{}\n{}", source::table(lines), line::table(lines, true));
            tables + &of_rules(references, "a") + &rule_plots(out, "a", "A", lines)?
        }
        Group::WorkConserving => {
            line::table(lines, true) + &of_rules(references, "b") + &rule_plots(out, "b", "B", lines)?
        }
        Group::Schedule => line::table(&with_base(&["step", "madrl"]), false) + "\n",
        Group::Ablation => ablation(out, &with_base(&["step"]))?,
        Group::Messages => messages(out, with_base(&["step"]))?,
        Group::Options | Group::OptionsWorkConserving => {
            let name = format!("{}.svg", group.name());
            put(out, &name, &curves::training("Conflicts while learning", lines)?)?;
            format!("{}\n![Conflicts while learning]({name})\n\n", line::table(lines, true))
        }
    };
    Ok(format!("## {title}\n\n{text}\n\n{content}"))
}

/// The plots of a rule, and the lines that show them.
fn rule_plots(out: &Path, letter: &str, rule: &str, lines: &[Line]) -> Result<String, Failure> {
    let file = |what: &str| format!("{what}-rule-{letter}.svg");
    let (curve, cdf) = (file("conflicts"), file("latency"));
    put(out, &curve, &curves::training(&format!("Conflicts while learning, rule {rule}"), lines)?)?;
    put(out, &cdf, &curves::latency(&format!("Latency of trained agents, rule {rule}"), lines)?)?;
    let (network, exploitation) = (file("network-use"), file("exploitation"));
    let of_network = |line: &Line| line.plain.network_utilisation;
    let bars = curves::bars("Used part of all CPU", "part of all CPU", lines, of_network, None)?;
    put(out, &network, &bars)?;
    let of_grants = |line: &Line| line.plain.exploitation;
    let marks = Some([0.1, 0.9]);
    let bars = curves::bars("Used part of the grants", "part of the grants", lines, of_grants, marks)?;
    put(out, &exploitation, &bars)?;
    Ok(format!(
        "\n![Conflicts while learning]({curve})\n![Latency]({cdf})\n\n\
         ![Used part of all CPU]({network})\n![Used part of the grants]({exploitation})\n\n"
    ))
}

fn ablation(out: &Path, lines: &[Line]) -> Result<String, Failure> {
    let title = "Conflicts of the last 100 episodes";
    let last = |line: &Line| line.last;
    put(out, "ablation.svg", &curves::bars(title, "conflicts in 100 episodes", lines, last, None)?)?;
    Ok(format!("{}\n![{title}](ablation.svg)\n\n", line::table(lines, false)))
}

/// `step` itself has 4 messages.
fn messages(out: &Path, mut lines: Vec<Line>) -> Result<String, Failure> {
    lines.iter_mut().filter(|line| line.name == "step").for_each(|line| line.name = "4".to_owned());
    lines.sort_by_key(|line| line.name.parse::<u32>().unwrap_or(0));
    put(out, "messages.svg", &curves::sweep(&lines)?)?;
    let table = line::table(&lines, false);
    Ok(format!("{table}\n![Conflicts over the size of the message space](messages.svg)\n\n"))
}

const fn words(group: Group) -> (&'static str, &'static str) {
    match group {
        Group::Claims => (
            "Rule A: the source document's three methods",
            "Every claim counts; a conflict takes all claimants back to their shares. Each method has the exploration schedule \
             that was *chosen* near the source document's first hundred episodes (step 0.95, madrl 0.98, predefined 0.99 to \
             the power of the episode), so the column `first` is no evidence for or against a method.",
        ),
        Group::WorkConserving => (
            "Rule B: the same",
            "Only what is used counts; a conflict costs a claimant three quarters of its share for that step.",
        ),
        Group::Schedule => (
            "Equal schedules",
            "Rule A. The number behind a name is its exploration schedule; `step` has 0.95, `madrl` 0.98. At equal schedules \
             the first hundred episodes are nearly equal: they tell of exploration, not of methods.",
        ),
        Group::Ablation => (
            "Ablations",
            "Rule A, schedule 0.95. `step` without its bottleneck, without messages (agents neither send nor hear), with uniform \
             instead of prioritised replay; and madrl with nothing but the bottleneck added.",
        ),
        Group::Messages => ("Size of the message space", "Rule A, `step` with 2, 4, 8 and 16 messages."),
        Group::Options => (
            "Learners beyond the source document, rule A",
            "All at the schedule 0.98, batch 64, an update every step, without messages but for dial, which cannot do without. \
             Nothing was tuned.",
        ),
        Group::OptionsWorkConserving => ("The same under rule B", "As above."),
    }
}

/// What does not learn, in the world of rule `letter` with present demand.
fn of_rules(references: &[(Scenario, Vec<Figures>)], letter: &str) -> String {
    let name = format!("rule-{letter}-delay-0");
    let Some((_, figures)) = references.iter().find(|(scenario, _)| scenario.name == name) else {
        return String::new();
    };
    let mut text = String::new();
    for figures in figures.iter().filter(|figures| figures.arbiter || figures.policy != "demand-floor") {
        text += &line::reference(figures);
    }
    text
}

fn of_references(references: &[(Scenario, Vec<Figures>)]) -> String {
    let mut page =
        "## Policies without learning\n\nBelow ± is the sample deviation over seeds.\n\n".to_owned();
    for (scenario, figures) in references {
        let _ = writeln!(page, "### {}\n", scenario.title);
        let _ = writeln!(page, "| {} |\n|{}", table::HEAD.join(" | "), "---|".repeat(table::HEAD.len()));
        for line in figures {
            let _ = writeln!(page, "| {} |", table::cells(line).join(" | "));
        }
        let name = &scenario.name;
        let _ = writeln!(page, "\n![Distribution of latency]({name}.svg)\n");
        let _ = writeln!(page, "Figures: [CSV]({name}.csv), [JSON lines]({name}.jsonl)\n");
    }
    page
}
