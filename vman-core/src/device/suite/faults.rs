//! Bad images and crashes.

use super::scene::{PATIENCE, Scene, kind, next_change, release, state, wait_for};
use super::{Guest, Images, Verdict};
use crate::abi::smc::FaultReason;
use crate::device::{Change, LoadImage, ManagerDevice, PartitionDevice, Segment};
use crate::error::ErrorKind;
use crate::state::{Condition, Operation, PartitionState};

/// Images that cannot be loaded are refused; the partition stays READY and takes a good one.
pub fn bad_images_are_refused<D: ManagerDevice, I: Images>(device: &D, images: &I) -> Verdict {
    let scene = Scene::new(device, images);
    let partition = scene.create(1);
    let size = scene.memory().0;
    let data = [0x5a; 4096];
    let segment = |offset| Segment { offset, data: &data };
    let good = || LoadImage { segments: vec![segment(0), segment(8192)], entry: 0, device_tree: 8192 };
    let cases = [
        ("nothing", LoadImage { segments: vec![], ..good() }),
        ("behind the end", LoadImage { segments: vec![segment(size)], ..good() }),
        ("across the end", LoadImage { segments: vec![segment(size - 4095)], ..good() }),
        ("wraps", LoadImage { segments: vec![segment(u64::MAX - 4095)], ..good() }),
        ("overlap", LoadImage { segments: vec![segment(0), segment(4095)], ..good() }),
        ("twice the same", LoadImage { segments: vec![segment(0), segment(0)], ..good() }),
        ("entry outside", LoadImage { entry: size, ..good() }),
        ("entry far outside", LoadImage { entry: u64::MAX - 3, ..good() }),
        ("device tree outside", LoadImage { device_tree: size, ..good() }),
    ];
    for (what, image) in cases {
        assert_eq!(kind(partition.deploy(&image)), ErrorKind::InvalidArgument, "{what}");
        assert_eq!(
            (state(&partition), partition.info().unwrap().busy),
            (PartitionState::Ready, None),
            "{what}"
        );
    }
    if let Some(image) = scene.image(&partition, Guest::Boot) {
        partition.deploy(&image.as_load()).unwrap();
    }
    release(&partition);
    scene.assert_empty();
    Verdict::Passed
}

/// What is no kernel, or has no device tree, is loaded and then faults.
pub fn broken_payload_faults<D: ManagerDevice, I: Images>(device: &D, images: &I) -> Verdict {
    let scene = Scene::new(device, images);
    for guest in [Guest::NotAKernel, Guest::NoTree] {
        let mut events = device.events().unwrap();
        let Some(partition) = scene.deployed(1, guest) else {
            return Verdict::Skipped("no operating system that is sure to fault");
        };
        let id = partition.info().unwrap().id;
        next_change(&mut events, id);
        next_change(&mut events, id);
        assert_eq!(next_change(&mut events, id), Change::Faulted(FaultReason::Entry), "{guest:?}");
        release(&partition);
    }
    scene.assert_empty();
    Verdict::Passed
}

/// A crash is no state of its own: the partition stays DEPLOYED, is faulted, and takes shutdown and reboot only.
pub fn faulted_partition_takes_shutdown_and_reboot_only<D: ManagerDevice, I: Images>(
    device: &D,
    images: &I,
) -> Verdict {
    let scene = Scene::new(device, images);
    for way_out in [Operation::Shutdown, Operation::Reboot] {
        let Some(partition) = scene.deployed(2, Guest::Crash) else {
            return Verdict::Skipped("no operating system that crashes");
        };
        let info = wait_for("a fault", || {
            Some(partition.info().unwrap()).filter(|info| info.condition == Condition::Faulted)
        });
        assert_eq!(info.state, PartitionState::Deployed);
        assert_ne!(info.fault, FaultReason::None);
        let error = partition.control(Operation::Suspend, PATIENCE).expect_err("a refusal");
        assert_eq!(error.kind, ErrorKind::InvalidState);
        assert!(error.text.contains("faulted"), "{}", error.text);
        for refused in [Operation::Restore, Operation::Destroy] {
            assert_eq!(kind(partition.control(refused, PATIENCE)), ErrorKind::InvalidState, "{refused}");
        }
        partition.control(way_out, PATIENCE).unwrap();
        let info = partition.info().unwrap();
        if way_out == Operation::Shutdown {
            assert_eq!((info.condition, info.fault), (Condition::Running, FaultReason::None));
            assert_eq!(info.state, PartitionState::Ready);
        } else {
            assert_eq!(info.state, PartitionState::Deployed);
        }
        release(&partition);
    }
    scene.assert_empty();
    Verdict::Passed
}
