//! Learning from logs: what somebody did, written down, without a step in any world.
//!
//! A log is CSV, one line for each agent in each step, agents in order:
//! `episode,step,agent,level,message,reward,last,allowed,f0,f1,...` with `last` 0 or 1, `allowed` a 0 or 1 for each level,
//! and one column for each feature.

use std::io::{Read, Write};

use super::error::LearnError;
use super::network::Network;
use super::team::{Experience, Mode, TeamLearner};
use super::value::ValueTeam;
use super::world::{Seen, Shape};
use crate::checkpoint::{CheckpointError, Reader, Stateful, Writer};
use crate::env::Action;

/// One step of all agents as it was logged.
#[derive(Debug, Clone, PartialEq)]
pub struct LoggedStep {
    /// What they saw.
    pub seen: Seen,
    /// What they did.
    pub actions: Vec<Action>,
    /// Each one's reward.
    pub rewards: Vec<f32>,
    /// The episode ended with it.
    pub last: bool,
}

/// Episodes, step by step.
#[derive(Debug, Clone, PartialEq)]
pub struct Log {
    shape: Shape,
    steps: Vec<LoggedStep>,
}

/// Columns before the features.
const COLUMNS: [&str; 8] = ["episode", "step", "agent", "level", "message", "reward", "last", "allowed"];

impl Log {
    /// An empty log of a world of `shape`.
    pub const fn new(shape: Shape) -> Log {
        Log { shape, steps: Vec::new() }
    }

    /// Its steps.
    pub fn steps(&self) -> &[LoggedStep] {
        &self.steps
    }

    /// Adds a step.
    pub fn push(&mut self, experience: &Experience<'_>) {
        self.steps.push(LoggedStep {
            seen: experience.before.clone(),
            actions: experience.actions.to_vec(),
            rewards: experience.rewards.to_vec(),
            last: experience.last,
        });
    }

    /// Writes it.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, to: impl Write) -> Result<(), LearnError> {
        let mut table = csv::Writer::from_writer(to);
        let features = (0..self.shape.features).map(|feature| format!("f{feature}"));
        table.write_record(COLUMNS.into_iter().map(str::to_owned).chain(features))?;
        let (mut episode, mut number) = (0u64, 0u64);
        for step in &self.steps {
            for agent in 0..self.shape.agents {
                table.write_record(self.record(step, agent, episode, number))?;
            }
            (episode, number) = if step.last { (episode + 1, 0) } else { (episode, number + 1) };
        }
        table.flush().map_err(csv::Error::from)?;
        Ok(())
    }

    fn record(&self, step: &LoggedStep, agent: usize, episode: u64, number: u64) -> Vec<String> {
        let Action { level, message } = step.actions[agent];
        let flag = |flag: bool| if flag { '1' } else { '0' };
        let allowed: String =
            step.seen.levels_of(agent, &self.shape).iter().map(|level| flag(*level)).collect();
        let mut fields = vec![episode.to_string(), number.to_string()];
        fields.extend([agent, level, message].map(|number| number.to_string()));
        fields.extend([step.rewards[agent].to_string(), flag(step.last).to_string(), allowed]);
        fields.extend(step.seen.of(agent, &self.shape).iter().map(f32::to_string));
        fields
    }

    /// Reads the log of a world of `shape`.
    ///
    /// # Errors
    /// It is no table, has other columns, or a line breaks a rule, which the error names.
    pub fn read(from: impl Read, shape: Shape) -> Result<Log, LearnError> {
        let mut table = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(from);
        let names = table.headers()?.clone();
        let expected = COLUMNS.into_iter().map(str::to_owned);
        let expected = expected.chain((0..shape.features).map(|feature| format!("f{feature}")));
        if !names.iter().eq(expected) {
            let rule =
                format!("the columns must be {} and f0 to f{}", COLUMNS.join(", "), shape.features - 1);
            return Err(LearnError::Log { line: 1, rule });
        }
        let mut log = Log::new(shape);
        let mut agents = Vec::new();
        let mut line = 1;
        for record in table.records() {
            let record = record?;
            line = record.position().map_or(0, csv::Position::line);
            agents.push(
                Line::read(&record, &shape, agents.len()).map_err(|rule| LearnError::Log { line, rule })?,
            );
            if agents.len() == shape.agents {
                let step = joined(&agents, &shape).map_err(|rule| LearnError::Log { line, rule })?;
                log.steps.push(step);
                agents.clear();
            }
        }
        let is_whole = agents.is_empty() && log.steps.last().is_some_and(|step| step.last);
        let rule = || "the last episode must be whole".to_owned();
        if is_whole { Ok(log) } else { Err(LearnError::Log { line, rule: rule() }) }
    }
}

/// One agent's line.
#[derive(Debug)]
struct Line {
    action: Action,
    reward: f32,
    last: bool,
    allowed: Vec<bool>,
    features: Vec<f32>,
}

impl Line {
    fn read(record: &csv::StringRecord, shape: &Shape, agent: usize) -> Result<Line, String> {
        let count = |column: usize, below: usize| {
            let text = record.get(column).unwrap_or_default();
            let value = text.parse::<usize>().ok().filter(|value| *value < below);
            value.ok_or_else(|| format!("{} is {text:?}, it must be a number below {below}", COLUMNS[column]))
        };
        if count(2, shape.agents)? != agent {
            return Err(format!("agent {agent} must follow"));
        }
        let number = |column: usize| {
            let text = record.get(column).unwrap_or_default();
            let value = text.parse::<f32>().ok().filter(|value| value.is_finite());
            value.ok_or_else(|| format!("{text:?} must be a finite number"))
        };
        let allowed: Vec<_> = record.get(7).unwrap_or_default().chars().map(|flag| flag == '1').collect();
        let action = Action { level: count(3, shape.levels)?, message: count(4, shape.messages.max(1))? };
        if allowed.len() != shape.levels || !allowed[action.level] {
            return Err(format!("allowed must have {} flags and allow the level", shape.levels));
        }
        let features = (8..8 + shape.features).map(number).collect::<Result<_, _>>()?;
        Ok(Line { action, reward: number(5)?, last: count(6, 2)? == 1, allowed, features })
    }
}

fn joined(agents: &[Line], shape: &Shape) -> Result<LoggedStep, String> {
    let mut seen = Seen::new(shape);
    let last = agents[0].last;
    if agents.iter().any(|agent| agent.last != last) {
        return Err("last must be the same for all agents of a step".to_owned());
    }
    for (agent, line) in agents.iter().enumerate() {
        seen.features[agent * shape.features..][..shape.features].copy_from_slice(&line.features);
        seen.allowed[agent * shape.levels..][..shape.levels].copy_from_slice(&line.allowed);
    }
    Ok(LoggedStep {
        seen,
        actions: agents.iter().map(|line| line.action).collect(),
        rewards: agents.iter().map(|line| line.reward).collect(),
        last,
    })
}

/// A team whose training steps are logged.
#[derive(Debug)]
pub struct Recording<T> {
    /// The team.
    pub team: T,
    /// What it did.
    pub log: Log,
}

impl<T: TeamLearner> TeamLearner for Recording<T> {
    fn begin(&mut self, episode: u32) {
        self.team.begin(episode);
    }

    fn decide(&mut self, seen: &Seen, mode: Mode, actions: &mut [Action]) {
        self.team.decide(seen, mode, actions);
    }

    fn learn(&mut self, experience: &Experience<'_>) {
        self.log.push(experience);
        self.team.learn(experience);
    }

    fn network(&self, agent: usize) -> Option<Network> {
        self.team.network(agent)
    }
}

impl<T: Stateful> Stateful for Recording<T> {
    fn store(&self, to: &mut Writer<'_>) {
        self.team.store(to);
    }

    fn restore(&mut self, from: &mut Reader<'_>) -> Result<(), CheckpointError> {
        self.team.restore(from)
    }
}

/// Lets `team` learn from `log` alone: `updates` updates from what it remembers of it (the newest steps, if it cannot
/// remember all).
pub fn learn(team: &mut ValueTeam, log: &Log, updates: u32) {
    remember(team, log);
    (0..updates).for_each(|_| team.update());
}

fn remember(team: &mut ValueTeam, log: &Log) {
    let nothing = Seen::new(&log.shape);
    for (index, step) in log.steps.iter().enumerate() {
        let after = log.steps.get(index + 1).filter(|_| !step.last).map_or(&nothing, |next| &next.seen);
        let LoggedStep { seen: before, actions, rewards, last, .. } = step;
        team.remember(&Experience { before, actions, rewards, after, last: *last });
    }
}

/// A team that learns from a log alone: some updates before each episode, which it then plays as well as it can. What
/// happens there teaches it nothing.
#[derive(Debug)]
pub struct OfflineTeam {
    team: ValueTeam,
    updates: u32,
}

impl OfflineTeam {
    /// `team` with what it remembers of `log`; `updates` updates are done before each episode.
    ///
    /// # Errors
    /// The log is of a world of another shape.
    pub fn new(mut team: ValueTeam, log: &Log, updates: u32) -> Result<OfflineTeam, LearnError> {
        let (found, wanted) = (log.shape, team.shape());
        if found != wanted {
            let rule = format!("it is of {found:?}, the world is of {wanted:?}");
            return Err(LearnError::Log { line: 1, rule });
        }
        remember(&mut team, log);
        Ok(OfflineTeam { team, updates })
    }
}

impl TeamLearner for OfflineTeam {
    fn begin(&mut self, episode: u32) {
        self.team.begin(episode);
        (0..self.updates).for_each(|_| self.team.update());
    }

    fn decide(&mut self, seen: &Seen, _: Mode, actions: &mut [Action]) {
        self.team.decide(seen, Mode::Act, actions);
    }

    fn learn(&mut self, _: &Experience<'_>) {}

    fn network(&self, agent: usize) -> Option<Network> {
        self.team.network(agent)
    }
}

impl Stateful for OfflineTeam {
    fn store(&self, to: &mut Writer<'_>) {
        self.team.store(to);
    }

    fn restore(&mut self, from: &mut Reader<'_>) -> Result<(), CheckpointError> {
        self.team.restore(from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::diagnostic::Patience;
    use crate::learn::explore::Exploration;
    use crate::learn::value::ValueSettings;
    use crate::learn::{Rollout, World};

    fn settings(conservative: f64) -> ValueSettings {
        let exploration = Exploration { decay: 1.0, floor: 0.0 };
        ValueSettings { rate: 3e-3, batch: 32, conservative, exploration, ..ValueSettings::default() }
    }

    /// What a team did that only ever tried things out.
    fn log(episodes: u64) -> Log {
        let mut world = Patience::default();
        let team = ValueTeam::new(world.shape(), settings(0.0), 5).unwrap();
        let mut recording = Recording { team, log: Log::new(world.shape()) };
        let mut rollout = Rollout::new(&world);
        for seed in 0..episodes {
            rollout.play(&mut world, &mut recording, Mode::Learn, seed).unwrap();
        }
        recording.log
    }

    #[test]
    fn the_best_is_learnt_from_a_log_of_random_actions() {
        let mut world = Patience::default();
        let log = log(100);
        for conservative in [0.0, 0.1] {
            let mut team = ValueTeam::new(world.shape(), settings(conservative), 1).unwrap();
            learn(&mut team, &log, 1_500);
            let reward = Rollout::new(&world).play(&mut world, &mut team, Mode::Act, 0).unwrap();
            assert_eq!(reward, 1.0, "conservative {conservative}");
        }
    }

    /// Nobody ever tried level 1 of three: its value is a guess, and the conservative penalty keeps away from it.
    #[test]
    fn what_nobody_tried_is_not_believed() {
        let shape = Shape { agents: 1, features: 1, levels: 3, messages: 0 };
        let seen = Seen { features: vec![1.0], allowed: vec![true; 3] };
        let step = |index: usize| LoggedStep {
            seen: seen.clone(),
            actions: vec![Action { level: if index.is_multiple_of(2) { 0 } else { 2 }, message: 0 }],
            rewards: vec![if index.is_multiple_of(2) { -1.0 } else { -2.0 }],
            last: true,
        };
        let log = Log { shape, steps: (0..200).map(step).collect() };
        let chosen = |conservative| {
            let mut team = ValueTeam::new(shape, settings(conservative), 1).unwrap();
            learn(&mut team, &log, 600);
            let mut actions = [Action::default()];
            team.decide(&seen, Mode::Act, &mut actions);
            actions[0].level
        };
        assert_eq!(chosen(0.0), 1, "without the penalty the untried level looks best");
        assert_eq!(chosen(1.0), 0);
    }

    #[test]
    fn a_log_comes_back_as_it_was_written() {
        let log = log(7);
        let mut text = Vec::new();
        log.write(&mut text).unwrap();
        assert_eq!(Log::read(text.as_slice(), log.shape).unwrap(), log);
    }

    #[test]
    fn broken_logs_are_refused_with_line_and_rule() {
        let shape = Shape { agents: 1, features: 1, levels: 2, messages: 0 };
        let head = "episode,step,agent,level,message,reward,last,allowed,f0\n";
        for (lines, expected) in [
            ("0,0,0,2,0,1,1,11,0\n", "Line 2 of the log: level is \"2\", it must be a number below 2"),
            ("0,0,0,0,1,1,1,11,0\n", "Line 2 of the log: message is \"1\", it must be a number below 1"),
            ("0,0,0,0,0,NaN,1,11,0\n", "Line 2 of the log: \"NaN\" must be a finite number"),
            ("0,0,0,0,0,1,1,11,inf\n", "Line 2 of the log: \"inf\" must be a finite number"),
            ("0,0,0,0,0,1,1,01,0\n", "Line 2 of the log: allowed must have 2 flags and allow the level"),
            ("0,0,0,0,0,1,0,11,0\n", "Line 2 of the log: the last episode must be whole"),
            ("", "Line 1 of the log: the last episode must be whole"),
        ] {
            let refused = Log::read(format!("{head}{lines}").as_bytes(), shape).unwrap_err();
            assert_eq!(refused.to_string(), expected);
        }
        let refused = Log::read("a,b\n1,2\n".as_bytes(), shape).unwrap_err().to_string();
        assert!(refused.starts_with("Line 1 of the log: the columns must be episode"), "{refused}");
        assert!(Log::read([0xFF, 0xFE, b'\n'].as_slice(), shape).is_err());
    }
}
