//! Changes that one commit makes last.

use serde_json::Value;
use tokio::sync::oneshot;

use super::super::Failure;
use super::super::access::{Caller, TokenDigest};
use super::super::store::{Remembered, StoreError};
use super::super::view;
use super::flight::Plan;
use super::job::now_s;
use super::worker::Work;
use super::{Answer, Ask, Engine, Job, Message, What};
use crate::api::{Id, Kind, Resource};
use crate::compose::{CompositionError, Effect, decide};

/// What follows a commit.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Messages in it.
    pub(super) taken: usize,
    /// Effects that everybody may see then.
    effects: Vec<Effect>,
    tokens: Vec<(TokenDigest, Id)>,
    answers: Vec<Pending>,
    /// What back ends are to do then.
    pub(super) works: Vec<Work>,
    /// Intents that are settled then.
    pub(super) settled: Vec<(i64, super::Flight)>,
    /// Intents that are new, for the case that they are not.
    pub(super) launched: Vec<i64>,
}

#[derive(Debug)]
struct Pending {
    sender: oneshot::Sender<Result<Answer, Failure>>,
    key: Option<(String, String)>,
    /// Whether a back end has done it already.
    acted: bool,
    result: Result<Answer, Failure>,
}

impl Engine {
    /// Decides a change that is asked for.
    pub(super) fn ask(&mut self, mut job: Job, batch: &mut Batch) -> Result<(), StoreError> {
        match self.known(&job) {
            Ok(None) => {}
            Ok(Some(result)) => {
                batch.answers.push(Pending { sender: job.answer, key: None, acted: false, result });
                return Ok(());
            }
            Err(error) => {
                self.refuse(job, not_stored(false, &error), batch);
                return Err(error);
            }
        }
        self.hold_key(&job);
        if job.touches().into_iter().any(|chunk| self.busy.contains(chunk)) {
            self.parked.push_back(job);
            return Ok(());
        }
        let secrets = match &mut job.ask {
            Ask::Create(_, secrets) => self.seal.seal(&std::mem::take(secrets)),
            Ask::Replace(_)
            | Ask::Delete(..)
            | Ask::AddChunks(..)
            | Ask::DelChunks(..)
            | Ask::Resize(..)
            | Ask::Token(..) => None,
        };
        match self.decide(&job) {
            Err(failure) => self.refuse(job, failure, batch),
            Ok(effects) => match self.plan(&job, &effects) {
                Plan::Write => self.finish(job, effects, secrets.as_deref(), None, batch)?,
                Plan::Measure(compute, chunk) => {
                    self.busy.insert(chunk.clone());
                    batch.works.push(Work::Measure { job: Box::new(job), compute, chunk });
                }
                Plan::Act(compute, intent) => self.launch(job, *intent, compute, effects, secrets, batch)?,
            },
        }
        Ok(())
    }

    /// The answer that was given to this request before.
    fn known(&self, job: &Job) -> Result<Option<Result<Answer, Failure>>, StoreError> {
        let Some(key) = &job.key else { return Ok(None) };
        let caller = job.caller.name();
        if job.usage.is_none() && self.keys.contains(&(caller.to_owned(), key.key.clone())) {
            return Ok(Some(Err(Failure::KeyBusy)));
        }
        let Some(known) = self.store.remembered(caller, &key.key)? else { return Ok(None) };
        if known.request != key.request {
            return Ok(Some(Err(Failure::KeyReused)));
        }
        let body = (!known.body.is_empty()).then(|| serde_json::from_str(&known.body)).transpose()?;
        Ok(Some(Ok(Answer { status: known.status, body })))
    }

    fn hold_key(&mut self, job: &Job) {
        self.keys.extend(name_of(job));
    }

    fn decide(&self, job: &Job) -> Result<Vec<Effect>, Failure> {
        self.is_allowed(job)?;
        if let Some(tag) = &job.if_match {
            let (kind, id) = job.subject();
            let now = view::entity_tag(&view::render(&self.world, self.world.get(kind, id)?));
            if tag != "*" && !tag.split(',').any(|tag| tag.trim() == now) {
                return Err(Failure::Changed { now });
            }
        }
        job.change().map_or(Ok(Vec::new()), |change| Ok(decide(&self.world, &change)?))
    }

    fn is_allowed(&self, job: &Job) -> Result<(), Failure> {
        if let Ask::Create(resource, _) | Ask::Replace(resource) = &job.ask {
            job.caller.may_change(resource)?;
        }
        if matches!(job.ask, Ask::Create(..)) {
            return Ok(());
        }
        let (kind, id) = job.subject();
        let subject = self.world.get(kind, id)?;
        match job.caller.sees(subject) {
            true => job.caller.may_change(subject),
            false => Err(CompositionError::NotFound { kind, id: id.clone() }.into()),
        }
    }

    /// Makes a change last with the next commit, and answers then. `intent` is the one that it ends.
    pub(super) fn finish(
        &mut self,
        job: Job,
        effects: Vec<Effect>,
        sealed: Option<&[u8]>,
        intent: Option<i64>,
        batch: &mut Batch,
    ) -> Result<(), StoreError> {
        let acted = intent.is_some();
        let written = self.write(effects, sealed, intent, batch).and_then(|()| {
            self.keep_tokens(&job, batch)?;
            let answer = self.answer(&job);
            self.remember(&job, &answer)?;
            Ok(answer)
        });
        // Whatever happened, somebody waits for a word.
        let (result, outcome) = match written {
            Ok(answer) => (Ok(answer), Ok(())),
            Err(error) => (Err(not_stored(acted, &error)), Err(error)),
        };
        let key = name_of(&job);
        batch.answers.push(Pending { sender: job.answer, key, acted, result });
        outcome
    }

    /// Makes effects last with the next commit, and ends their intent.
    pub(super) fn write(
        &mut self,
        effects: Vec<Effect>,
        sealed: Option<&[u8]>,
        intent: Option<i64>,
        batch: &mut Batch,
    ) -> Result<(), StoreError> {
        self.world.apply(effects.iter().cloned());
        self.store.apply(&effects, sealed)?;
        batch.effects.extend(effects);
        intent.map_or(Ok(()), |seq| self.store.settle(seq))
    }

    pub(super) fn refuse(&mut self, job: Job, failure: Failure, batch: &mut Batch) {
        let key = name_of(&job);
        batch.answers.push(Pending { sender: job.answer, key, acted: false, result: Err(failure) });
    }

    fn keep_tokens(&self, job: &Job, batch: &mut Batch) -> Result<(), StoreError> {
        if let Ask::Token(user, digest) = &job.ask {
            self.store.add_token(*digest, user)?;
            batch.tokens.push((*digest, user.clone()));
        }
        if let Ask::Delete(Kind::User, user) = &job.ask {
            self.store.remove_tokens(user)?;
        }
        Ok(())
    }

    fn answer(&self, job: &Job) -> Answer {
        let (kind, id) = job.subject();
        let body: Option<Value> = match job.shows() {
            true => self.world.get(kind, id).ok().map(|resource| view::render(&self.world, resource)),
            false => None,
        };
        Answer { status: if body.is_some() { 200 } else { 204 }, body }
    }

    fn remember(&self, job: &Job, answer: &Answer) -> Result<(), StoreError> {
        let Some(key) = &job.key else { return Ok(()) };
        let body = answer.body.as_ref().map(Value::to_string).unwrap_or_default();
        let answer = Remembered { request: key.request, status: answer.status, body, at: now_s() };
        self.store.remember(job.caller.name(), &key.key, &answer)
    }

    /// The commit stands: everybody sees it.
    pub(super) fn publish(&mut self, batch: Batch) {
        let mut tokens = self.shared.tokens_mut();
        tokens.extend(batch.tokens);
        let mut world = self.shared.world_mut();
        for effect in batch.effects {
            tell(&self.shared.events, &world, &effect);
            if let Effect::Remove(Kind::User, user) = &effect {
                tokens.retain(|_, owner| owner != user);
            }
            world.apply([effect]);
        }
        drop((world, tokens));
        for work in batch.works {
            self.workers.send(work);
        }
        for pending in batch.answers {
            self.deliver(pending);
        }
    }

    /// The store did not take it: nothing of the batch has happened.
    pub(super) fn give_up(&mut self, batch: Batch, error: &StoreError) {
        self.store.roll_back();
        tracing::error!(%error, "The store did not take {} changes", batch.taken);
        for seq in batch.launched {
            if let Some(flight) = self.flights.remove(&seq) {
                self.free(&flight.intent);
                flight.job.into_iter().for_each(|job| self.refuse_now(job, error));
            }
        }
        for work in batch.works {
            if let Work::Measure { job, chunk, .. } = work {
                self.busy.remove(&chunk);
                self.refuse_now(*job, error);
            }
        }
        for (seq, flight) in batch.settled {
            self.take_back(seq, flight);
        }
        self.rebuild();
        for pending in batch.answers {
            let result = pending.result.and_then(|_| Err(not_stored(pending.acted, error)));
            self.deliver(Pending { result, ..pending });
        }
    }

    fn refuse_now(&mut self, job: Job, error: &StoreError) {
        let key = name_of(&job);
        let result = Err(not_stored(false, error));
        self.deliver(Pending { sender: job.answer, key, acted: false, result });
    }

    fn deliver(&mut self, pending: Pending) {
        if let Some(key) = &pending.key {
            self.keys.remove(key);
        }
        // Whoever asked may be gone.
        let _ = pending.sender.send(pending.result);
    }

    /// What waited for a chunk is decided now.
    pub(super) fn unpark(&mut self) {
        for job in std::mem::take(&mut self.parked) {
            self.keys.retain(|key| Some(key) != name_of(&job).as_ref());
            self.postponed.push_back(Message::Ask(Box::new(job)));
        }
    }
}

/// What somebody is told whose change is not in the store.
pub(super) fn not_stored(acted: bool, error: &StoreError) -> Failure {
    let reason = error.to_string();
    match acted {
        true => Failure::Unconfirmed { reason },
        false => Failure::Store { reason },
    }
}

fn name_of(job: &Job) -> Option<(String, String)> {
    job.key.as_ref().map(|key| (job.caller.name().to_owned(), key.key.clone()))
}

fn tell(events: &super::Events, world: &crate::compose::World, effect: &Effect) {
    let (what, resource) = match effect {
        Effect::Put(resource) => match world.get(resource.kind(), resource.id()) {
            Ok(_) => (What::Changed, resource.as_ref()),
            Err(_) => (What::Created, resource.as_ref()),
        },
        Effect::Remove(kind, id) => match world.get(*kind, id) {
            Ok(resource) => (What::Deleted, resource),
            Err(_) => return,
        },
    };
    let is_public = is_public(resource);
    events.push(what, resource.kind(), resource.id(), resource.owner(), is_public);
}

fn is_public(resource: &Resource) -> bool {
    // A user that nobody is.
    Caller::User(Id::default()).sees(resource)
}
