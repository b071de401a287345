//! Everything that must outlive the server, in one SQLite file: resources, intents, answers to requests with a key,
//! digests of tokens.
//!
//! One server at a time has the file open. It is written through a log with a sync at each commit, so that what was
//! answered is there after a power failure.

mod error;
mod intent;
mod schema;

pub use error::StoreError;
pub use intent::Intent;

use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _, params};

use super::access::TokenDigest;
use crate::api::{Id, Kind, Resource};
use crate::compose::Effect;

/// The store.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    /// Commits that fail from now on, for tests.
    #[cfg(test)]
    pub(in crate::server) failing: std::sync::Arc<std::sync::atomic::AtomicU32>,
}

/// An answer that was given to a request with an `Idempotency-Key`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remembered {
    /// Digest of the request.
    pub request: [u8; 32],
    /// Status of the answer.
    pub status: u16,
    /// Body of the answer; empty if it had none.
    pub body: String,
    /// When it was given, in seconds since 1970.
    pub at: u64,
}

impl Store {
    /// Opens the file, or makes it.
    ///
    /// # Errors
    /// It is no store of this version, is damaged, in use, or cannot be written.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Self::prepared(Connection::open(path)?)
    }

    /// A store that goes with this value.
    ///
    /// # Errors
    /// SQLite does not give one.
    pub fn in_memory() -> Result<Self, StoreError> {
        Self::prepared(Connection::open_in_memory()?)
    }

    fn prepared(connection: Connection) -> Result<Self, StoreError> {
        schema::prepare(&connection)?;
        Ok(Self {
            connection,
            #[cfg(test)]
            failing: std::sync::Arc::default(),
        })
    }

    /// All resources.
    ///
    /// # Errors
    /// A row cannot be read; the error names it.
    pub fn resources(&self) -> Result<Vec<Resource>, StoreError> {
        let mut statement = self.connection.prepare("SELECT kind, id, body FROM resource")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        rows.map(|row| {
            let (kind, id, body): (String, String, String) = row?;
            let damaged = |reason: String| StoreError::Row { kind: kind.clone(), id: id.clone(), reason };
            let known = Kind::from_path(&kind).ok_or_else(|| damaged("no such kind".into()))?;
            Resource::from_json(known, &body).map_err(|error| damaged(error.to_string()))
        })
        .collect()
    }

    /// The sealed secrets of a resource.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn sealed(&self, kind: Kind, id: &Id) -> Result<Option<Vec<u8>>, StoreError> {
        let sql = "SELECT sealed FROM resource WHERE kind = ?1 AND id = ?2";
        let mut statement = self.connection.prepare_cached(sql)?;
        let found = statement.query_row(params![kind.path(), id.as_str()], |row| row.get(0)).optional()?;
        Ok(found.flatten())
    }

    /// Begins what [`Self::commit`] makes last.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn begin(&self) -> Result<(), StoreError> {
        Ok(self.connection.execute_batch("BEGIN IMMEDIATE")?)
    }

    /// Makes everything since [`Self::begin`] last, or none of it.
    ///
    /// # Errors
    /// It is rolled back: the disk is full, for instance.
    pub fn commit(&self) -> Result<(), StoreError> {
        #[cfg(test)]
        self.fail_for_a_test()?;
        self.connection.execute_batch("COMMIT").map_err(|error| {
            self.roll_back();
            error.into()
        })
    }

    #[cfg(test)]
    fn fail_for_a_test(&self) -> Result<(), StoreError> {
        use std::sync::atomic::Ordering::SeqCst;
        let less = self.failing.fetch_update(SeqCst, SeqCst, |failing| failing.checked_sub(1));
        let full = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL);
        less.map_or(Ok(()), |_| Err(rusqlite::Error::SqliteFailure(full, None).into()))
    }

    /// Forgets everything since [`Self::begin`].
    pub fn roll_back(&self) {
        // Without a transaction there is nothing to forget.
        let _ = self.connection.execute_batch("ROLLBACK");
    }

    /// Writes what a change does. New resources get `sealed`, others keep what they have.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn apply(&self, effects: &[Effect], sealed: Option<&[u8]>) -> Result<(), StoreError> {
        for effect in effects {
            match effect {
                Effect::Put(resource) => self.put(resource, sealed)?,
                Effect::Remove(kind, id) => {
                    let sql = "DELETE FROM resource WHERE kind = ?1 AND id = ?2";
                    self.connection.prepare_cached(sql)?.execute(params![kind.path(), id.as_str()])?;
                }
            }
        }
        Ok(())
    }

    fn put(&self, resource: &Resource, sealed: Option<&[u8]>) -> Result<(), StoreError> {
        let body = serde_json::to_string(resource)?;
        let sql = "INSERT INTO resource (kind, id, body, sealed) VALUES (?1, ?2, ?3, ?4)
                   ON CONFLICT (kind, id) DO UPDATE SET body = ?3, sealed = coalesce(?4, sealed)";
        let (kind, id) = (resource.kind().path(), resource.id().as_str());
        self.connection.prepare_cached(sql)?.execute(params![kind, id, body, sealed])?;
        Ok(())
    }

    /// Remembers the answer to a request with a key.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn remember(&self, caller: &str, key: &str, answer: &Remembered) -> Result<(), StoreError> {
        let sql = "INSERT OR REPLACE INTO answer (caller, key, request, status, body, at)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let at = i64::try_from(answer.at).unwrap_or(i64::MAX);
        let values = params![caller, key, answer.request, answer.status, answer.body, at];
        self.connection.prepare_cached(sql)?.execute(values)?;
        Ok(())
    }

    /// The answer that was given under a key.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn remembered(&self, caller: &str, key: &str) -> Result<Option<Remembered>, StoreError> {
        let sql = "SELECT request, status, body, at FROM answer WHERE caller = ?1 AND key = ?2";
        let mut statement = self.connection.prepare_cached(sql)?;
        let found = statement.query_row(params![caller, key], |row| {
            let at: i64 = row.get(3)?;
            let at = u64::try_from(at).unwrap_or_default();
            Ok(Remembered { request: row.get(0)?, status: row.get(1)?, body: row.get(2)?, at })
        });
        Ok(found.optional()?)
    }

    /// Forgets answers given before this second since 1970.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn forget_answers(&self, before: u64) -> Result<(), StoreError> {
        let before = i64::try_from(before).unwrap_or(i64::MAX);
        self.connection.prepare_cached("DELETE FROM answer WHERE at < ?1")?.execute([before])?;
        Ok(())
    }

    /// Lets whoever has this token act for a user.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn add_token(&self, digest: TokenDigest, user: &Id) -> Result<(), StoreError> {
        let sql = "INSERT OR REPLACE INTO token (digest, user) VALUES (?1, ?2)";
        self.connection.execute(sql, params![digest.0, user.as_str()])?;
        Ok(())
    }

    /// Makes all tokens of a user worthless.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn remove_tokens(&self, user: &Id) -> Result<(), StoreError> {
        self.connection.prepare_cached("DELETE FROM token WHERE user = ?1")?.execute([user.as_str()])?;
        Ok(())
    }

    /// All tokens' digests with their users.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn tokens(&self) -> Result<Vec<(TokenDigest, Id)>, StoreError> {
        let mut statement = self.connection.prepare("SELECT digest, user FROM token")?;
        let rows = statement.query_map([], |row| {
            let user: String = row.get(1)?;
            Ok((TokenDigest(row.get(0)?), Id::new(user)))
        })?;
        rows.map(|row| row.map_err(StoreError::from)).collect()
    }
}
