//! The engine as the rest of the server sees it.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread::JoinHandle;

use super::super::Failure;
use super::super::access::{Caller, TokenDigest};
use super::{Answer, Events, Job, Message, Outbox};
use crate::api::Id;
use crate::compose::World;

/// What everybody reads: only what lasts.
#[derive(Debug)]
pub struct Shared {
    world: RwLock<World>,
    tokens: RwLock<HashMap<TokenDigest, Id>>,
    /// What happened.
    pub events: Events,
}

impl Shared {
    pub(super) fn new(world: World, tokens: Vec<(TokenDigest, Id)>) -> Self {
        let tokens = RwLock::new(tokens.into_iter().collect());
        Self { world: RwLock::new(world), tokens, events: Events::default() }
    }

    /// All resources.
    pub fn world(&self) -> RwLockReadGuard<'_, World> {
        // Effects are applied one by one; a panic between two is a bug that stops the engine's thread.
        self.world.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn world_mut(&self) -> RwLockWriteGuard<'_, World> {
        self.world.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn tokens_mut(&self) -> RwLockWriteGuard<'_, HashMap<TokenDigest, Id>> {
        self.tokens.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who has this token.
    pub fn caller(&self, token: &str) -> Option<Caller> {
        let tokens = self.tokens.read().unwrap_or_else(PoisonError::into_inner);
        tokens.get(&TokenDigest::of(token)).cloned().map(Caller::User)
    }
}

/// A way to the engine. The engine stops when [`Self::stop`] is called.
#[derive(Debug, Clone)]
pub struct EngineHandle {
    outbox: Outbox,
    shared: Arc<Shared>,
    thread: Arc<std::sync::Mutex<Option<JoinHandle<()>>>>,
}

impl EngineHandle {
    pub(super) fn new(outbox: Outbox, shared: Arc<Shared>, thread: JoinHandle<()>) -> Self {
        Self { outbox, shared, thread: Arc::new(std::sync::Mutex::new(Some(thread))) }
    }

    /// What lasts.
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Asks for a change.
    ///
    /// # Errors
    /// Why it was not done.
    pub async fn ask(
        &self,
        job: Job,
        receiver: tokio::sync::oneshot::Receiver<Result<Answer, Failure>>,
    ) -> Result<Answer, Failure> {
        self.outbox.send(Message::Ask(Box::new(job))).map_err(|_| Failure::Stopping)?;
        receiver.await.unwrap_or(Err(Failure::Stopping))
    }

    /// Stops the engine; what it has answered lasts.
    pub fn stop(&self) {
        // A thread that is gone has stopped.
        let _ = self.outbox.send(Message::Stop);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!("The engine's thread panicked");
        }
    }
}
