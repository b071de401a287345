//! The scenarios of the report.

use slice_agent::env::{EnvConfig, PreemptionRule};
use slice_agent::eval::{Entry, Plan};
use slice_agent::policy::PolicyName;

use super::report::ReportArgs;

/// What is evaluated under one headline.
#[derive(Debug, Clone)]
pub(super) struct Scenario {
    /// Name, also of its files.
    pub(super) name: String,
    /// Headline.
    pub(super) title: String,
    /// What to do.
    pub(super) plan: Plan,
}

/// Both rules, with present observations and with observations that are one step old.
pub(super) fn of_report(args: &ReportArgs) -> Vec<Scenario> {
    let rules = [("a", PreemptionRule::Claims), ("b", PreemptionRule::WorkConserving)];
    let with_delays = |(letter, rule)| [0, 1].map(|delay| (letter, rule, delay));
    rules
        .into_iter()
        .flat_map(with_delays)
        .map(|(letter, rule, delay)| one(args, letter, rule, delay))
        .collect()
}

fn one(args: &ReportArgs, letter: &str, rule: PreemptionRule, delay: usize) -> Scenario {
    let (seeds, episodes) = if args.quick { (3, 100) } else { (10, 1_000) };
    let config = EnvConfig { arrivals_delay_steps: delay, ..EnvConfig::source_document(rule) };
    let with = |policy| [false, true].map(|arbiter| Entry { policy, arbiter });
    let age = match delay {
        0 => "present demand".to_owned(),
        steps => format!("demand {steps} step old"),
    };
    Scenario {
        name: format!("rule-{letter}-delay-{delay}"),
        title: format!("Rule {}, {age}, {seeds} seeds of {episodes} episodes", letter.to_uppercase()),
        plan: Plan {
            config,
            entries: PolicyName::ALL.into_iter().flat_map(with).collect(),
            seeds: (0..seeds).collect(),
            episodes,
            threads: args.threads,
        },
    }
}
