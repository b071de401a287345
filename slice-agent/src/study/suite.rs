//! The jobs of the report.

use super::job::{Job, LearnerSpec, SourceSpec};
use super::world::WorldSpec;
use crate::learn::{Algorithm, Speech, Tuning};

/// What of the report a job belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// The three methods of the source document under rule A.
    Claims,
    /// The same under rule B.
    WorkConserving,
    /// Rule A, all at one exploration schedule.
    Schedule,
    /// Rule A, the first method without one of its parts.
    Ablation,
    /// Rule A, sizes of the message space.
    Messages,
    /// Rule A, learners beyond the source document.
    Options,
    /// The same under rule B.
    OptionsWorkConserving,
}

impl Group {
    /// All of them.
    pub const ALL: [Group; 7] = [
        Group::Claims,
        Group::WorkConserving,
        Group::Schedule,
        Group::Ablation,
        Group::Messages,
        Group::Options,
        Group::OptionsWorkConserving,
    ];

    /// Its name, also the first part of its jobs' names.
    pub const fn name(self) -> &'static str {
        match self {
            Group::Claims => "rule-a",
            Group::WorkConserving => "rule-b",
            Group::Schedule => "schedule",
            Group::Ablation => "ablation",
            Group::Messages => "messages",
            Group::Options => "options-a",
            Group::OptionsWorkConserving => "options-b",
        }
    }

    const fn is_work_conserving(self) -> bool {
        matches!(self, Group::WorkConserving | Group::OptionsWorkConserving)
    }

    /// Its methods, in the order of the table.
    fn methods(self) -> Vec<(&'static str, LearnerSpec, usize)> {
        let source = |name, spec| (name, LearnerSpec::Source(spec), 4);
        let step = SourceSpec::step(0.95);
        match self {
            Group::Claims | Group::WorkConserving => vec![
                source("step", step),
                source("madrl", SourceSpec::madrl(0.98)),
                source("predefined", SourceSpec::predefined(0.99)),
            ],
            Group::Schedule => vec![
                source("madrl 0.95", SourceSpec::madrl(0.95)),
                source("predefined 0.95", SourceSpec::predefined(0.95)),
                source("step 0.98", SourceSpec::step(0.98)),
                source("predefined 0.98", SourceSpec::predefined(0.98)),
            ],
            Group::Ablation => vec![
                source("no bottleneck", SourceSpec { bottleneck: false, ..step.clone() }),
                source("no messages", SourceSpec { speech: Speech::Silent, ..step.clone() }),
                source("uniform replay", SourceSpec { prioritised: false, ..step.clone() }),
                source("madrl + bottleneck", SourceSpec { bottleneck: true, ..SourceSpec::madrl(0.95) }),
            ],
            Group::Messages => [("2", 2), ("8", 8), ("16", 16)]
                .map(|(name, messages)| (name, LearnerSpec::Source(step.clone()), messages))
                .to_vec(),
            Group::Options | Group::OptionsWorkConserving => Algorithm::ALL.map(option).to_vec(),
        }
    }
}

/// Learners beyond the source document, with its batch and rate and one exploration schedule; those that can talk do.
fn option(algorithm: Algorithm) -> (&'static str, LearnerSpec, usize) {
    let tuning = Tuning { exploration_decay: 0.98, ..Tuning::default() };
    (algorithm.name(), LearnerSpec::Algorithm { algorithm, talks: algorithm.must_talk(), tuning }, 4)
}

/// The jobs of a group, method by method, seed by seed.
pub fn suite(group: Group, seeds: u64, episodes: u32, judged_episodes: u32) -> Vec<Job> {
    let mut jobs = Vec::new();
    for (name, learner, messages) in group.methods() {
        let world = WorldSpec { messages, ..WorldSpec::source_document(group.is_work_conserving()) };
        let arbiter = WorldSpec { arbiter: true, ..world.clone() };
        for seed in 0..seeds {
            jobs.push(Job {
                name: format!("{}/{name}", group.name()),
                judgements: vec![
                    ("plain".to_owned(), world.clone()),
                    ("arbiter".to_owned(), arbiter.clone()),
                ],
                world: world.clone(),
                learner: learner.clone(),
                seed,
                episodes,
                judged_episodes,
            });
        }
    }
    jobs
}
