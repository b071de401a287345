//! Boards by name.

use std::os::fd::BorrowedFd;
use std::time::Duration;

use vman_core::abi::smc::Counter;
use vman_core::device::{
    ConsoleAction, ConsoleSpan, CreateRequest, DeviceError, DeviceEvent, EventSource, HostInfo, LinkInfo,
    LoadImage, ManagerDevice, PartitionDevice, PartitionInfo,
};
use vman_core::error::ErrorKind;
use vman_core::id::PartitionId;
use vman_core::state::Operation;

use crate::config::SimConfig;
use crate::driver::{SimDevice, SimEvents, SimPartition};
use crate::remote::{SimClient, SimClientEvents, SimClientPartition};

/// Opens a simulated board: `sim` is one in this process, `sim:PATH` is the one that `vman-sim` serves at the Unix
/// socket PATH.
///
/// # Errors
/// `InvalidArgument` for another name, `Disconnected` if nobody listens at PATH.
pub fn open(name: &str) -> Result<SimBoard, DeviceError> {
    open_with(name, SimConfig::default())
}

/// The same, with what a board in this process is made of.
///
/// # Errors
/// As [`open`], and `InvalidArgument` if no such board can be.
pub fn open_with(name: &str, config: SimConfig) -> Result<SimBoard, DeviceError> {
    match name.split_once(':') {
        None if name == "sim" => SimDevice::new(config)
            .map(SimBoard::InProcess)
            .map_err(|error| DeviceError::new(ErrorKind::InvalidArgument, error.to_string())),
        Some(("sim", path)) if !path.is_empty() => SimClient::connect(path).map(SimBoard::Shared),
        _ => Err(DeviceError::new(
            ErrorKind::InvalidArgument,
            format!("{name} names no simulated board; sim or sim:PATH does"),
        )),
    }
}

/// A simulated board, wherever it is.
#[derive(Debug, Clone)]
pub enum SimBoard {
    /// In this process.
    InProcess(SimDevice),
    /// In another one.
    Shared(SimClient),
}

/// A partition of a [`SimBoard`].
#[derive(Debug, Clone)]
pub enum SimBoardPartition {
    /// In this process.
    InProcess(SimPartition),
    /// In another one.
    Shared(SimClientPartition),
}

/// A queue of events of a [`SimBoard`].
#[derive(Debug)]
pub enum SimBoardEvents {
    /// In this process.
    InProcess(SimEvents),
    /// In another one.
    Shared(SimClientEvents),
}

macro_rules! either {
    ($type:ident, $self:expr, $inner:ident => $call:expr) => {
        match $self {
            $type::InProcess($inner) => $call,
            $type::Shared($inner) => $call,
        }
    };
}

impl ManagerDevice for SimBoard {
    type Partition = SimBoardPartition;
    type Events = SimBoardEvents;

    fn host(&self) -> Result<HostInfo, DeviceError> {
        either!(SimBoard, self, board => board.host())
    }

    fn create(&self, request: &CreateRequest) -> Result<PartitionId, DeviceError> {
        either!(SimBoard, self, board => board.create(request))
    }

    fn list(&self) -> Result<Vec<PartitionInfo>, DeviceError> {
        either!(SimBoard, self, board => board.list())
    }

    fn open(&self, id: PartitionId) -> Result<SimBoardPartition, DeviceError> {
        match self {
            Self::InProcess(board) => board.open(id).map(SimBoardPartition::InProcess),
            Self::Shared(board) => board.open(id).map(SimBoardPartition::Shared),
        }
    }

    fn link(&self, ends: [PartitionId; 2]) -> Result<LinkInfo, DeviceError> {
        either!(SimBoard, self, board => board.link(ends))
    }

    fn links(&self) -> Result<Vec<LinkInfo>, DeviceError> {
        either!(SimBoard, self, board => board.links())
    }

    fn events(&self) -> Result<SimBoardEvents, DeviceError> {
        match self {
            Self::InProcess(board) => board.events().map(SimBoardEvents::InProcess),
            Self::Shared(board) => board.events().map(SimBoardEvents::Shared),
        }
    }
}

impl PartitionDevice for SimBoardPartition {
    fn info(&self) -> Result<PartitionInfo, DeviceError> {
        either!(SimBoardPartition, self, partition => partition.info())
    }

    fn deploy(&self, image: &LoadImage<'_>) -> Result<(), DeviceError> {
        either!(SimBoardPartition, self, partition => partition.deploy(image))
    }

    fn control(&self, operation: Operation, timeout: Duration) -> Result<(), DeviceError> {
        either!(SimBoardPartition, self, partition => partition.control(operation, timeout))
    }

    fn console(&self, action: ConsoleAction<'_>) -> Result<ConsoleSpan, DeviceError> {
        either!(SimBoardPartition, self, partition => partition.console(action))
    }

    fn stats(&self) -> Result<Vec<(Counter, u64)>, DeviceError> {
        either!(SimBoardPartition, self, partition => partition.stats())
    }
}

impl EventSource for SimBoardEvents {
    fn as_fd(&self) -> BorrowedFd<'_> {
        either!(SimBoardEvents, self, events => events.as_fd())
    }

    fn next(&mut self) -> Result<Option<DeviceEvent>, DeviceError> {
        either!(SimBoardEvents, self, events => events.next())
    }
}
