//! Threads that talk to back ends, so that a slow one holds nobody else up.

use std::collections::BTreeMap;
use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use super::super::store::Intent;
use super::{Job, Message, Outbox, RETRY};
use crate::api::{Compute, ComputeChunk, ComputeType, Id};
use crate::backend::{BackendError, ComputeBackend};
use crate::compose::{Quota, Usage};

/// A back end for each type of compute that the server drives.
pub type Backends = Vec<(ComputeType, Box<dyn ComputeBackend>)>;

/// What a back end is to do.
#[derive(Debug)]
pub(super) enum Work {
    /// Make an intent real.
    Act { seq: i64, compute: Box<Compute>, intent: Box<Intent> },
    /// Tell what a chunk uses, for a job that goes on then.
    Measure { job: Box<Job>, compute: Box<Compute>, chunk: Id },
}

/// One thread for each back end.
#[derive(Debug)]
pub(super) struct Workers {
    by_type: BTreeMap<&'static str, Desk>,
    outbox: Outbox,
}

#[derive(Debug)]
struct Desk {
    /// None if the back end never acts.
    sender: Option<Sender<(Work, bool)>>,
}

impl Workers {
    pub(super) fn start(backends: Backends, outbox: &Outbox) -> io::Result<Self> {
        let mut by_type = BTreeMap::new();
        for (compute_type, backend) in backends {
            let sender = match backend.acts() {
                true => Some(spawn(compute_type, backend, outbox.clone())?),
                false => None,
            };
            by_type.insert(compute_type.name(), Desk { sender });
        }
        Ok(Self { by_type, outbox: outbox.clone() })
    }

    /// Whether something outside follows changes of such computes. A type without a back end does act, as far as the
    /// answer "there is no back end" is concerned.
    pub(super) fn acts(&self, compute_type: ComputeType) -> bool {
        self.by_type.get(compute_type.name()).is_none_or(|desk| desk.sender.is_some())
    }

    pub(super) fn send(&self, work: Work) {
        self.post(work, false);
    }

    /// After a while.
    pub(super) fn send_later(&self, work: Work) {
        self.post(work, true);
    }

    fn post(&self, work: Work, later: bool) {
        let name = work.compute().compute_type.name();
        let sender = self.by_type.get(name).and_then(|desk| desk.sender.as_ref());
        let left = match sender {
            Some(sender) => sender.send((work, later)).err().map(|unsent| unsent.0.0),
            None => Some(work),
        };
        if let Some(work) = left {
            let reason = format!("this server has no back end for computes of type {name}");
            // The engine listens for as long as it has workers.
            let _ = self.outbox.send(work.failed(BackendError::Refused { reason }));
        }
    }
}

impl Work {
    const fn compute(&self) -> &Compute {
        match self {
            Self::Act { compute, .. } | Self::Measure { compute, .. } => compute,
        }
    }

    fn failed(self, error: BackendError) -> Message {
        match self {
            Self::Act { seq, .. } => Message::Done(seq, Err(error)),
            Self::Measure { job, .. } => Message::Measured(job, Err(error)),
        }
    }

    fn run(self, backend: &mut dyn ComputeBackend) -> Message {
        match self {
            Self::Act { seq, compute, intent } => Message::Done(seq, act(backend, &compute, &intent)),
            Self::Measure { job, compute, chunk } => {
                let usage: Result<Usage, BackendError> = backend.usage(&compute, &chunk);
                Message::Measured(job, usage)
            }
        }
    }
}

fn spawn(
    compute_type: ComputeType,
    mut backend: Box<dyn ComputeBackend>,
    outbox: Outbox,
) -> io::Result<Sender<(Work, bool)>> {
    let (sender, receiver): (_, Receiver<(Work, bool)>) = channel();
    let run = move || {
        for (work, later) in receiver {
            if later {
                thread::sleep(RETRY);
            }
            if outbox.send(work.run(backend.as_mut())).is_err() {
                return;
            }
        }
    };
    thread::Builder::new().name(compute_type.name().into()).spawn(run)?;
    Ok(sender)
}

fn act(backend: &mut dyn ComputeBackend, compute: &Compute, intent: &Intent) -> Result<(), BackendError> {
    match (&intent.before, &intent.after) {
        (None, Some(after)) => backend.reserve(compute, after),
        (Some(before), None) => backend.release(compute, &before.id),
        (Some(before), Some(after)) => {
            differences(before, after).try_for_each(|quota| backend.resize(compute, &after.id, quota))
        }
        (None, None) => Ok(()),
    }
}

fn differences(before: &ComputeChunk, after: &ComputeChunk) -> impl Iterator<Item = Quota> {
    let (before, after) = (before.requirements, after.requirements);
    let cpus = (before.cpus != after.cpus).then_some(Quota::Cpus(after.cpus.required));
    let ram = (before.ram != after.ram).then_some(Quota::Ram(after.ram.required));
    let storage = (before.storage != after.storage).then_some(Quota::Storage(after.storage.required));
    [cpus, ram, storage].into_iter().flatten()
}
