//! The one thread that decides and writes.
//!
//! Changes that wait are decided together and made to last by one commit (`batch`); only then are they seen and
//! answered. A compute chunk that a back end is changing (`flight`) is busy: whatever else concerns it waits, and
//! everything else goes on. What a chunk will need more is taken at once, what it gives up is free only when the back
//! end has done it: so the sum of what was promised never exceeds what there is.

mod batch;
mod events;
mod flight;
mod handle;
mod job;
mod worker;

#[cfg(test)]
mod tests;

pub use events::{Event, Events, What};
pub use handle::{EngineHandle, Shared};
pub use job::{Answer, Ask, Job, RequestKey};
pub use worker::Backends;

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use super::seal::Seal;
use super::store::{Store, StoreError};
use crate::api::Id;
use crate::backend::BackendError;
use crate::compose::{Usage, World};
use batch::Batch;
use flight::Flight;
use worker::Workers;

/// Messages that one commit may make last.
const BATCH: usize = 512;
/// Between two attempts at what the store or a back end did not take.
const RETRY: Duration = Duration::from_millis(500);
/// Answers to requests with a key are remembered for so many seconds.
const REMEMBERED_S: u64 = 24 * 60 * 60;

/// What the thread is told.
#[derive(Debug)]
pub(super) enum Message {
    /// Somebody asks for a change.
    Ask(Box<Job>),
    /// A back end has measured what a chunk uses.
    Measured(Box<Job>, Result<Usage, BackendError>),
    /// A back end is done with the intent of this number.
    Done(i64, Result<(), BackendError>),
    /// The server stops.
    Stop,
}

/// The thread's state.
#[derive(Debug)]
pub(super) struct Engine {
    store: Store,
    seal: Seal,
    /// What was decided, also what is not seen yet.
    world: World,
    shared: Arc<Shared>,
    flights: BTreeMap<i64, Flight>,
    /// Chunks that a back end measures or changes.
    busy: HashSet<Id>,
    /// Keys of requests that are not answered yet, with their callers.
    keys: HashSet<(String, String)>,
    /// What waits for a busy chunk.
    parked: VecDeque<Job>,
    /// What was to be written when the store did not take it.
    postponed: VecDeque<Message>,
    workers: Workers,
    forgot_at: u64,
}

/// Starts the thread. Intents of a server that died are taken up again.
///
/// # Errors
/// The store cannot be read, or the system gives no thread.
pub fn start(store: Store, seal: Seal, backends: Backends) -> Result<EngineHandle, StartError> {
    let mut world = World::default();
    world.apply(store.resources()?.into_iter().map(|resource| crate::Effect::Put(Box::new(resource))));
    let shared = Arc::new(Shared::new(world.clone(), store.tokens()?));
    let (sender, receiver) = channel();
    let workers = Workers::start(backends, &sender)?;
    let mut engine = Engine {
        store,
        seal,
        world,
        shared: Arc::clone(&shared),
        flights: BTreeMap::new(),
        busy: HashSet::new(),
        keys: HashSet::new(),
        parked: VecDeque::new(),
        postponed: VecDeque::new(),
        workers,
        forgot_at: 0,
    };
    engine.take_up()?;
    let run = move || engine.run(&receiver);
    let thread = thread::Builder::new().name("engine".into()).spawn(run)?;
    Ok(EngineHandle::new(sender, shared, thread))
}

/// Why the engine does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The system gives no thread.
    #[error("The system gives no thread: {0}")]
    Thread(#[from] std::io::Error),
}

impl Engine {
    fn run(mut self, receiver: &Receiver<Message>) {
        let mut stopping = false;
        while !stopping && let Some(first) = self.next(receiver) {
            let mut batch = Batch::default();
            let mut waiting = VecDeque::from([first]);
            waiting.append(&mut self.postponed);
            let mut result = self.store.begin();
            while result.is_ok()
                && batch.taken < BATCH
                && let Some(message) = waiting.pop_front().or_else(|| receiver.try_recv().ok())
            {
                stopping = matches!(message, Message::Stop);
                if stopping {
                    break;
                }
                batch.taken += 1;
                result = self.handle(message, &mut batch);
            }
            self.postponed.append(&mut waiting);
            match result.and_then(|()| self.store.commit()) {
                Ok(()) => self.publish(batch),
                Err(error) => self.give_up(batch, &error),
            }
        }
    }

    /// The next message; nothing when nobody can send any more.
    fn next(&mut self, receiver: &Receiver<Message>) -> Option<Message> {
        if self.postponed.is_empty() {
            return receiver.recv().ok().filter(|message| !matches!(message, Message::Stop));
        }
        match receiver.recv_timeout(RETRY) {
            Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => None,
            Ok(message) => Some(message),
            Err(RecvTimeoutError::Timeout) => self.postponed.pop_front(),
        }
    }

    fn handle(&mut self, message: Message, batch: &mut Batch) -> Result<(), StoreError> {
        self.forget_old_answers()?;
        match message {
            Message::Ask(job) => self.ask(*job, batch),
            Message::Measured(job, usage) => self.measured(*job, usage, batch),
            Message::Done(seq, result) => self.done(seq, result, batch),
            Message::Stop => Ok(()),
        }
    }

    fn forget_old_answers(&mut self) -> Result<(), StoreError> {
        let now = job::now_s();
        if now >= self.forgot_at.saturating_add(600) {
            self.store.forget_answers(now.saturating_sub(REMEMBERED_S))?;
            self.forgot_at = now;
        }
        Ok(())
    }
}

/// Where messages go.
pub(super) type Outbox = Sender<Message>;
