//! JSON protocol v1: one object per line over a Unix socket (source document, 3.2.1 and Figure 15).
//!
//! A request is `{"command": NAME, "args": {...}, "id": any}`, its reply `{"return": {...}}` or
//! `{"error": {"class": C, "desc": text}}`; `id` is optional and echoed. Unknown arguments are refused, unknown
//! members of replies are to be ignored.

mod args;
pub(crate) mod base64_bytes;
mod codec;
mod event;
mod host;
mod link;
mod memory_size;
mod partition;
mod reply;
mod request;

pub use args::{
    ConsoleAttach, ConsoleInput, ConsoleRead, ConsoleWrite, CreateLink, CreatePartition, Deploy, Hello,
    ImageDelete, ImagePut, Role, Shutdown, ShutdownMode, Target,
};
pub use codec::{CodecError, MAX_LINE, encode_error, encode_push, encode_return};
pub(crate) use codec::{brief, encode};
pub use event::{EventData, EventRecord};
pub use host::{CpuRecord, HostRecord, MemoryRecord};
pub use link::{LinkRecord, Links};
pub use partition::{Created, Fault, PartitionRecord, Partitions, Stats};
pub use reply::{ConsoleChunk, ErrorReply, Image, Images, Paths, Reply, VersionRecord};
pub use request::{Command, Incoming};
