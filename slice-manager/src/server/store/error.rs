//! What can go wrong with the store.

/// Why the store did not do it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// SQLite's own words.
    #[error("{0}")]
    Sqlite(#[from] rusqlite::Error),
    /// Another server has the file.
    #[error("another server has it open")]
    InUse,
    /// A newer server wrote the file.
    #[error("its version is {found}, this server knows {known}")]
    Version {
        /// Version of the file.
        found: i64,
        /// Version of this server.
        known: i64,
    },
    /// The file belongs to another program.
    #[error("it is a database of another program")]
    Foreign,
    /// A row is damaged.
    #[error("its {kind} {id} is damaged: {reason}")]
    Row {
        /// Kind of the resource.
        kind: String,
        /// Its id.
        id: String,
        /// What is wrong.
        reason: String,
    },
    /// A value has no JSON form.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
}
