//! What came of the second evaluation; what counts stands in its protocol.

use std::fmt::Write as _;
use std::path::Path;

use slice_agent::eval::{Interval, bootstrap, paired};
use slice_agent::study::{Judged, LearnerSpec, Second, SecondScenario};

use super::super::Failure;
use super::line::{Means, cell, judged};
use super::{SecondLine, curves, put};

/// The figures of a candidate, seed by seed.
fn figures(line: &SecondLine, name: &str, of: fn(&Judged) -> f64) -> Vec<f64> {
    judged(&line.outcomes, name).map(of).collect()
}

/// `left` less `right`, paired by seed.
fn difference(left: &SecondLine, right: &SecondLine, name: &str, of: fn(&Judged) -> f64) -> Interval {
    paired(&figures(left, name, of), &figures(right, name, of))
}

fn learns(line: &SecondLine) -> bool {
    !matches!(line.chosen, LearnerSpec::Rule(_))
}

fn named<'a>(lines: &'a [SecondLine], name: &str) -> Option<&'a SecondLine> {
    lines.iter().find(|line| line.candidate.name == name)
}

/// The learner with the greatest reward in tuning: the one that counts.
fn candidate(lines: &[SecondLine]) -> Option<&SecondLine> {
    let tuned = |line: &&SecondLine| line.tuned.unwrap_or(f64::NEG_INFINITY);
    lines.iter().filter(|line| learns(line)).max_by(|a, b| tuned(a).total_cmp(&tuned(b)))
}

/// The section, with its plots.
pub(super) fn section(out: &Path, parts: &[(SecondScenario, Vec<SecondLine>)]) -> Result<String, Failure> {
    if parts.is_empty() {
        return Ok(String::new());
    }
    let mut page = "\
## Second evaluation: unknown law, old and hidden observations

The protocol, written before: [second-evaluation](../second-evaluation.md). The arbiter grants to everybody, so nobody has
conflicts. Everything is of held-out seeds. `reward - demand-floor` is paired by seed, with Student's 95 % interval.

"
    .to_owned();
    page += &verdicts(parts);
    for (scenario, lines) in parts {
        let _ = writeln!(page, "\n### {} (`{}`)\n", scenario.title(), scenario.name());
        page += &table(lines, Second::COUNTS);
        page += &chosen(lines);
        page += &beside(lines);
        let Some(rule) = named(lines, Second::RULE) else { continue };
        let others = lines.iter().filter(|line| line.candidate.name != Second::RULE);
        let of = |line: &SecondLine| difference(line, rule, Second::COUNTS, |judged| judged.reward);
        let differences: Vec<_> = others.map(|line| (line.candidate.name.to_owned(), of(line))).collect();
        let name = format!("second-{}.svg", scenario.name());
        let plot = curves::differences(
            scenario.title(),
            "reward of an episode, less that of demand-floor",
            &differences,
        )?;
        put(out, &name, &plot)?;
        let _ = writeln!(page, "\n![Reward less that of demand-floor]({name})");
    }
    page += "\n";
    Ok(page)
}

/// What the protocol asks, answered.
fn verdicts(parts: &[(SecondScenario, Vec<SecondLine>)]) -> String {
    let mut text = "\
| scenario | learner chosen by tuning | reward - demand-floor | bootstrap | latency ms, difference | dropped %, difference | beats demand-floor | reward - tuned rule | beats tuned rule |
|---|---|---|---|---|---|---|---|---|
"
    .to_owned();
    for (scenario, lines) in parts {
        let (Some(best), Some(rule)) = (candidate(lines), named(lines, Second::RULE)) else { continue };
        let Some(tuned) = named(lines, "tuned rule") else { continue };
        let against =
            |other: &SecondLine, of: fn(&Judged) -> f64| difference(best, other, Second::COUNTS, of);
        let reward = against(rule, |judged| judged.reward);
        let latency = against(rule, |judged| judged.latency_ms);
        let dropped = against(rule, |judged| judged.dropped);
        let over_tuned = against(tuned, |judged| judged.reward);
        let pairs: Vec<_> = figures(best, Second::COUNTS, |judged| judged.reward)
            .into_iter()
            .zip(figures(rule, Second::COUNTS, |judged| judged.reward))
            .map(|(left, right)| left - right)
            .collect();
        let Interval { low, high, .. } = bootstrap(&pairs);
        let _ = writeln!(
            text,
            "| {} | {} | {} | {low:.2} to {high:.2} | {} | {} | {} | {} | {} |",
            scenario.name(),
            best.candidate.name,
            cell(&reward, 1.0, 2),
            cell(&latency, 1.0, 2),
            cell(&dropped, 100.0, 2),
            verdict(&reward, &latency, &dropped),
            cell(&over_tuned, 1.0, 2),
            if over_tuned.is_above_zero() { "yes" } else { "**no**" },
        );
    }
    text
}

/// The protocol's first two points.
fn verdict(reward: &Interval, latency: &Interval, dropped: &Interval) -> &'static str {
    match (reward.is_above_zero(), latency.is_above_zero() || dropped.is_above_zero()) {
        (true, false) => "yes",
        (true, true) => "a trade: paid with latency or loss",
        (false, _) => "**no**",
    }
}

fn table(lines: &[SecondLine], name: &str) -> String {
    let mut text = "\
| who | reward | reward - demand-floor | latency ms | median / IQR ms | dropped % | trimmed /100 | network use % | exploitation % |
|---|---|---|---|---|---|---|---|---|
"
    .to_owned();
    let rule = named(lines, Second::RULE);
    for line in lines {
        let means = Means::of(&line.outcomes, name);
        let (median, range) = means.median_and_range_ms();
        let against = rule.map(|rule| difference(line, rule, name, |judged| judged.reward));
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {median} / {range} | {} | {} | {} | {} |",
            line.candidate.name,
            cell(&means.reward, 1.0, 1),
            against.map_or_else(String::new, |against| cell(&against, 1.0, 2)),
            cell(&means.latency_ms, 1.0, 2),
            cell(&means.dropped, 100.0, 2),
            cell(&means.trimmed, 1.0, 0),
            cell(&means.network_utilisation, 100.0, 1),
            cell(&means.exploitation, 100.0, 1),
        );
    }
    text
}

/// What the tuning chose.
fn chosen(lines: &[SecondLine]) -> String {
    let mut text = "\nChosen by tuning: ".to_owned();
    let of = |line: &SecondLine| match &line.chosen {
        LearnerSpec::Rule(rule) => {
            format!("margin {}, lowest level {}", rule.margin, rule.floor)
        }
        LearnerSpec::Algorithm { tuning, .. } => format!("rate {}, discount {}", tuning.rate, tuning.gamma),
        LearnerSpec::Source(_) => String::new(),
    };
    let tuned = lines.iter().filter(|line| line.tuned.is_some());
    let parts: Vec<_> = tuned.map(|line| format!("{} {}", line.candidate.name, of(line))).collect();
    let _ = writeln!(text, "{}.", parts.join("; "));
    text
}

/// The judgements that are secondary: reward less that of the rule.
fn beside(lines: &[SecondLine]) -> String {
    let Some(rule) = named(lines, Second::RULE) else { return String::new() };
    let names: Vec<_> =
        rule.outcomes.first().map_or(&[][..], |outcome| &outcome.judged).iter().skip(1).collect();
    let mut text = String::from("\n| reward - demand-floor |");
    names.iter().for_each(|(name, _)| text += &format!(" {name} |"));
    text += &format!("\n|---|{}\n", "---|".repeat(names.len()));
    for line in lines.iter().filter(|line| line.candidate.name != Second::RULE) {
        let _ = write!(text, "| {} |", line.candidate.name);
        for (name, _) in &names {
            let _ =
                write!(text, " {} |", cell(&difference(line, rule, name, |judged| judged.reward), 1.0, 2));
        }
        text += "\n";
    }
    text
}

/// Every figure of the tables, seed by seed.
pub(super) fn csv(parts: &[(SecondScenario, Vec<SecondLine>)]) -> Result<String, Failure> {
    let mut table = csv::Writer::from_writer(Vec::new());
    table.write_record([
        "scenario",
        "who",
        "judgement",
        "seed",
        "reward",
        "latency_ms",
        "dropped",
        "trimmed_per_100",
        "network_utilisation",
        "exploitation",
    ])?;
    for (scenario, lines) in parts {
        for (line, outcome) in
            lines.iter().flat_map(|line| line.outcomes.iter().map(move |outcome| (line, outcome)))
        {
            for (name, judged) in &outcome.judged {
                let numbers = [
                    judged.reward,
                    judged.latency_ms,
                    judged.dropped,
                    100.0 * judged.trimmed,
                    judged.network_utilisation,
                    judged.exploitation,
                ];
                let seed = outcome.job.seed.to_string();
                let fields = [scenario.name(), line.candidate.name, name, &seed].map(str::to_owned);
                table.write_record(fields.into_iter().chain(numbers.map(|number| number.to_string())))?;
            }
        }
    }
    Ok(String::from_utf8(table.into_inner()?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_learner_beats_the_rule_only_without_a_price() {
        let of = |mean: f64| Interval { mean, low: mean - 1.0, high: mean + 1.0 };
        assert_eq!(verdict(&of(2.0), &of(-3.0), &of(0.5)), "yes");
        assert_eq!(verdict(&of(2.0), &of(3.0), &of(0.0)), "a trade: paid with latency or loss");
        assert_eq!(verdict(&of(0.5), &of(-3.0), &of(-3.0)), "**no**");
    }
}
