//! The simulated board in a process of its own: the program `vman-sim` serves it on a Unix socket, so that several
//! programs can share it and it outlives them.
#![allow(clippy::wildcard_enum_match_arm, reason = "every answer but the wanted one is a defect of the peer")]

mod client;
mod frame;
mod server;

pub use client::{SimClient, SimClientEvents, SimClientPartition};
pub use server::{ServeError, serve};

use std::time::Duration;

use serde::{Deserialize, Serialize};
use vman_core::abi::smc::Counter;
use vman_core::device::{
    ConsoleSpan, CreateRequest, DeviceError, DeviceEvent, HostInfo, LinkInfo, PartitionInfo,
};
use vman_core::error::ErrorKind;
use vman_core::id::PartitionId;
use vman_core::state::Operation;

/// What a client asks. Bytes (segments one after another, typed text) follow as the frame's payload.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Request {
    Host,
    Create(CreateRequest),
    List,
    Link([PartitionId; 2]),
    Links,
    Info(PartitionId),
    Deploy {
        id: PartitionId,
        /// Offset and length of each segment.
        segments: Vec<(u64, usize)>,
        entry: u64,
        device_tree: u64,
    },
    Control {
        id: PartitionId,
        operation: Operation,
        timeout: Duration,
    },
    ConsoleRead {
        id: PartitionId,
        position: u64,
        len: usize,
    },
    ConsoleWrite {
        id: PartitionId,
    },
    Stats(PartitionId),
    /// From here on the connection carries events only.
    Events,
}

/// What the board answers. Console bytes follow as payload.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Answer {
    Host(Box<HostInfo>),
    Id(PartitionId),
    List(Vec<PartitionInfo>),
    Info(Box<PartitionInfo>),
    Link(LinkInfo),
    Links(Vec<LinkInfo>),
    Done,
    Console(ConsoleSpan),
    Stats(Vec<(Counter, u64)>),
    Event(DeviceEvent),
    Refused { kind: String, text: String },
}

impl Answer {
    fn refused(error: &DeviceError) -> Self {
        Self::Refused { kind: error.kind.name().into(), text: error.text.clone() }
    }

    /// A refusal as the error that it was.
    fn into_result(self) -> Result<Self, DeviceError> {
        match self {
            Self::Refused { kind, text } => {
                Err(DeviceError::new(ErrorKind::from_name(&kind).unwrap_or(ErrorKind::Internal), text))
            }
            answer => Ok(answer),
        }
    }
}
