//! A guest shows the device tree that it found in its memory, byte by byte the one that was loaded.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use uuid::Uuid;
use vman_core::device::suite::{Guest, Images as _, OwnedImage, ScriptedImages};
use vman_core::device::{ConsoleAction, CreateRequest, ManagerDevice as _, PartitionDevice};
use vman_core::id::ByteSize;
use vman_core::plan::World;
use vman_sim::{SimConfig, SimDevice, SimPartition};

const END: &str = "-----END DEVICE TREE-----";

fn deployed(device: &SimDevice) -> (SimPartition, OwnedImage) {
    let request = CreateRequest {
        cores: 2,
        memory: ByteSize(64 << 20),
        world: World::NonSecure,
        shared_with: None,
        name: String::new(),
        uuid: Uuid::nil(),
    };
    let partition = device.open(device.create(&request).unwrap()).unwrap();
    let info = partition.info().unwrap();
    let image = ScriptedImages::default().image(&device.host().unwrap(), &info, Guest::Boot).unwrap();
    partition.deploy(&image.as_load()).unwrap();
    (partition, image)
}

fn console_until(partition: &SimPartition, end: &str) -> String {
    let begin = Instant::now();
    loop {
        let mut buffer = vec![0; 64 << 10];
        let span = partition.console(ConsoleAction::Read { position: 0, buffer: &mut buffer }).unwrap();
        let text = String::from_utf8_lossy(&buffer[..span.len]).into_owned();
        if text.contains(end) {
            return text;
        }
        assert!(begin.elapsed() < Duration::from_secs(60), "no {end} in\n{text}");
        thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn the_tree_on_the_console_is_the_tree_that_was_loaded() {
    let device = SimDevice::new(SimConfig::default()).unwrap();
    let (partition, image) = deployed(&device);
    partition.console(ConsoleAction::Write { data: b"fdt\n" }).unwrap();
    let text = console_until(&partition, END);
    let (_, rest) = text.split_once("-----BEGIN DEVICE TREE-----").unwrap();
    let base64: String = rest.split_once(END).unwrap().0.split_whitespace().collect();
    let loaded = image.segments.iter().find(|(offset, _)| *offset == image.device_tree).unwrap();
    assert_eq!(STANDARD.decode(base64).unwrap(), loaded.1);
}
