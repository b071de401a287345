//! `cargo xtask test`: the stages in order, cheap ones first, and one closing line.

mod board;
mod core;
mod full_run;
mod guest;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::Args;

use crate::report::{Counts, Show, Skip};
use crate::setup::{self, packages::Need};
use crate::skips::AllowList;
use crate::stage::Recorder;
use crate::{check, skips, workspace};

/// What `test` takes.
#[derive(Debug, Args)]
pub struct TestArgs {
    /// Only what needs no other program than cargo.
    #[arg(long, conflicts_with = "full")]
    quick: bool,
    /// Also what takes long; the run is recorded in tests/full-run.toml.
    #[arg(long)]
    full: bool,
    /// Install missing packages without asking.
    #[arg(long)]
    yes: bool,
    /// Only these stages.
    #[arg(long, value_name = "NAME")]
    stage: Vec<String>,
}

/// How much of each stage runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// Seconds after a change: cargo alone.
    Quick,
    /// What CI runs.
    Normal,
    /// Everything, however long it takes.
    Full,
}

/// A stage: a part of the tests with its own ceiling.
#[derive(Debug)]
struct Stage {
    name: &'static str,
    /// Longest time with cold caches on two cores.
    ceiling: Duration,
    /// Packages that it needs unless the depth is quick.
    needs: &'static [Need],
    /// The least depth at which it runs.
    depth: Depth,
    run: fn(&mut Recorder, Depth),
}

const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(60 * minutes)
}

const STAGES: &[Stage] = &[
    Stage {
        name: "check",
        ceiling: minutes(6),
        needs: &[],
        depth: Depth::Quick,
        run: |recorder, _| check::run(recorder),
    },
    Stage { name: "core", ceiling: minutes(12), needs: &[Need::Core], depth: Depth::Quick, run: core::run },
    Stage {
        name: "guest",
        ceiling: minutes(8),
        needs: &[Need::Guest],
        depth: Depth::Normal,
        run: |recorder, _| guest::run(recorder),
    },
    Stage {
        name: "board",
        ceiling: minutes(15),
        needs: &[Need::Board],
        depth: Depth::Normal,
        run: board::run,
    },
];

/// What one stage did.
struct Done {
    stage: &'static Stage,
    time: Duration,
    counts: Counts,
    failures: Vec<String>,
    skips: Vec<Skip>,
}

/// Runs the stages.
///
/// # Errors
/// A stage of an unknown name, packages that cannot be installed, or a list of skips that cannot be read. Failed
/// tests are no error but the exit code.
pub fn run(args: &TestArgs) -> Result<ExitCode> {
    let depth = depth(args);
    let stages = select(&args.stage, depth)?;
    let allowed = AllowList::read(&workspace::root())?;
    if depth > Depth::Quick {
        let needs: Vec<_> = stages.iter().flat_map(|stage| stage.needs.iter().copied()).collect();
        setup::ensure(&needs, args.yes)?;
    }
    let done: Vec<_> = stages.into_iter().map(|stage| run_stage(stage, depth)).collect();
    let failed = summary(&done, &allowed, Show::Terminal);
    if depth == Depth::Full {
        let total = done.iter().map(|done| done.time).sum();
        full_run::record(&workspace::root(), &total_counts(&done), total, args.stage.as_slice())?;
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn depth(args: &TestArgs) -> Depth {
    match (args.quick, args.full) {
        (true, _) => Depth::Quick,
        (false, true) => Depth::Full,
        (false, false) => Depth::Normal,
    }
}

fn select(names: &[String], depth: Depth) -> Result<Vec<&'static Stage>> {
    if let Some(unknown) = names.iter().find(|name| !STAGES.iter().any(|stage| stage.name == **name)) {
        let known: Vec<_> = STAGES.iter().map(|stage| stage.name).collect();
        bail!("There is no stage {unknown}; the stages are: {}", known.join(", "));
    }
    let wanted = |stage: &&Stage| match names {
        [] => stage.depth <= depth,
        names => names.iter().any(|name| name == stage.name),
    };
    Ok(STAGES.iter().filter(wanted).collect())
}

fn run_stage(stage: &'static Stage, depth: Depth) -> Done {
    println!("== stage {} (ceiling {} min)", stage.name, stage.ceiling.as_secs() / 60);
    let begin = Instant::now();
    let mut recorder = Recorder::new(stage.name, stage.ceiling, Show::Terminal);
    if depth == Depth::Full {
        recorder.without_limit();
    }
    (stage.run)(&mut recorder, depth);
    let Recorder { counts, failures, skips, .. } = recorder;
    let done = Done { stage, time: begin.elapsed(), counts, failures, skips };
    println!("== stage {}: {}; {}", stage.name, done.counts, time_beside_ceiling(&done));
    done
}

fn time_beside_ceiling(done: &Done) -> String {
    let (time, ceiling) = (done.time.as_secs_f64() / 60.0, done.stage.ceiling.as_secs_f64() / 60.0);
    let over = if done.time > done.stage.ceiling { " OVER ITS CEILING" } else { "" };
    format!("{time:.1} of {ceiling:.0} min{over}")
}

fn total_counts(done: &[Done]) -> Counts {
    let mut total = Counts::default();
    done.iter().for_each(|done| total += done.counts);
    total
}

/// Shows the end of the run; tells whether it failed.
fn summary(done: &[Done], allowed: &AllowList, show: Show) -> bool {
    let mut total = total_counts(done);
    show.line("\n== summary");
    for done in done {
        let time = time_beside_ceiling(done);
        show.line(&format!("   {:<8} {time:>16}   {}", done.stage.name, done.counts));
    }
    let skips: Vec<_> = done.iter().flat_map(|done| done.skips.iter().cloned()).collect();
    for skip in &skips {
        show.line(&format!("   skipped: {}: {}", skip.name, skip.reason));
    }
    for skip in allowed.unexpected(&skips) {
        show.line(&format!("   FAILED: {} was skipped and is not in {}", skip.name, skips::FILE));
        total.failed += 1;
        total.skipped -= 1;
    }
    done.iter().flat_map(|done| &done.failures).for_each(|name| show.line(&format!("   FAILED: {name}")));
    show.line(&format!("   {}", full_run::last(&workspace::root())));
    show.line(&total.to_string());
    total.failed > 0 || done.iter().any(|done| !done.failures.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_that_does_not_exist_is_an_error_that_names_the_others() {
        let error = select(&["nova".to_owned()], Depth::Normal).unwrap_err().to_string();
        assert!(error.contains("no stage nova") && error.contains("core"), "{error}");
    }

    #[test]
    fn cheap_stages_come_first() {
        let names: Vec<_> = select(&[], Depth::Normal).unwrap().iter().map(|stage| stage.name).collect();
        assert_eq!(names, ["check", "core", "guest", "board"]);
    }

    #[test]
    fn a_skip_that_is_not_on_the_list_fails_the_run() {
        let skip = Skip { name: "x".into(), reason: "y".into() };
        let counts = Counts { passed: 1, failed: 0, skipped: 1 };
        let done = Done { stage: &STAGES[0], time: minutes(1), counts, failures: vec![], skips: vec![skip] };
        assert!(summary(&[done], &AllowList::default(), Show::Nothing));
    }
}
