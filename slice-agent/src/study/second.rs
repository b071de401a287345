//! The second evaluation: where nothing that a rule believes is quite true. docs/second-evaluation.md is its protocol,
//! which was written before it ran; this file is that protocol as jobs.

use super::captures::Captures;
use super::job::{Job, LearnerSpec, Outcome};
use super::rules::RuleSpec;
use super::world::{DriftSpec, TrafficSource, WorldSpec};
use crate::learn::{Algorithm, Tuning};

/// The law of the CPU is another than believed, and drifts.
const DRIFT: DriftSpec = DriftSpec { growth: 1.0, deviation: 0.3, correlation: 0.98 };
/// How old observations may be, steps.
const DELAYS: [usize; 5] = [1, 2, 3, 4, 5];
/// Steps that are seen at once.
const WINDOW: usize = 3;

/// A scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecondScenario {
    /// Rule A, hidden arrivals.
    ClaimsHidden,
    /// Rule B, hidden arrivals.
    ConservingHidden,
    /// Rule B, hidden arrivals, captured traffic.
    Traces,
}

impl SecondScenario {
    /// All of them.
    pub const ALL: [SecondScenario; 3] =
        [SecondScenario::ClaimsHidden, SecondScenario::ConservingHidden, SecondScenario::Traces];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            SecondScenario::ClaimsHidden => "a-hidden",
            SecondScenario::ConservingHidden => "b-hidden",
            SecondScenario::Traces => "b-traces",
        }
    }

    /// What it is, in words.
    pub const fn title(self) -> &'static str {
        match self {
            SecondScenario::ClaimsHidden => {
                "Rule A: drifting law, observations 1 to 5 steps old, hidden arrivals"
            }
            SecondScenario::ConservingHidden => {
                "Rule B: drifting law, observations 1 to 5 steps old, hidden arrivals"
            }
            SecondScenario::Traces => "Rule B: the same with captured traffic",
        }
    }

    /// Whether it replays captures.
    pub const fn replays(self) -> bool {
        matches!(self, SecondScenario::Traces)
    }

    /// Where is learnt.
    fn world(self) -> WorldSpec {
        let traffic = match self {
            SecondScenario::Traces => TrafficSource::Traces(Captures::LEARNT.to_owned()),
            SecondScenario::ClaimsHidden | SecondScenario::ConservingHidden => TrafficSource::Synthetic,
        };
        WorldSpec {
            work_conserving: self != SecondScenario::ClaimsHidden,
            arbiter: true,
            messages: 4,
            delays: DELAYS.to_vec(),
            window: WINDOW,
            hidden: true,
            drift: Some(DRIFT),
            traffic,
        }
    }

    /// Where is judged: all delays together, then each end of them; captures that were not learnt from.
    fn judgements(self) -> Vec<(String, WorldSpec)> {
        let world = self.world();
        let with = |name: &str, delays: &[usize], traffic: TrafficSource| {
            (name.to_owned(), WorldSpec { delays: delays.to_vec(), traffic, ..world.clone() })
        };
        if self == SecondScenario::Traces {
            let [judged, other] =
                [Captures::JUDGED, Captures::OTHER].map(|name| TrafficSource::Traces(name.to_owned()));
            return vec![with(ALL, &DELAYS, judged), with("another capture", &DELAYS, other)];
        }
        let synthetic = || TrafficSource::Synthetic;
        vec![
            with(ALL, &DELAYS, synthetic()),
            with("delay 1", &[1], synthetic()),
            with("delay 5", &[5], synthetic()),
        ]
    }
}

/// The judgement that counts.
const ALL: &str = "all delays";

/// Whoever takes part: a name, and the settings that its tuning may choose from.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// Its name.
    pub name: &'static str,
    /// What may be chosen; one when there is nothing to tune.
    pub choices: Vec<LearnerSpec>,
}

/// How much is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Second {
    /// Seeds of the tuning, from 0 on.
    pub tuning_seeds: u64,
    /// Held-out seeds.
    pub seeds: u64,
    /// Episodes of a training.
    pub episodes: u32,
    /// Episodes of a judgement.
    pub judged_episodes: u32,
}

impl Second {
    /// What the protocol says.
    pub const FULL: Second = Second { tuning_seeds: 2, seeds: 10, episodes: 200, judged_episodes: 100 };

    /// The first held-out seed: no tuning comes near.
    const FIRST_HELD_OUT: u64 = 1_000;

    /// Name of the judgement that counts.
    pub const COUNTS: &'static str = ALL;

    /// Name of the rule that is to be beaten.
    pub const RULE: &'static str = "demand-floor";

    /// Rules first, then learners.
    pub fn candidates() -> Vec<Candidate> {
        let rule = |margin, floor| LearnerSpec::Rule(RuleSpec { margin, floor });
        let one = |name, learner| Candidate { name, choices: vec![learner] };
        let margins = [1.0, 1.25, 1.5, 2.0];
        let tuned = margins.into_iter().flat_map(|margin| (0..5).map(move |floor| rule(margin, floor)));
        let learners =
            [Algorithm::DoubleDqn, Algorithm::Vdn, Algorithm::Qmix, Algorithm::Mappo, Algorithm::Dial];
        let mut candidates = vec![
            one("static", rule(0.0, 2)),
            one("demand", rule(1.0, 0)),
            one(Second::RULE, rule(1.0, 2)),
            Candidate { name: "tuned rule", choices: tuned.collect() },
        ];
        candidates.extend(
            learners
                .into_iter()
                .map(|algorithm| Candidate { name: algorithm.name(), choices: choices(algorithm) }),
        );
        candidates
    }

    /// The jobs of a candidate's tuning in a scenario, choice by choice, seed by seed; none when there is no choice.
    pub fn tuning(&self, scenario: SecondScenario, candidate: &Candidate) -> Vec<Job> {
        if candidate.choices.len() < 2 {
            return Vec::new();
        }
        let part = |learner| (0..self.tuning_seeds).map(move |seed| (learner, seed));
        let judged = || vec![(ALL.to_owned(), scenario.world())];
        let jobs = candidate.choices.iter().flat_map(part);
        jobs.map(|(learner, seed)| self.job("tuning", scenario, candidate, learner, seed, judged())).collect()
    }

    /// The choice with the best mean reward; `outcomes` are those of [`Second::tuning`].
    pub fn choose<'a>(&self, candidate: &'a Candidate, outcomes: &[Outcome]) -> &'a LearnerSpec {
        let reward =
            |outcome: &Outcome| outcome.judged(ALL).map_or(f64::NEG_INFINITY, |judged| judged.reward);
        let seeds = usize::try_from(self.tuning_seeds).unwrap_or(1).max(1);
        let sums = outcomes.chunks(seeds).map(|seeds| seeds.iter().map(reward).sum::<f64>());
        let best = sums.enumerate().max_by(|(_, a), (_, b)| a.total_cmp(b)).map_or(0, |(index, _)| index);
        &candidate.choices[best.min(candidate.choices.len() - 1)]
    }

    /// The jobs that count, seed by seed.
    pub fn judging(
        &self,
        scenario: SecondScenario,
        candidate: &Candidate,
        learner: &LearnerSpec,
    ) -> Vec<Job> {
        let first = Second::FIRST_HELD_OUT;
        let judged = || scenario.judgements();
        let seeds = first..first + self.seeds;
        seeds.map(|seed| self.job("second", scenario, candidate, learner, seed, judged())).collect()
    }

    fn job(
        &self,
        part: &str,
        scenario: SecondScenario,
        candidate: &Candidate,
        learner: &LearnerSpec,
        seed: u64,
        judgements: Vec<(String, WorldSpec)>,
    ) -> Job {
        let learns = !matches!(learner, LearnerSpec::Rule(_));
        Job {
            name: format!("{part}/{}/{}", scenario.name(), candidate.name),
            world: scenario.world(),
            learner: learner.clone(),
            seed,
            episodes: if learns { self.episodes } else { 0 },
            judgements,
            judged_episodes: self.judged_episodes,
        }
    }
}

/// The same four choices for every learner: rate and discount.
fn choices(algorithm: Algorithm) -> Vec<LearnerSpec> {
    let tuning =
        Tuning { exploration_decay: 0.98, exploration_floor: 0.02, update_every: 2, ..Tuning::default() };
    let rates = [5e-4, 2e-3];
    let of_rate = |rate| [0.7, 0.95].map(|gamma| Tuning { rate, gamma, ..tuning });
    let spec = |tuning| LearnerSpec::Algorithm { algorithm, talks: algorithm.must_talk(), tuning };
    rates.into_iter().flat_map(of_rate).map(spec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_learner_has_the_same_search_and_the_rule_a_larger_one() {
        let candidates = Second::candidates();
        let learners: Vec<_> = candidates.iter().filter(|candidate| candidate.choices.len() == 4).collect();
        assert!(learners.len() >= 4);
        let jobs = |candidate: &Candidate| Second::FULL.tuning(SecondScenario::ClaimsHidden, candidate).len();
        assert!(learners.iter().all(|candidate| jobs(candidate) == 8));
        let rule = candidates.iter().find(|candidate| candidate.name == "tuned rule").unwrap();
        assert_eq!(jobs(rule), 40);
    }

    #[test]
    fn no_seed_of_the_tuning_is_judged() {
        let candidates = Second::candidates();
        let candidate = candidates.last().unwrap();
        let tuned = Second::FULL.tuning(SecondScenario::Traces, candidate);
        let judged = Second::FULL.judging(SecondScenario::Traces, candidate, &candidate.choices[0]);
        assert!(tuned.iter().all(|tuned| judged.iter().all(|judged| judged.seed != tuned.seed)));
        assert_eq!(judged.len(), 10);
        assert!(judged.iter().all(|job| job.judgements[0].1.traffic != job.world.traffic));
    }
}
