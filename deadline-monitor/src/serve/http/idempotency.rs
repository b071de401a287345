//! A request that is repeated with the same `Idempotency-Key` is done once.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::http::HeaderMap;
use serde_json::Value;

use crate::ErrorKind;
use crate::serve::api::Failure;

/// Answers are remembered for so long, and so many of them.
const REMEMBERED: Duration = Duration::from_secs(600);
const MOST: usize = 1_024;
const KEY_MAX: usize = 128;

/// Answers to requests with a key.
#[derive(Debug, Default)]
pub(super) struct Idempotency {
    answers: Mutex<HashMap<(u32, String), Known>>,
}

#[derive(Debug)]
struct Known {
    request: Vec<u8>,
    /// None while it is being done.
    answer: Option<Value>,
    at: Instant,
}

/// What to do with a request.
#[derive(Debug)]
pub(super) enum Turn<'a> {
    /// It was done already; this was the answer.
    Done(Value),
    /// Do it.
    Do(Ticket<'a>),
}

/// A request that is being done. If it goes without an answer the same key may try again.
#[derive(Debug)]
pub(super) struct Ticket<'a> {
    all: &'a Idempotency,
    key: Option<(u32, String)>,
}

impl Idempotency {
    fn answers(&self) -> MutexGuard<'_, HashMap<(u32, String), Known>> {
        // The map is whole at every moment.
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether `request` (path and body) of user `uid` was done before under the key in `headers`.
    pub(super) fn turn(&self, headers: &HeaderMap, uid: u32, request: Vec<u8>) -> Result<Turn<'_>, Failure> {
        let Some(key) = headers.get("idempotency-key") else {
            return Ok(Turn::Do(Ticket { all: self, key: None }));
        };
        let key = key.to_str().ok().filter(|key| (1..=KEY_MAX).contains(&key.len()));
        let key = key
            .ok_or_else(|| Failure::argument(format!("An Idempotency-Key has 1 to {KEY_MAX} characters")))?;
        let key = (uid, key.to_owned());
        let mut answers = self.answers();
        let now = Instant::now();
        answers.retain(|_, known| now.duration_since(known.at) < REMEMBERED);
        match answers.get(&key) {
            Some(known) if known.request != request => {
                Err(Failure::argument("This Idempotency-Key was used for another request"))
            }
            Some(Known { answer: Some(answer), .. }) => Ok(Turn::Done(answer.clone())),
            Some(Known { answer: None, .. }) => {
                Err(Failure::new(ErrorKind::Busy, "The same request is being done"))
            }
            None if answers.len() >= MOST => {
                Err(Failure::new(ErrorKind::Busy, "Too many Idempotency-Keys are in use"))
            }
            None => {
                answers.insert(key.clone(), Known { request, answer: None, at: now });
                Ok(Turn::Do(Ticket { all: self, key: Some(key) }))
            }
        }
    }
}

impl Ticket<'_> {
    /// It was done.
    pub(super) fn done(mut self, answer: &Value) {
        let Some(key) = self.key.take() else { return };
        if let Some(known) = self.all.answers().get_mut(&key) {
            known.answer = Some(answer.clone());
        }
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        if let Some(key) = &self.key {
            self.all.answers().remove(key);
        }
    }
}
