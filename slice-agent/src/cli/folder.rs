//! The folder of a run: its configuration, where it comes from, and for each training checkpoints and metrics.
//!
//! ```text
//! RUN/config.toml                     what was asked for
//! RUN/run.json                        program, revision, command line
//! RUN/METHOD-seed-N/metrics.csv       one line for each episode
//! RUN/METHOD-seed-N/metrics.jsonl     the same
//! RUN/METHOD-seed-N/training.safetensors   everything, to go on from
//! RUN/METHOD-seed-N/agent-I.safetensors    the weights of slice I's agent
//! RUN/conflicts.svg                   how conflicts fall
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use slice_agent::checkpoint::{Checkpoint, CheckpointError, Kind, write_whole};
use slice_agent::eval::Episode;
use slice_agent::learn::Training;

use super::Failure;
use super::config::{Draft, RunConfig};

/// The folder of a run.
#[derive(Debug, Clone)]
pub(super) struct RunFolder(PathBuf);

/// What a run says about where it comes from.
#[derive(Serialize)]
struct Origin {
    program: &'static str,
    version: &'static str,
    /// Of the folder that the program was started in, if that is under git.
    git_revision: Option<String>,
    command: Vec<String>,
    vectors: &'static str,
}

/// One line of metrics.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Line {
    pub(super) episode: u32,
    pub(super) conflicts: u32,
    pub(super) trimmed: usize,
    pub(super) latency_ms: f64,
    pub(super) network_utilisation: f64,
    pub(super) exploitation: f64,
    pub(super) reward: f64,
}

impl Line {
    pub(super) fn of(episode: u32, learnt: &Episode) -> Line {
        Line {
            episode,
            conflicts: learnt.conflicts,
            trimmed: learnt.trimmed_claims,
            latency_ms: learnt.latency_ms,
            network_utilisation: learnt.network_utilisation,
            exploitation: learnt.exploitation,
            reward: learnt.reward,
        }
    }
}

impl RunFolder {
    /// Makes the folder of a new run.
    pub(super) fn create(path: &Path, config: &RunConfig) -> Result<RunFolder, Failure> {
        if path.join("config.toml").exists() {
            return Err(format!("{} holds a run already; go on with it by --resume", path.display()).into());
        }
        fs::create_dir_all(path).map_err(|error| format!("Cannot make {}: {error}", path.display()))?;
        let origin = Origin {
            program: env!("CARGO_PKG_NAME"),
            version: env!("CARGO_PKG_VERSION"),
            git_revision: git_revision(),
            command: std::env::args().collect(),
            vectors: slice_agent::vectors(),
        };
        write_whole(&path.join("run.json"), &serde_json::to_vec_pretty(&origin)?)?;
        write_whole(&path.join("config.toml"), toml::to_string(config)?.as_bytes())?;
        Ok(RunFolder(path.to_owned()))
    }

    /// The folder of a run that was begun, and its configuration.
    pub(super) fn open(path: &Path) -> Result<(RunFolder, RunConfig), Failure> {
        let config = Draft::read(Some(&path.join("config.toml")))?.finish()?;
        Ok((RunFolder(path.to_owned()), config))
    }

    /// Where the folder is.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// The folder of one training, made if it is missing.
    pub(super) fn training(&self, method: &str, seed: u64) -> Result<TrainingFolder, Failure> {
        let path = self.0.join(format!("{method}-seed-{seed}"));
        fs::create_dir_all(&path).map_err(|error| format!("Cannot make {}: {error}", path.display()))?;
        Ok(TrainingFolder(path))
    }
}

/// The folder of one training.
#[derive(Debug)]
pub(super) struct TrainingFolder(PathBuf);

impl TrainingFolder {
    /// Stores metrics, then weights, then everything: whenever it is cut off, the training that is stored has its metrics.
    pub(super) fn store(&self, training: &Training, lines: &[Line]) -> Result<(), Failure> {
        self.write("metrics.csv", comma_separated(lines)?.as_bytes())?;
        self.write("metrics.jsonl", json_lines(lines)?.as_bytes())?;
        for agent in training.agents() {
            let name = format!("agent-{}.safetensors", agent.card().slice);
            agent.to_checkpoint()?.save(&self.0.join(name))?;
        }
        let mut whole = Checkpoint::new(Kind::Training);
        whole.describe("seed", &training.seed())?;
        whole.store("", training);
        Ok(whole.save(&self.0.join("training.safetensors"))?)
    }

    /// Takes the training up where it was stored; returns its metrics so far.
    pub(super) fn resume(&self, training: &mut Training) -> Result<Vec<Line>, Failure> {
        let path = self.0.join("training.safetensors");
        if !path.exists() {
            return Ok(Vec::new());
        }
        let named = |error: CheckpointError| {
            format!("Cannot go on from {}: {}", path.display(), super::chain(&error))
        };
        let whole = Checkpoint::load(&path).map_err(named)?;
        whole.expect(Kind::Training).map_err(named)?;
        whole.restore("", training).map_err(named)?;
        let text = fs::read_to_string(self.0.join("metrics.jsonl"))?;
        let done = usize::try_from(training.episodes_done())?;
        let lines: Vec<Line> = text.lines().take(done).map(serde_json::from_str).collect::<Result<_, _>>()?;
        if lines.len() < done {
            return Err(format!("{} has {} lines for {done} episodes", self.0.display(), lines.len()).into());
        }
        Ok(lines)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        Ok(write_whole(&self.0.join(name), bytes)?)
    }
}

fn json_lines(lines: &[Line]) -> Result<String, Failure> {
    let mut text = String::new();
    for line in lines {
        text += &serde_json::to_string(line)?;
        text.push('\n');
    }
    Ok(text)
}

fn comma_separated(lines: &[Line]) -> Result<String, Failure> {
    let mut table = csv::Writer::from_writer(Vec::new());
    for line in lines {
        table.serialize(line)?;
    }
    Ok(String::from_utf8(table.into_inner()?)?)
}

fn git_revision() -> Option<String> {
    let describe = ["describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"];
    let output = std::process::Command::new("git").args(describe).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
