//! One training on one seed, judged.

use rand_xoshiro::SplitMix64;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

use super::captures::Captures;
use super::judge::{Judged, judge, mean};
use super::rules::{RuleSpec, RuleTeam};
use super::world::{StudyWorld, WorldSpec};
use crate::env::EnvError;
use crate::eval::Episode;
use crate::learn::replay::Sampling;
use crate::learn::{
    Algorithm, LearnError, Mode, Rollout, Settings, Shape, SourceTeam, Speech, TeamLearner, Tuning, World,
};
use crate::policy::Code;

/// An agent of the source document, or one that lacks a part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SourceSpec {
    /// What it tells.
    pub speech: Speech,
    /// Stochastic bottleneck instead of a second ReLU layer.
    pub bottleneck: bool,
    /// Prioritised instead of uniform replay.
    pub prioritised: bool,
    /// Part of the actions that remain random, from episode to episode.
    pub exploration: f64,
}

impl SourceSpec {
    /// STEP: bottleneck, prioritised replay, learnt messages.
    pub const fn step(exploration: f64) -> SourceSpec {
        SourceSpec { speech: Speech::Learnt, bottleneck: true, prioritised: true, exploration }
    }

    /// MADRL: plain and silent.
    pub const fn madrl(exploration: f64) -> SourceSpec {
        SourceSpec { speech: Speech::Silent, bottleneck: false, prioritised: false, exploration }
    }

    /// The predefined protocol: plain, tells the codes of its claims.
    pub const fn predefined(exploration: f64) -> SourceSpec {
        SourceSpec { speech: Speech::Codes, ..SourceSpec::madrl(exploration) }
    }

    fn settings(&self, shape: &Shape, episodes: u32) -> Settings {
        Settings {
            inputs: shape.features,
            messages: if self.speech == Speech::Learnt { shape.messages } else { 0 },
            bottleneck: self.bottleneck,
            sampling: if self.prioritised { Sampling::Prioritised } else { Sampling::Uniform },
            exploration_decay: self.exploration,
            beta_rate: if self.bottleneck { 0.001 } else { 0.0 },
            episodes,
        }
    }
}

/// Who learns, or does not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum LearnerSpec {
    /// Agents of the source document.
    Source(SourceSpec),
    /// A learner beyond it.
    Algorithm {
        /// Which one.
        algorithm: Algorithm,
        /// Whether its agents talk.
        talks: bool,
        /// Its tuning.
        tuning: Tuning,
    },
    /// A rule that does not learn.
    Rule(RuleSpec),
}

impl LearnerSpec {
    /// Whether its agents talk.
    pub fn talks(&self) -> bool {
        match self {
            LearnerSpec::Source(source) => source.speech != Speech::Silent,
            LearnerSpec::Algorithm { talks, .. } => *talks,
            LearnerSpec::Rule(_) => false,
        }
    }
}

/// A training and its judgements.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// What it belongs to, as `group/method`.
    pub name: String,
    /// Where it learns.
    pub world: WorldSpec,
    /// Who learns.
    pub learner: LearnerSpec,
    /// Its seed.
    pub seed: u64,
    /// Episodes of the training.
    pub episodes: u32,
    /// Where it is judged, by name.
    pub judgements: Vec<(String, WorldSpec)>,
    /// Episodes of a judgement.
    pub judged_episodes: u32,
}

/// How a training went.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TrainingCurve {
    /// Conflicts in each ten episodes.
    pub conflicts_of_ten: Vec<u32>,
    /// Means of each hundred episodes.
    pub hundreds: Vec<Judged>,
}

/// What a job came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The job.
    pub job: Job,
    /// Its training.
    pub training: TrainingCurve,
    /// Its judgements, by name, in the job's order.
    pub judged: Vec<(String, Judged)>,
}

impl Outcome {
    /// The judgement of this name.
    pub fn judged(&self, name: &str) -> Option<&Judged> {
        self.judged.iter().find(|(known, _)| known == name).map(|(_, judged)| judged)
    }

    /// Mean conflicts of an episode over the first hundred, the last hundred and all episodes of the training.
    pub fn conflicts(&self) -> [f64; 3] {
        let hundreds: Vec<_> = self.training.hundreds.iter().map(|hundred| hundred.conflicts).collect();
        let all = self.training.conflicts_of_ten.iter().sum::<u32>();
        let (first, last) = (hundreds.first().copied(), hundreds.last().copied());
        [first.unwrap_or(0.0), last.unwrap_or(0.0), f64::from(all) / f64::from(self.job.episodes.max(1))]
    }
}

/// Why a job cannot be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JobError {
    /// There are no captures of this name.
    #[error("There are no captures {0:?}")]
    NoCaptures(String),
    /// The predefined codes need more messages.
    #[error("The predefined codes need {} messages, the space has {messages}", Code::COUNT)]
    FewMessages {
        /// Size of the space.
        messages: usize,
    },
    /// The learner refuses.
    #[error("The learner refuses")]
    Learn(#[from] LearnError),
    /// The environment refuses.
    #[error("The environment refuses")]
    Env(#[from] EnvError),
}

/// Does a job. `progress` is called after each episode, also of judgements.
///
/// # Errors
/// The job is refused.
pub fn run(job: &Job, captures: &Captures, progress: &dyn Fn()) -> Result<Outcome, JobError> {
    let talks = job.learner.talks();
    let mut world = open(&job.world, captures, talks)?;
    let mut team = team(job, &world)?;
    let training = train(job, &mut world, team.as_mut(), progress)?;
    let mut judged = Vec::new();
    for (name, spec) in &job.judgements {
        let mut world = open(spec, captures, talks)?;
        judged.push((name.clone(), judge(&mut world, team.as_mut(), job.seed, job.judged_episodes)?));
        progress();
    }
    Ok(Outcome { job: job.clone(), training, judged })
}

fn open(spec: &WorldSpec, captures: &Captures, talks: bool) -> Result<StudyWorld, JobError> {
    let traces = captures.of(&spec.traffic)?;
    Ok(StudyWorld::new(spec.truth(traces), spec, talks)?)
}

/// Separates the seeds of teams from those of worlds.
const TEAM: u64 = 0x7465_616D;

fn team(job: &Job, world: &StudyWorld) -> Result<Box<dyn TeamLearner>, JobError> {
    let (shape, seed) = (world.shape(), SplitMix64::seed_from_u64(job.seed ^ TEAM).next_u64());
    Ok(match &job.learner {
        LearnerSpec::Source(source) => {
            if source.speech == Speech::Codes && shape.messages < Code::COUNT {
                return Err(JobError::FewMessages { messages: shape.messages });
            }
            Box::new(SourceTeam::new(shape, source.settings(&shape, job.episodes), source.speech, seed))
        }
        LearnerSpec::Algorithm { algorithm, tuning, .. } => algorithm.team(shape, tuning, seed)?,
        LearnerSpec::Rule(rule) => Box::new(RuleTeam::new(shape, &job.world.believed(), rule)),
    })
}

fn train(
    job: &Job,
    world: &mut StudyWorld,
    team: &mut dyn TeamLearner,
    progress: &dyn Fn(),
) -> Result<TrainingCurve, JobError> {
    let mut rollout = Rollout::new(world);
    let mut seeds = SplitMix64::seed_from_u64(job.seed);
    let mut episodes: Vec<Episode> = Vec::new();
    for episode in 0..job.episodes {
        team.begin(episode);
        rollout.play(world, team, Mode::Learn, seeds.next_u64())?;
        episodes.push(world.slices().finish());
        world.slices().forget_latencies();
        progress();
    }
    let of_ten = |ten: &[Episode]| ten.iter().map(|episode| episode.conflicts).sum();
    Ok(TrainingCurve {
        conflicts_of_ten: episodes.chunks(10).map(of_ten).collect(),
        hundreds: episodes.chunks(100).map(mean).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(learner: LearnerSpec) -> Job {
        let world = WorldSpec::source_document(false);
        Job {
            name: "test/one".to_owned(),
            judgements: vec![
                ("plain".to_owned(), world.clone()),
                ("arbiter".to_owned(), WorldSpec { arbiter: true, ..world.clone() }),
            ],
            world,
            learner,
            seed: 3,
            episodes: 20,
            judged_episodes: 10,
        }
    }

    #[test]
    fn equal_jobs_come_to_equal_ends() {
        let tuning = Tuning { exploration_decay: 0.9, ..Tuning::default() };
        let vdn = LearnerSpec::Algorithm { algorithm: Algorithm::Vdn, talks: true, tuning };
        for learner in [LearnerSpec::Source(SourceSpec::step(0.9)), vdn] {
            let outcome = || run(&job(learner.clone()), &Captures::none(), &|| {}).unwrap();
            let one = outcome();
            assert_eq!(one, outcome());
            assert_eq!(one.training.conflicts_of_ten.len(), 2);
            assert!(one.training.conflicts_of_ten[0] > 100, "random claims conflict in most steps");
            let [plain, arbiter] = ["plain", "arbiter"].map(|name| one.judged(name).unwrap());
            assert_eq!((plain.trimmed, arbiter.conflicts), (0.0, 0.0));
        }
    }

    #[test]
    fn jobs_that_make_no_sense_are_refused() {
        let mut few = job(LearnerSpec::Source(SourceSpec::predefined(0.99)));
        few.world.messages = 2;
        let refused = |job: &Job| run(job, &Captures::none(), &|| {}).unwrap_err().to_string();
        assert_eq!(refused(&few), "The predefined codes need 3 messages, the space has 2");
        let mut deaf = job(LearnerSpec::Source(SourceSpec::madrl(0.99)));
        deaf.world.traffic = super::super::TrafficSource::Traces("nobody's".to_owned());
        assert_eq!(refused(&deaf), "There are no captures \"nobody's\"");
    }
}
