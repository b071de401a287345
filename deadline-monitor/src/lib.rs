//! Budgets that fit: `SCHED_DEADLINE` reservations for threads, containers and vCPUs (source document, chapter 4).

pub mod error;

pub use error::Error;
