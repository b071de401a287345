//! The behaviour suite of every device back end, on the simulator: in process, and behind its socket.
#![allow(clippy::unwrap_used, reason = "tests")]

use vman_core::device::suite::ScriptedImages;
use vman_core::device::{CreateRequest, DeviceError, HostInfo, ManagerDevice, PartitionInfo};
use vman_core::id::PartitionId;
use vman_sim::{SimBoard, SimBoardEvents, SimBoardPartition, SimConfig, SimDevice};

mod in_process {
    use super::*;

    fn board() -> SimBoard {
        vman_sim::open("sim").unwrap()
    }

    vman_core::device_suite!(board, ScriptedImages::default);
}

mod behind_a_socket {
    use super::*;

    fn board() -> Served {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("sim.sock");
        let device = SimDevice::new(SimConfig::default()).unwrap();
        let (ready, is_ready) = std::sync::mpsc::channel();
        let path = socket.clone();
        // The thread serves until the test process ends.
        std::thread::spawn(move || vman_sim::serve(&device, &path, || ready.send(()).unwrap()));
        is_ready.recv().unwrap();
        let client = vman_sim::open(&format!("sim:{}", socket.display())).unwrap();
        Served { client, _directory: directory }
    }

    vman_core::device_suite!(board, ScriptedImages::default);
}

/// A client of a board whose socket goes with it.
struct Served {
    client: SimBoard,
    _directory: tempfile::TempDir,
}

impl ManagerDevice for Served {
    type Partition = SimBoardPartition;
    type Events = SimBoardEvents;

    fn host(&self) -> Result<HostInfo, DeviceError> {
        self.client.host()
    }

    fn create(&self, request: &CreateRequest) -> Result<PartitionId, DeviceError> {
        self.client.create(request)
    }

    fn list(&self) -> Result<Vec<PartitionInfo>, DeviceError> {
        self.client.list()
    }

    fn open(&self, id: PartitionId) -> Result<SimBoardPartition, DeviceError> {
        self.client.open(id)
    }

    fn events(&self) -> Result<SimBoardEvents, DeviceError> {
        self.client.events()
    }
}
