//! What a run does: a TOML file, settings by name on top of it, all with defaults.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use slice_agent::env::{
    CpuDrift, CpuLaw, EnvConfig, PreemptionRule, Resource, SliceEnv, SliceSpec, TrafficModel,
};
use slice_agent::learn::offline::Log;
use slice_agent::learn::replay::Sampling;
use slice_agent::learn::{
    Algorithm, Method, Offline, Recipe, Settings, SliceWorld, Training, Tuning, World as _,
};
use slice_agent::traffic::{SliceClass, TraceColumns, TrafficSpec, TrafficTrace};
use toml::{Table, Value};

use super::{Failure, chain};
use slice_agent::study::offsets;

/// A run: methods times seeds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RunConfig {
    /// Learning methods: step, madrl, predefined, dqn, double-dqn, duelling-dqn, vdn, qmix, mappo, dial.
    pub(super) methods: Vec<String>,
    /// Number of seeds.
    pub(super) seeds: u64,
    /// The first seed; the others follow it.
    pub(super) first_seed: u64,
    /// Episodes of each training.
    pub(super) episodes: u32,
    /// Episodes from one checkpoint to the next.
    pub(super) checkpoint_every: u32,
    /// Random part of the actions, episode by episode to the power of; the method's own if left out.
    pub(super) exploration: Option<f64>,
    /// The stochastic bottleneck; as the method has it if left out.
    pub(super) bottleneck: Option<bool>,
    /// Growth of the bottleneck's weight in the loss, per episode; the method's own if left out.
    pub(super) beta_rate: Option<f64>,
    /// Prioritised replay; as the method has it if left out.
    pub(super) prioritised: Option<bool>,
    /// Whether learners beyond the source document talk; only those that must, if left out.
    pub(super) talks: Option<bool>,
    /// What they learn from instead of what they do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) offline: Option<OfflineRun>,
    /// Their tuning; the source document's methods have theirs.
    pub(super) tuning: Tuning,
    /// The world.
    pub(super) env: World,
}

/// Learning from a log alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OfflineRun {
    /// The log: CSV, as `slice-agent record` writes it.
    pub(super) log: PathBuf,
    /// Updates before each episode, which only shows what has been learnt.
    #[serde(default = "updates")]
    pub(super) updates: u32,
    /// Weight of the penalty on values of levels that nobody tried.
    #[serde(default)]
    pub(super) conservative: f64,
}

fn updates() -> u32 {
    60
}

/// The world of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct World {
    /// What is shared: cpu or prb.
    pub(super) resource: String,
    /// When claims beyond shares are a conflict: claims or work-conserving.
    pub(super) rule: String,
    /// Whether the arbiter turns claims into grants.
    pub(super) arbiter: bool,
    /// Size of the message space.
    pub(super) messages: usize,
    /// Length of a step, ms.
    pub(super) step_ms: f64,
    /// Steps of an episode.
    pub(super) episode_steps: u32,
    /// Steps by which the arrivals that agents see are old.
    pub(super) delay_steps: usize,
    /// Agents see no arrivals at all.
    pub(super) hidden_demand: bool,
    /// CPU cycles of a bit at low rates.
    pub(super) cycles_per_bit: f64,
    /// Growth of the cycles at 50 Mbit/s.
    pub(super) growth: f64,
    /// Deviation of the logarithm of the factor by which the cycles drift.
    pub(super) drift_deviation: f64,
    /// Correlation of that factor from step to step.
    pub(super) drift_correlation: f64,
    /// CPU of each slice when PRBs are shared, GHz.
    pub(super) prb_cpu_ghz: f64,
    /// The slices.
    pub(super) slices: Vec<Slice>,
}

/// A slice of the world. What is left out is that of its class.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Slice {
    /// embb, urllc or mmtc.
    pub(super) class: String,
    /// Share of the resource: GHz of CPU, or a number of PRBs.
    pub(super) share: f64,
    /// Radio bandwidth, MHz.
    pub(super) bandwidth_mhz: f64,
    /// Mean of the traffic, Mbit/s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mean_mbps: Option<f64>,
    /// Standard deviation of the traffic, Mbit/s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) deviation_mbps: Option<f64>,
    /// Part of the time with more traffic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) on_probability: Option<f64>,
    /// Mean length of a time with more traffic, steps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) on_steps: Option<f64>,
    /// A capture instead of the process: CSV with Time and Length.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) trace: Option<PathBuf>,
}

impl Default for RunConfig {
    fn default() -> RunConfig {
        RunConfig {
            methods: Method::ALL.map(|method| method.name().to_owned()).to_vec(),
            seeds: 2,
            first_seed: 0,
            episodes: 500,
            checkpoint_every: 50,
            exploration: None,
            bottleneck: None,
            beta_rate: None,
            prioritised: None,
            talks: None,
            offline: None,
            tuning: Tuning::default(),
            env: World::default(),
        }
    }
}

impl Default for World {
    fn default() -> World {
        let slice = |class: SliceClass, share, bandwidth_mhz| {
            let class = class.name().to_lowercase();
            Slice { class, share, bandwidth_mhz, ..Slice::default() }
        };
        World {
            resource: "cpu".to_owned(),
            rule: "claims".to_owned(),
            arbiter: false,
            messages: 4,
            step_ms: 10.0,
            episode_steps: 60,
            delay_steps: 0,
            hidden_demand: false,
            cycles_per_bit: 450.0,
            growth: 0.0,
            drift_deviation: 0.0,
            drift_correlation: 0.0,
            prb_cpu_ghz: 15.0,
            slices: vec![
                slice(SliceClass::Embb, 15.0, 20.0),
                slice(SliceClass::Urllc, 15.0, 10.0),
                slice(SliceClass::Mmtc, 10.0, 20.0),
            ],
        }
    }
}

/// Where a configuration comes from before it is one.
#[derive(Debug, Clone)]
pub(super) struct Draft(Table);

impl Draft {
    /// The defaults, with the file at `path` on top if there is one.
    pub(super) fn read(path: Option<&Path>) -> Result<Draft, Failure> {
        let mut draft = Draft(Table::try_from(RunConfig::default())?);
        if let Some(path) = path {
            let named = |error: &dyn std::fmt::Display| format!("Cannot use {}: {error}", path.display());
            let text = std::fs::read_to_string(path).map_err(|error| named(&error))?;
            let table: Table = text.parse().map_err(|error| named(&error))?;
            merge(&mut draft.0, table);
        }
        Ok(draft)
    }

    /// Sets the field at `path`, as `env.messages` or `env.slices.0.share`, to a value as TOML writes it; a text needs no
    /// quotes.
    pub(super) fn set(&mut self, path: &str, value: &str) -> Result<(), Failure> {
        let parsed =
            format!("value = {value}").parse::<Table>().ok().and_then(|mut table| table.remove("value"));
        let value = parsed.unwrap_or_else(|| Value::String(value.to_owned()));
        let (parent, name) = match path.rsplit_once('.') {
            Some((parents, name)) => (self.find(parents)?, name),
            None => (&mut self.0, path),
        };
        parent.insert(name.to_owned(), value);
        Ok(())
    }

    fn find(&mut self, path: &str) -> Result<&mut Table, Failure> {
        let unknown = || format!("There is no part {path} in the configuration");
        let mut names = path.split('.');
        let first = names.next().and_then(|name| self.0.get_mut(name)).ok_or_else(unknown)?;
        let found = names.try_fold(first, |value, name| match value {
            Value::Array(items) => items.get_mut(name.parse::<usize>().ok()?),
            Value::Table(table) => table.get_mut(name),
            Value::String(_)
            | Value::Integer(_)
            | Value::Float(_)
            | Value::Boolean(_)
            | Value::Datetime(_) => None,
        });
        found.and_then(Value::as_table_mut).ok_or_else(|| unknown().into())
    }

    /// The configuration, if every field is known and has its type.
    pub(super) fn finish(self) -> Result<RunConfig, Failure> {
        let config: RunConfig =
            self.0.try_into().map_err(|error| format!("The configuration is wrong: {error}"))?;
        config.check()?;
        Ok(config)
    }
}

/// Puts what is in `table` over what is in `base`, table by table.
fn merge(base: &mut Table, table: Table) {
    for (name, value) in table {
        match (base.get_mut(&name), value) {
            (Some(Value::Table(old)), Value::Table(new)) => merge(old, new),
            (_, value) => drop(base.insert(name, value)),
        }
    }
}

impl RunConfig {
    fn check(&self) -> Result<(), Failure> {
        let rule = |holds: bool, text: &str| if holds { Ok(()) } else { Err(Failure::from(text.to_owned())) };
        rule((1..=1_000).contains(&self.seeds), "seeds must be from 1 to 1000")?;
        rule((1..=100_000).contains(&self.episodes), "episodes must be from 1 to 100000")?;
        rule(self.checkpoint_every > 0, "checkpoint_every must be at least 1")?;
        rule(self.first_seed.checked_add(self.seeds).is_some(), "The seeds exceed 64 bits")?;
        let is_part = |value: Option<f64>| value.is_none_or(|value| (0.0..=1.0).contains(&value));
        rule(is_part(self.exploration), "exploration: It must lie between 0 and 1")?;
        let is_rate = self.beta_rate.is_none_or(|rate| rate.is_finite() && rate >= 0.0);
        rule(is_rate, "beta_rate must be at least 0")?;
        rule(!self.methods.is_empty(), "methods must name at least one")?;
        // As an environment: its configuration alone does not know whether its traffic can exist.
        let env = self.env.build()?;
        SliceEnv::new(env.clone(), 0)?;
        let all = self.recipes(&env)?;
        all.iter().try_for_each(|recipe| Ok(Training::new(recipe, env.clone(), 0, 1).map(drop)?))
    }

    /// What is trained in an environment of `env`.
    pub(super) fn recipes(&self, env: &EnvConfig) -> Result<Vec<Recipe>, Failure> {
        self.methods.iter().map(|name| self.recipe(name, env)).collect()
    }

    fn recipe(&self, name: &str, env: &EnvConfig) -> Result<Recipe, Failure> {
        if let Some(method) = Method::ALL.into_iter().find(|method| method.name() == name) {
            if self.offline.is_some() {
                return Err(format!("{name} learns from what it does itself, not from a log").into());
            }
            return Ok(Recipe::Source { method, settings: self.settings(method, env) });
        }
        let Some(algorithm) = Algorithm::ALL.into_iter().find(|algorithm| algorithm.name() == name) else {
            let known = Method::ALL.map(Method::name).into_iter().chain(Algorithm::ALL.map(Algorithm::name));
            let known = known.collect::<Vec<_>>().join(", ");
            return Err(format!("There is no method {name:?}; there are: {known}").into());
        };
        let talks = self.talks.unwrap_or_else(|| algorithm.must_talk());
        let exploration_decay = self.exploration.unwrap_or(self.tuning.exploration_decay);
        let tuning = Tuning { exploration_decay, ..self.tuning };
        let offline = self.offline.as_ref().map(|offline| offline.read(env, talks)).transpose()?;
        Ok(Recipe::Beyond { algorithm, talks, tuning, offline })
    }

    /// The settings of `method` in an environment of `env`.
    fn settings(&self, method: Method, env: &EnvConfig) -> Settings {
        let own = method.settings(env, self.episodes, self.exploration);
        let sampling = match self.prioritised {
            Some(true) => Sampling::Prioritised,
            Some(false) => Sampling::Uniform,
            None => own.sampling,
        };
        Settings {
            sampling,
            bottleneck: self.bottleneck.unwrap_or(own.bottleneck),
            beta_rate: self.beta_rate.unwrap_or(own.beta_rate),
            ..own
        }
    }
}

impl OfflineRun {
    fn read(&self, env: &EnvConfig, talks: bool) -> Result<Offline, Failure> {
        let shape = SliceWorld::new(env.clone(), talks)?.shape();
        let named =
            |error: &dyn std::error::Error| format!("Cannot use {}: {}", self.log.display(), chain(error));
        let file = File::open(&self.log).map_err(|error| named(&error))?;
        let log = Log::read(file, shape).map_err(|error| named(&error))?;
        Ok(Offline { log: Arc::new(log), updates: self.updates, conservative: self.conservative })
    }
}

impl World {
    /// As the library knows it.
    pub(super) fn build(&self) -> Result<EnvConfig, Failure> {
        let rule = match self.rule.as_str() {
            "claims" => PreemptionRule::Claims,
            "work-conserving" => PreemptionRule::WorkConserving,
            other => {
                return Err(format!("env.rule is {other:?}, it must be claims or work-conserving").into());
            }
        };
        let resource = match Resource::by_name(&self.resource) {
            Some(Resource::Prb { .. }) => Resource::Prb { cpu_hz: 1e9 * self.prb_cpu_ghz },
            Some(resource) => resource,
            None => return Err(format!("env.resource is {:?}, it must be cpu or prb", self.resource).into()),
        };
        let mut config = EnvConfig {
            step_s: self.step_ms / 1e3,
            episode_steps: self.episode_steps,
            messages: self.messages,
            arbiter: self.arbiter,
            resource,
            cpu: CpuLaw { cycles_per_bit: self.cycles_per_bit, growth: self.growth },
            cpu_drift: CpuDrift { deviation: self.drift_deviation, correlation: self.drift_correlation },
            arrivals_delay_steps: self.delay_steps,
            hidden_demand: self.hidden_demand,
            ..EnvConfig::source_document(rule)
        };
        let build = |(index, slice): (usize, &Slice)| {
            slice.build(&config).map_err(|error| format!("env.slices.{index}: {error}").into())
        };
        config.slices = self.slices.iter().enumerate().map(build).collect::<Result<_, Failure>>()?;
        Ok(config)
    }
}

impl Slice {
    fn build(&self, config: &EnvConfig) -> Result<SliceSpec, Failure> {
        let known = SliceClass::ALL.into_iter().find(|known| known.name().eq_ignore_ascii_case(&self.class));
        let class = known.ok_or_else(|| format!("there is no class {:?}: embb, urllc, mmtc", self.class))?;
        let unit = match config.resource {
            Resource::Cpu => 1e9,
            Resource::Prb { .. } => Resource::PRB_HZ as f64,
        };
        let share_hz = (self.share * unit).round();
        if !(share_hz >= 1.0 && share_hz < u64::MAX as f64) {
            return Err(format!("share is {}, it must be above 0", self.share).into());
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked above")]
        let share_hz = share_hz as u64;
        let traffic = match &self.trace {
            None => TrafficModel::Modulated(self.traffic(class)),
            Some(path) => TrafficModel::Trace(Arc::new(self.trace(path, class, config.step_s)?)),
        };
        Ok(SliceSpec { class, share_hz, bandwidth_hz: 1e6 * self.bandwidth_mhz, traffic })
    }

    fn traffic(&self, class: SliceClass) -> TrafficSpec {
        let own = class.traffic();
        TrafficSpec {
            mean_bps: self.mean_mbps.map_or(own.mean_bps, |mbps| 1e6 * mbps),
            deviation_bps: self.deviation_mbps.map_or(own.deviation_bps, |mbps| 1e6 * mbps),
            on_probability: self.on_probability.unwrap_or(own.on_probability),
            on_steps: self.on_steps.unwrap_or(own.on_steps),
        }
    }

    fn trace(&self, path: &Path, class: SliceClass, step_s: f64) -> Result<TrafficTrace, Failure> {
        read_trace(path, &TraceColumns::default(), self.traffic(class).mean_bps, step_s)
    }
}

/// A capture as the traffic of a slice: twenty copies at random offsets, scaled to `mean_bps`.
pub(super) fn read_trace(
    path: &Path,
    columns: &TraceColumns,
    mean_bps: f64,
    step_s: f64,
) -> Result<TrafficTrace, Failure> {
    let read = || -> Result<TrafficTrace, Failure> {
        let single = TrafficTrace::from_csv_columns(File::open(path)?, columns, step_s)?;
        Ok(single.superpose(&offsets(single.steps()))?.rescale(mean_bps, step_s)?)
    };
    read()
        .map_err(|error| format!("Cannot use the trace {}: {}", path.display(), chain(error.as_ref())).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(path: &str, value: &str) -> String {
        let mut draft = Draft::read(None).unwrap();
        let set = draft.set(path, value);
        chain(set.and_then(|()| draft.finish().map(drop)).unwrap_err().as_ref())
    }

    #[test]
    fn the_defaults_are_the_source_documents_world() {
        let config = Draft::read(None).unwrap().finish().unwrap();
        assert_eq!(config, RunConfig::default());
        assert_eq!(config.env.build().unwrap(), EnvConfig::source_document(PreemptionRule::Claims));
    }

    #[test]
    fn fields_are_set_by_their_path() {
        let mut draft = Draft::read(None).unwrap();
        for (path, value) in [
            ("episodes", "7"),
            ("exploration", "0.9"),
            ("env.rule", "work-conserving"),
            ("env.slices.1.share", "20"),
            ("env.slices.2.mean_mbps", "15.5"),
        ] {
            draft.set(path, value).unwrap();
        }
        let config = draft.finish().unwrap();
        assert_eq!((config.episodes, config.exploration), (7, Some(0.9)));
        let env = config.env.build().unwrap();
        assert_eq!((env.rule, env.slices[1].share_hz), (PreemptionRule::WorkConserving, 20_000_000_000));
    }

    #[test]
    fn wrong_fields_are_named() {
        for (path, value, message) in [
            ("episodse", "7", "unknown field `episodse`"),
            ("episodes", "many", "invalid type: string \"many\""),
            ("episodes", "0", "episodes must be from 1 to 100000"),
            ("env.colour", "1", "unknown field `colour`"),
            ("enf.messages", "1", "There is no part enf in the configuration"),
            ("env.slices.9.share", "1", "There is no part env.slices.9 in the configuration"),
            ("env.slices.0.share", "-1", "env.slices.0: share is -1, it must be above 0"),
            ("env.slices.0.share", "nan", "env.slices.0: share is NaN, it must be above 0"),
            ("env.slices.0.class", "video", "there is no class \"video\": embb, urllc, mmtc"),
            ("env.slices.2.on_probability", "0.9", "a deviation this large allows at most 0.34"),
            ("env.rule", "none", "it must be claims or work-conserving"),
            ("env.resource", "memory", "it must be cpu or prb"),
            ("env.messages", "0", "messages is 0, it must be at least 1"),
            ("methods", "[]", "methods must name at least one"),
            ("methods", "[\"ppo\"]", "There is no method \"ppo\"; there are: step, madrl, predefined, dqn"),
            ("tuning.colour", "1", "unknown field `colour`"),
            ("offline", "{ log = \"/nowhere\" }", "step learns from what it does itself, not from a log"),
            ("exploration", "1.5", "exploration: It must lie between 0 and 1"),
        ] {
            let found = refused(path, value);
            assert!(found.contains(message), "{path}={value}: {found}");
        }
    }

    #[test]
    fn learners_beyond_the_source_document_are_methods_too() {
        let refused = |fields: &[(&str, &str)]| {
            let mut draft = Draft::read(None).unwrap();
            draft.set("methods", "[\"vdn\", \"dial\"]").unwrap();
            fields.iter().for_each(|(path, value)| draft.set(path, value).unwrap());
            draft.finish().map_err(|error| chain(error.as_ref()))
        };
        let config = refused(&[("tuning.rate", "0.002"), ("exploration", "0.9")]).unwrap();
        let recipes = config.recipes(&config.env.build().unwrap()).unwrap();
        assert_eq!(recipes.iter().map(Recipe::talks).collect::<Vec<_>>(), [false, true]);
        let Recipe::Beyond { tuning, .. } = &recipes[0] else { panic!("vdn is beyond") };
        assert_eq!((tuning.rate, tuning.exploration_decay), (0.002, 0.9));
        for (fields, message) in [
            ([("tuning.rate", "-1")].as_slice(), "rate is -1, it must be above 0"),
            (&[("talks", "false")], "dial needs at least 2 messages, the world has 0"),
            (&[("env.messages", "1")], "dial needs at least 2 messages, the world has 1"),
            (&[("offline", "{ log = \"/nowhere\" }")], "Cannot use /nowhere: No such file"),
        ] {
            assert!(refused(fields).unwrap_err().contains(message), "{fields:?}");
        }
    }

    #[test]
    fn one_slice_and_a_hundred_slices_are_worlds() {
        let mut config = RunConfig::default();
        config.env.slices.truncate(1);
        config.check().unwrap();
        config.env.slices = config.env.slices.iter().cycle().take(100).cloned().collect();
        config.check().unwrap();
    }
}
