//! The behaviour suite of every device back end, on the simulator.

use vman_core::device::suite::ScriptedImages;
use vman_sim::{SimConfig, SimDevice};

mod in_process {
    use super::*;

    fn board() -> SimDevice {
        SimDevice::new(SimConfig::default()).unwrap()
    }

    vman_core::device_suite!(board, ScriptedImages::default);
}
