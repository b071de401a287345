//! One line of the state file, and what all of them together say.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::sched::SchedAttr;

/// Version of the file; a file of another one is not understood.
pub(super) const VERSION: u32 = 1;

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum Record {
    /// The first line.
    Begin { version: u32, boot: String },
    /// A thread is about to get a reservation.
    Adopted { tid: u32, start: u64, before: SavedAttr },
    /// A thread was given back, or has ended.
    Released { tid: u32 },
    /// Something that the file's owner wants to find again.
    Put { kind: String, id: String, value: Value },
    /// It is gone.
    Removed { kind: String, id: String },
}

/// How a thread was scheduled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedAttr {
    policy: u32,
    #[serde(default, skip_serializing_if = "is_zero")]
    flags: u64,
    #[serde(default)]
    nice: i32,
    #[serde(default)]
    priority: u32,
    #[serde(default, skip_serializing_if = "is_zero")]
    runtime_ns: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    deadline_ns: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    period_ns: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl From<SchedAttr> for SavedAttr {
    fn from(attr: SchedAttr) -> SavedAttr {
        let SchedAttr { size: _, policy, flags, nice, priority, runtime_ns, deadline_ns, period_ns } = attr;
        SavedAttr { policy, flags, nice, priority, runtime_ns, deadline_ns, period_ns }
    }
}

impl From<SavedAttr> for SchedAttr {
    fn from(saved: SavedAttr) -> SchedAttr {
        let SavedAttr { policy, flags, nice, priority, runtime_ns, deadline_ns, period_ns } = saved;
        let size = SchedAttr::SIZE;
        SchedAttr { size, policy, flags, nice, priority, runtime_ns, deadline_ns, period_ns }
    }
}

/// A thread that has, or was about to get, a reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SavedThread {
    /// When it began, in clock ticks since the machine started.
    pub start: u64,
    /// How it was scheduled before.
    pub before: SavedAttr,
}

/// What a state file says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Saved {
    /// The threads, by their ids.
    pub threads: BTreeMap<u32, SavedThread>,
    /// The owner's things, by kind and id.
    pub items: BTreeMap<(String, String), Item>,
}

/// Something of the owner's. It is kept as text: a tree of values would take ten times the memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item(Box<str>);

impl From<&Value> for Item {
    fn from(value: &Value) -> Item {
        Item(value.to_string().into())
    }
}

impl Item {
    /// What was put there.
    ///
    /// # Errors
    /// It is of another type.
    pub fn read<T: DeserializeOwned>(&self) -> serde_json::Result<T> {
        serde_json::from_str(&self.0)
    }
}

impl Saved {
    /// What changes by one more line.
    pub(super) fn apply(&mut self, record: Record) {
        match record {
            Record::Begin { .. } => {}
            Record::Adopted { tid, start, before } => {
                self.threads.insert(tid, SavedThread { start, before });
            }
            Record::Released { tid } => {
                self.threads.remove(&tid);
            }
            Record::Put { kind, id, value } => {
                self.items.insert((kind, id), Item::from(&value));
            }
            Record::Removed { kind, id } => {
                self.items.remove(&(kind, id));
            }
        }
    }

    /// The lines that say the same.
    pub(super) fn records(&self, boot: &str) -> impl Iterator<Item = Record> {
        let begin = Record::Begin { version: VERSION, boot: boot.to_owned() };
        let threads = self.threads.iter().map(|(&tid, thread)| Record::Adopted {
            tid,
            start: thread.start,
            before: thread.before,
        });
        let items = self.items.iter().map(|((kind, id), item)| Record::Put {
            kind: kind.clone(),
            id: id.clone(),
            // What was written from a value is read as one.
            value: item.read().unwrap_or_default(),
        });
        std::iter::once(begin).chain(threads).chain(items)
    }

    /// How many lines that takes.
    pub(super) fn lines(&self) -> usize {
        1 + self.threads.len() + self.items.len()
    }
}
