//! Tables, and how the file is opened.

use rusqlite::{Connection, ErrorCode};

use super::StoreError;

/// "slm1": tells our files from those of other programs.
const APPLICATION: i64 = 0x736c_6d31;
/// Version of the tables.
const VERSION: i64 = 1;

const TABLES: &str = "
    CREATE TABLE resource (
        kind TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL, sealed BLOB, PRIMARY KEY (kind, id)
    ) WITHOUT ROWID, STRICT;
    CREATE TABLE intent (seq INTEGER PRIMARY KEY, body TEXT NOT NULL, sealed BLOB) STRICT;
    CREATE TABLE answer (
        caller TEXT NOT NULL, key TEXT NOT NULL, request BLOB NOT NULL, status INTEGER NOT NULL, body TEXT NOT NULL,
        at INTEGER NOT NULL, PRIMARY KEY (caller, key)
    ) WITHOUT ROWID, STRICT;
    CREATE INDEX answer_at ON answer (at);
    CREATE TABLE token (digest BLOB PRIMARY KEY, user TEXT NOT NULL) WITHOUT ROWID, STRICT;
";

/// Takes the file for this server alone, and makes the tables if it is new.
pub(super) fn prepare(connection: &Connection) -> Result<(), StoreError> {
    connection.execute_batch("PRAGMA locking_mode = EXCLUSIVE").map_err(in_use)?;
    let application: i64 =
        connection.query_row("PRAGMA application_id", [], |row| row.get(0)).map_err(in_use)?;
    let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    match (application, version) {
        (0, 0) if tables == 0 => make(connection)?,
        (APPLICATION, VERSION) => {}
        (APPLICATION, found) => return Err(StoreError::Version { found, known: VERSION }),
        _ => return Err(StoreError::Foreign),
    }
    // The answer to this pragma is the mode; memory has one of its own.
    connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(())).map_err(in_use)?;
    connection.execute_batch("PRAGMA synchronous = FULL; BEGIN IMMEDIATE; COMMIT").map_err(in_use)
}

fn make(connection: &Connection) -> Result<(), StoreError> {
    let numbers = format!("PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {VERSION};");
    connection.execute_batch(&format!("BEGIN; {TABLES} {numbers} COMMIT")).map_err(in_use)
}

fn in_use(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::InUse,
        Some(ErrorCode::NotADatabase) => StoreError::Foreign,
        _ => StoreError::Sqlite(error),
    }
}
