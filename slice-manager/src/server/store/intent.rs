//! What is going to be done outside.

use rusqlite::params;
use serde::{Deserialize, Serialize};

use super::{Store, StoreError};
use crate::api::{ComputeChunk, Id};

/// An intent with its number and the sealed secrets of a new chunk.
pub(in crate::server) type Noted = (i64, Intent, Option<Vec<u8>>);

/// One change of a compute chunk that a back end is carrying out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// What the chunk was; none if it is new.
    pub before: Option<ComputeChunk>,
    /// What it becomes; none if it goes.
    pub after: Option<ComputeChunk>,
}

impl Intent {
    /// Which chunk.
    pub fn chunk(&self) -> Option<&Id> {
        self.after.as_ref().or(self.before.as_ref()).map(|chunk| &chunk.id)
    }
}

impl Store {
    /// Writes an intent down and returns its number.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn intend(&self, intent: &Intent, sealed: Option<&[u8]>) -> Result<i64, StoreError> {
        let body = serde_json::to_string(intent)?;
        let sql = "INSERT INTO intent (body, sealed) VALUES (?1, ?2)";
        self.connection.prepare_cached(sql)?.execute(params![body, sealed])?;
        Ok(self.connection.last_insert_rowid())
    }

    /// An intent is carried out, or given up.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn settle(&self, seq: i64) -> Result<(), StoreError> {
        self.connection.prepare_cached("DELETE FROM intent WHERE seq = ?1")?.execute([seq])?;
        Ok(())
    }

    /// Intents of a server that died before it knew how they ended, with the secrets of new chunks.
    ///
    /// # Errors
    /// A row cannot be read.
    pub(in crate::server) fn intents(&self) -> Result<Vec<Noted>, StoreError> {
        let mut statement = self.connection.prepare("SELECT seq, body, sealed FROM intent ORDER BY seq")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        rows.map(|row| {
            let (seq, body, sealed): (i64, String, Option<Vec<u8>>) = row?;
            let damaged = |error: serde_json::Error| StoreError::Row {
                kind: "intent".into(),
                id: seq.to_string(),
                reason: error.to_string(),
            };
            Ok((seq, serde_json::from_str(&body).map_err(damaged)?, sealed))
        })
        .collect()
    }
}
