//! Captured traffic by name, ready for the three slices.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rand_xoshiro::SplitMix64;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

use super::job::JobError;
use super::world::TrafficSource;
use crate::traffic::{SliceClass, TraceError, TrafficTrace};

/// Users that one capture stands for.
const COPIES: usize = 20;
/// Length of a step, s.
const STEP_S: f64 = 0.010;

/// Why captures cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaptureError {
    /// A file cannot be opened.
    #[error("Cannot open {path}")]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file is no capture.
    #[error("Cannot use {path}")]
    Trace {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: TraceError,
    },
}

/// Sets of captures, each for eMBB, URLLC and mMTC.
#[derive(Debug, Clone, Default)]
pub struct Captures {
    sets: BTreeMap<String, Vec<Arc<TrafficTrace>>>,
}

/// The first or the second half of a capture's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Half {
    First,
    Second,
}

impl Captures {
    /// No captures.
    pub fn none() -> Captures {
        Captures::default()
    }

    /// The set that is learnt from: the first halves in time.
    pub const LEARNT: &str = "captures, first halves";
    /// The set that is judged on: the second halves.
    pub const JUDGED: &str = "captures, second halves";
    /// The same with another capture of mMTC, in full.
    pub const OTHER: &str = "captures, another mMTC";

    /// The sets of a folder with the files of the TRACTOR data set that `names` lists (eMBB, URLLC, mMTC, another mMTC).
    ///
    /// # Errors
    /// A file is missing or no capture.
    pub fn read(folder: &Path, names: [&str; 4]) -> Result<Captures, CaptureError> {
        let [embb, urllc, mmtc, other] = names.map(|name| folder.join(name));
        let classes = SliceClass::ALL;
        let set = |half| -> Result<Vec<_>, CaptureError> {
            let files = [&embb, &urllc, &mmtc];
            classes.into_iter().zip(files).map(|(class, file)| one(file, class, Some(half))).collect()
        };
        let (first, second) = (set(Half::First)?, set(Half::Second)?);
        let mut another = second.clone();
        if let Some(last) = another.last_mut() {
            *last = one(&other, SliceClass::Mmtc, None)?;
        }
        let names = [Captures::LEARNT, Captures::JUDGED, Captures::OTHER].map(str::to_owned);
        Ok(Captures { sets: names.into_iter().zip([first, second, another]).collect() })
    }

    /// The traces of `source`; none for synthetic traffic.
    ///
    /// # Errors
    /// There are no such captures.
    pub fn of(&self, source: &TrafficSource) -> Result<Option<&[Arc<TrafficTrace>]>, JobError> {
        let TrafficSource::Traces(name) = source else { return Ok(None) };
        let set = self.sets.get(name).ok_or_else(|| JobError::NoCaptures(name.clone()))?;
        Ok(Some(set))
    }

    /// Whether there are any.
    pub fn is_empty(&self) -> bool {
        self.sets.is_empty()
    }
}

fn one(path: &Path, class: SliceClass, half: Option<Half>) -> Result<Arc<TrafficTrace>, CaptureError> {
    let open = File::open(path).map_err(|source| CaptureError::Open { path: path.to_owned(), source })?;
    let made = TrafficTrace::from_csv(open, STEP_S).and_then(|trace| {
        let part = match half {
            None => trace,
            Some(half) => cut(&trace, half)?,
        };
        part.superpose(&offsets(part.steps()))?.rescale(class.traffic().mean_bps, STEP_S)
    });
    made.map(Arc::new).map_err(|source| CaptureError::Trace { path: path.to_owned(), source })
}

fn cut(trace: &TrafficTrace, half: Half) -> Result<TrafficTrace, TraceError> {
    let (steps, middle) = (trace.steps(), trace.steps() / 2);
    let range = if half == Half::First { 0..middle } else { middle..steps };
    TrafficTrace::from_bits(range.map(|step| trace.at(step, 0)).collect())
}

/// Where the copies of a capture of `steps` steps begin: the same places in every run.
pub fn offsets(steps: usize) -> Vec<usize> {
    let mut random = SplitMix64::seed_from_u64(0);
    let steps = u64::try_from(steps).unwrap_or(u64::MAX).max(1);
    let offset = |_| usize::try_from(random.next_u64() % steps).unwrap_or(0);
    (0..COPIES).map(offset).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (index, name) in ["e.csv", "u.csv", "m.csv", "o.csv"].into_iter().enumerate() {
            let packet = |step: usize| format!("{},{}\n", step as f64 * 0.02, 100 + 40 * index + step % 7);
            let text: String = (0..500).map(packet).collect();
            std::fs::write(folder.path().join(name), format!("Time,Length\n{text}")).unwrap();
        }
        folder
    }

    const NAMES: [&str; 4] = ["e.csv", "u.csv", "m.csv", "o.csv"];

    #[test]
    fn halves_are_apart_and_scaled_to_their_class() {
        let captures = Captures::read(folder().path(), NAMES).unwrap();
        let of = |name: &str| captures.of(&TrafficSource::Traces(name.to_owned())).unwrap().unwrap().to_vec();
        let (learnt, judged, other) = (of(Captures::LEARNT), of(Captures::JUDGED), of(Captures::OTHER));
        for (class, trace) in SliceClass::ALL.into_iter().zip(&learnt) {
            let mean_bps = trace.mean_bits() / STEP_S;
            assert!((mean_bps / class.traffic().mean_bps - 1.0).abs() < 1e-9);
        }
        assert_ne!(learnt[0], judged[0]);
        assert_eq!(judged[..2], other[..2]);
        assert_ne!(judged[2], other[2]);
    }

    #[test]
    fn a_missing_file_is_named() {
        let refused = Captures::read(folder().path(), ["e.csv", "u.csv", "no.csv", "o.csv"]).unwrap_err();
        assert!(refused.to_string().ends_with("no.csv"), "{refused}");
    }
}
