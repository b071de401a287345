//! What jobs came to, on disk: one JSON line each, in the order in which they ended.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rayon::ThreadPoolBuilder;
use rayon::iter::{IndexedParallelIterator, IntoParallelRefIterator, ParallelIterator};

use super::captures::Captures;
use super::job::{Job, JobError, Outcome, run};

/// Why jobs cannot be done or kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The file cannot be read or written.
    #[error("Cannot use {path}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A line is no outcome.
    #[error("Line {line} of {path} is no outcome of a job")]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// A job cannot be done.
    #[error("Job {name}, seed {seed}, cannot be done")]
    Job {
        /// The job.
        name: String,
        /// Its seed.
        seed: u64,
        /// Why.
        #[source]
        source: JobError,
    },
    /// An outcome cannot be written as JSON.
    #[error("An outcome cannot be written as JSON")]
    Json(#[from] serde_json::Error),
    /// Threads cannot be started.
    #[error("The threads cannot be started")]
    Threads(#[from] rayon::ThreadPoolBuildError),
}

/// The file, and what it holds by job.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    done: BTreeMap<String, Outcome>,
}

/// What tells jobs apart: all that they are.
fn key(job: &Job) -> Result<String, StoreError> {
    Ok(serde_json::to_string(job)?)
}

impl Store {
    /// The store at `path`, which need not be there yet. An unfinished last line, of a program that was killed, is cut off.
    ///
    /// # Errors
    /// The file cannot be read, or a line is no outcome.
    pub fn open(path: &Path) -> Result<Store, StoreError> {
        let broken = |source| StoreError::File { path: path.to_owned(), source };
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(broken(error)),
        };
        let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
        if whole.len() < text.len() {
            fs::write(path, whole).map_err(broken)?;
        }
        let mut done = BTreeMap::new();
        for (index, line) in whole.lines().enumerate() {
            let parsed = serde_json::from_str(line);
            let outcome: Outcome = parsed.map_err(|source| StoreError::Line {
                path: path.to_owned(),
                line: index + 1,
                source,
            })?;
            done.insert(key(&outcome.job)?, outcome);
        }
        Ok(Store { path: path.to_owned(), done })
    }

    /// Those of `jobs` that are still to be done.
    pub fn missing<'a>(&self, jobs: &'a [Job]) -> Vec<&'a Job> {
        jobs.iter().filter(|job| key(job).is_ok_and(|key| !self.done.contains_key(&key))).collect()
    }

    /// The outcomes of `jobs` in their order; what is not there yet is done now, on `threads` threads (0: one for each
    /// core), and kept. `progress` is called after each episode.
    ///
    /// # Errors
    /// The first job that cannot be done or kept; what was done before is kept.
    pub fn outcomes(
        &mut self,
        jobs: &[Job],
        captures: &Captures,
        threads: usize,
        progress: impl Fn() + Sync,
    ) -> Result<Vec<Outcome>, StoreError> {
        let keys: Vec<_> = jobs.iter().map(key).collect::<Result<_, _>>()?;
        let missing: Vec<_> =
            jobs.iter().zip(&keys).filter(|(_, key)| !self.done.contains_key(*key)).collect();
        if !missing.is_empty() {
            let file = Mutex::new(self.append()?);
            let one = |(job, key): &(&Job, &String)| -> Result<(String, Outcome), StoreError> {
                let refused = |source| StoreError::Job { name: job.name.clone(), seed: job.seed, source };
                let outcome = run(job, captures, &progress).map_err(refused)?;
                self.keep(&file, &outcome)?;
                Ok(((*key).clone(), outcome))
            };
            let pool = ThreadPoolBuilder::new().num_threads(threads).build()?;
            let done: Vec<_> =
                pool.install(|| missing.par_iter().with_max_len(1).map(one).collect::<Result<_, _>>())?;
            self.done.extend(done);
        }
        Ok(keys.iter().filter_map(|key| self.done.get(key).cloned()).collect())
    }

    fn append(&self) -> Result<File, StoreError> {
        let broken = |source| StoreError::File { path: self.path.clone(), source };
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder).map_err(broken)?;
        }
        OpenOptions::new().create(true).append(true).open(&self.path).map_err(broken)
    }

    fn keep(&self, file: &Mutex<File>, outcome: &Outcome) -> Result<(), StoreError> {
        let line = serde_json::to_string(outcome)? + "\n";
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(line.as_bytes()).map_err(|source| StoreError::File { path: self.path.clone(), source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::{LearnerSpec, RuleSpec, SourceSpec, WorldSpec};

    fn jobs() -> Vec<Job> {
        let world = WorldSpec::source_document(true);
        let job = |seed, learner| Job {
            name: "test/one".to_owned(),
            judgements: vec![("plain".to_owned(), world.clone())],
            world: world.clone(),
            learner,
            seed,
            episodes: 5,
            judged_episodes: 2,
        };
        let rule = LearnerSpec::Rule(RuleSpec { margin: 1.0, floor: 2 });
        let madrl = LearnerSpec::Source(SourceSpec::madrl(0.9));
        vec![job(0, rule.clone()), job(1, rule), job(0, madrl.clone()), job(1, madrl)]
    }

    fn outcomes(path: &Path, threads: usize) -> Vec<Outcome> {
        Store::open(path).unwrap().outcomes(&jobs(), &Captures::none(), threads, || {}).unwrap()
    }

    #[test]
    fn outcomes_do_not_depend_on_threads_nor_on_what_was_done_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join("deep").join(name);
        let one = outcomes(&path("one"), 1);
        assert_eq!(one, outcomes(&path("three"), 3));
        let text = fs::read_to_string(path("one")).unwrap();
        let lines: Vec<_> = text.lines().collect();
        fs::write(path("cut"), format!("{}\n{}\n{}", lines[2], lines[0], &lines[1][..40])).unwrap();
        let mut store = Store::open(&path("cut")).unwrap();
        assert_eq!(store.missing(&jobs()).len(), 2);
        assert_eq!(store.outcomes(&jobs(), &Captures::none(), 2, || {}).unwrap(), one);
        assert_eq!(Store::open(&path("cut")).unwrap().missing(&jobs()).len(), 0);
    }

    #[test]
    fn a_foreign_file_is_refused_by_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("foreign");
        fs::write(&path, "{\"a\": 1}\n").unwrap();
        let refused = Store::open(&path).unwrap_err().to_string();
        assert!(
            refused.starts_with("Line 1 of ") && refused.ends_with("is no outcome of a job"),
            "{refused}"
        );
    }
}
