//! C ABI of the AI Virtualiser: `libvman`, described by `vman.h`.
//!
//! | module | `vman.h` |
//! |---|---|
//! | [`version`] | version macros, `vman_version` |
//! | [`status`] | `vman_status`, names of statuses |
//! | [`error`] | `vman_error`: status and text of a refusal |
//! | [`state`] | states, operations, the state table as a pure function |
//! | [`client`] | a connection to vmand: JSON in and out |
//! | [`check`] | pure checks of a request or a reply |
//! | [`partition`] | create, deploy, destroy, reboot, shutdown, suspend, restore |
//! | [`query`] | host, CPUs, partitions, counters |
//! | [`console`] | what a partition printed, what is typed |
//! | [`attach`] | an attached console behind a descriptor for poll(2) |
//! | [`image`] | uploads, the check of a kernel's header |
//! | [`plan`] | the planner as a pure function |
//! | [`agent`] | trained slice agents (feature `agent`) |
//! | [`arbiter`] | grants claims, never beyond the total (feature `agent`) |
//! | [`event`] | a stream of events behind a descriptor for poll(2) |
//! | `policy` | the budget algorithm: samples in, budgets out (feature `monitor`) |
//! | `reservation` | a thread under SCHED_DEADLINE: attach, set, read, release (feature `monitor`) |
//!
//! Conventions: a function is `vman_<noun>_<verb>(handle, inputs..., outputs..., error)` and gives a `vman_status`.
//! Outputs are written on success only, `*error` on failure only. Handles are opaque; `_free` takes one back, NULL is
//! fine. Enumerations come in as integers and are checked. A panic becomes `VMAN_STATUS_PANIC`.
#![allow(non_camel_case_types, reason = "types carry the names that vman.h gives them")]
#![allow(unsafe_code, reason = "a C ABI dereferences the pointers of its callers")]

mod panic;
mod pointer;
mod sized;

#[cfg(feature = "agent")]
pub mod agent;
#[cfg(feature = "agent")]
pub mod arbiter;
pub mod attach;
pub mod check;
pub mod client;
pub mod console;
pub mod error;
pub mod event;
pub mod image;
pub mod partition;
pub mod plan;
#[cfg(feature = "monitor")]
pub mod policy;
pub mod query;
#[cfg(feature = "monitor")]
pub mod reservation;
pub mod state;
pub mod status;
pub mod version;
