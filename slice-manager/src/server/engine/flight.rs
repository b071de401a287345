//! Changes that a back end is carrying out.

use super::super::Failure;
use super::super::store::{Intent, StoreError};
use super::batch::{Batch, not_stored};
use super::worker::Work;
use super::{Ask, Engine, Job};
use crate::api::{Compute, ComputeChunk, Id, Kind, Resource, Typed as _};
use crate::backend::BackendError;
use crate::compose::{Effect, Usage};

/// A change under way.
#[derive(Debug)]
pub(super) struct Flight {
    pub(super) intent: Intent,
    compute: Box<Compute>,
    effects: Vec<Effect>,
    sealed: Option<Vec<u8>>,
    /// Whether it was counted at once, as what needs more is.
    early: bool,
    /// Who waits for it; nobody if it was taken up after a restart.
    pub(super) job: Option<Job>,
    /// Whether it is being undone.
    back: bool,
}

/// What a decided change needs.
#[derive(Debug)]
pub(super) enum Plan {
    /// Nothing outside.
    Write,
    /// To know what the chunk uses before it gets less.
    Measure(Box<Compute>, Id),
    /// A back end.
    Act(Box<Compute>, Box<Intent>),
}

impl Flight {
    fn work(&self, seq: i64) -> Work {
        let intent = if self.back { self.intent.reversed() } else { self.intent.clone() };
        Work::Act { seq, compute: self.compute.clone(), intent: Box::new(intent) }
    }
}

impl Intent {
    /// Whether the chunk gets more of something than it had.
    fn grows(&self) -> bool {
        match (&self.before, &self.after) {
            (None, after) => after.is_some(),
            (Some(_), None) => false,
            (Some(before), Some(after)) => {
                let (before, after) = (before.requirements, after.requirements);
                after.cpus.required > before.cpus.required
                    || after.ram.required > before.ram.required
                    || after.storage.required > before.storage.required
            }
        }
    }

    fn reversed(&self) -> Self {
        Self { before: self.after.clone(), after: self.before.clone() }
    }

    fn effects(&self) -> Vec<Effect> {
        match (&self.before, &self.after) {
            (_, Some(after)) => vec![Effect::Put(Box::new(Resource::ComputeChunk(after.clone())))],
            (Some(before), None) => vec![Effect::Remove(Kind::ComputeChunk, before.id.clone())],
            (None, None) => Vec::new(),
        }
    }
}

impl Engine {
    /// What the effects of a job need.
    pub(super) fn plan(&self, job: &Job, effects: &[Effect]) -> Plan {
        let Some(intent) = effects.iter().find_map(|effect| self.intent(effect)) else { return Plan::Write };
        let chunk = intent.after.as_ref().or(intent.before.as_ref());
        let compute = chunk.and_then(|chunk| self.world.find::<Compute>(&chunk.compute_id).ok());
        let Some((chunk, compute)) = chunk.zip(compute) else { return Plan::Write };
        if !self.workers.acts(compute.compute_type) {
            return Plan::Write;
        }
        match !intent.grows() && intent.after.is_some() && job.usage.is_none() {
            true => Plan::Measure(Box::new(compute.clone()), chunk.id.clone()),
            false => Plan::Act(Box::new(compute.clone()), Box::new(intent)),
        }
    }

    fn intent(&self, effect: &Effect) -> Option<Intent> {
        let chunk = |id: &Id| self.world.find::<ComputeChunk>(id).ok().cloned();
        match effect {
            Effect::Put(resource) => ComputeChunk::of(resource)
                .map(|after| Intent { before: chunk(&after.id), after: Some(after.clone()) }),
            Effect::Remove(Kind::ComputeChunk, id) => Some(Intent { before: chunk(id), after: None }),
            Effect::Remove(..) => None,
        }
    }

    /// Writes the intent down; the back end acts when that lasts.
    pub(super) fn launch(
        &mut self,
        job: Job,
        intent: Intent,
        compute: Box<Compute>,
        effects: Vec<Effect>,
        sealed: Option<Vec<u8>>,
        batch: &mut Batch,
    ) -> Result<(), StoreError> {
        // A store that fails here fails the batch, which answers everybody who is in it.
        let seq = match self.store.intend(&intent, sealed.as_deref()) {
            Ok(seq) => seq,
            Err(error) => {
                self.refuse(job, not_stored(false, &error), batch);
                return Err(error);
            }
        };
        let early = intent.grows();
        if early {
            self.world.apply(effects.iter().cloned());
        }
        self.busy.extend(intent.chunk().cloned());
        let flight = Flight { intent, compute, effects, sealed, early, job: Some(job), back: false };
        batch.works.push(flight.work(seq));
        batch.launched.push(seq);
        self.flights.insert(seq, flight);
        Ok(())
    }

    /// Takes up what a server that died had begun.
    pub(super) fn take_up(&mut self) -> Result<(), StoreError> {
        for (seq, intent, sealed) in self.store.intents()? {
            let chunk = intent.after.as_ref().or(intent.before.as_ref());
            let Some(compute) = chunk.and_then(|chunk| self.world.find::<Compute>(&chunk.compute_id).ok())
            else {
                self.store.settle(seq)?;
                continue;
            };
            let compute = Box::new(compute.clone());
            tracing::info!(chunk = %chunk.map(|chunk| chunk.id.as_str()).unwrap_or_default(), "Taking up a change");
            let (effects, early) = (intent.effects(), intent.grows());
            if early {
                self.world.apply(effects.iter().cloned());
            }
            self.busy.extend(intent.chunk().cloned());
            let flight = Flight { intent, compute, effects, sealed, early, job: None, back: false };
            self.workers.send(flight.work(seq));
            self.flights.insert(seq, flight);
        }
        Ok(())
    }

    /// The chunk's use is known: the change is decided with it.
    pub(super) fn measured(
        &mut self,
        mut job: Job,
        usage: Result<Usage, BackendError>,
        batch: &mut Batch,
    ) -> Result<(), StoreError> {
        if let Ask::Resize(chunk, _) = &job.ask {
            self.busy.remove(chunk);
        }
        self.unpark();
        match usage {
            Err(error) => {
                self.refuse(job, error.into(), batch);
                Ok(())
            }
            Ok(usage) => {
                job.usage = Some(usage);
                self.ask(job, batch)
            }
        }
    }

    /// A back end is done.
    pub(super) fn done(
        &mut self,
        seq: i64,
        result: Result<(), BackendError>,
        batch: &mut Batch,
    ) -> Result<(), StoreError> {
        let Some(mut flight) = self.flights.remove(&seq) else { return Ok(()) };
        match result {
            Ok(()) => self.land(seq, flight, batch),
            // Nobody waits, so there is time to try again.
            Err(error) if flight.job.is_none() && error.is_temporary() => {
                tracing::warn!(%error, "A change that was begun cannot be ended yet");
                self.workers.send_later(flight.work(seq));
                self.flights.insert(seq, flight);
                Ok(())
            }
            Err(error) if flight.job.is_none() && !flight.back => {
                tracing::warn!(%error, "A change that was begun is undone");
                flight.back = true;
                self.workers.send(flight.work(seq));
                self.flights.insert(seq, flight);
                Ok(())
            }
            Err(error) => self.fall(seq, flight, error, batch),
        }
    }

    /// The change is real: it lasts with the next commit.
    fn land(&mut self, seq: i64, mut flight: Flight, batch: &mut Batch) -> Result<(), StoreError> {
        let job = flight.job.take();
        let sealed = flight.sealed.clone();
        let effects = if flight.back { flight.intent.reversed().effects() } else { flight.effects.clone() };
        self.free(&flight.intent);
        batch.settled.push((seq, flight));
        let written = match job {
            Some(job) => self.finish(job, effects, sealed.as_deref(), Some(seq), batch),
            None => self.write(effects, sealed.as_deref(), Some(seq), batch),
        };
        self.unpark();
        written
    }

    /// The back end did not do it: everything is as before.
    fn fall(
        &mut self,
        seq: i64,
        mut flight: Flight,
        error: BackendError,
        batch: &mut Batch,
    ) -> Result<(), StoreError> {
        let job = flight.job.take();
        if flight.early {
            self.world.apply(flight.intent.reversed().effects());
        }
        self.free(&flight.intent);
        if let Some(job) = job {
            self.refuse(job, Failure::Backend(error), batch);
        }
        // If that cannot be written, what is tried again is the way back.
        flight.back = true;
        batch.settled.push((seq, flight));
        let settled = self.store.settle(seq);
        self.unpark();
        settled
    }

    pub(super) fn free(&mut self, intent: &Intent) {
        if let Some(chunk) = intent.chunk() {
            self.busy.remove(chunk);
        }
    }

    /// The store did not take the end of a change: the end is written again later. Who waited was told that the store
    /// failed; the change itself stands.
    pub(super) fn take_back(&mut self, seq: i64, flight: Flight) {
        self.busy.extend(flight.intent.chunk().cloned());
        // The back end's calls are idempotent, so that asking it again tells how the change ended.
        self.workers.send_later(flight.work(seq));
        self.flights.insert(seq, flight);
    }

    /// The world from what lasts, and what is under way.
    pub(super) fn rebuild(&mut self) {
        self.world = self.shared.world().clone();
        for flight in self.flights.values().filter(|flight| flight.early) {
            self.world.apply(flight.effects.iter().cloned());
        }
    }
}
