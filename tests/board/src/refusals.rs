//! Creating, refusing, giving back: no guest needed.

use std::fs;
use std::process::Command;

use uuid::Uuid;
use vman_core::device::{
    CharDevice, CreateRequest, DeviceError, LoadImage, ManagerDevice, PartitionDevice, Segment,
};
use vman_core::error::ErrorKind;
use vman_core::id::{ByteSize, PartitionId};
use vman_core::plan::World;
use vman_core::state::{Operation, PartitionState};

use crate::guest::{Guest, TIMEOUT, online, request};
use crate::{Kept, ensure, must};

/// The result must be a refusal of this kind whose text contains `text`.
pub(crate) fn refused<T>(result: Result<T, DeviceError>, kind: ErrorKind, text: &str) -> Kept {
    match result {
        Ok(_) => Err(format!("not refused; expected {} with {text:?}", kind.name())),
        Err(error) => ensure(error.kind == kind && error.text.contains(text), || {
            format!(
                "refused with {} {:?}; expected {} with {text:?}",
                error.kind.name(),
                error.text,
                kind.name()
            )
        }),
    }
}

pub(crate) fn host(board: &CharDevice) -> Kept {
    let host = must("host", board.host())?;
    ensure(!host.simulated && host.model.contains("virt"), || format!("model {:?}", host.model))?;
    ensure(host.cpus.len() >= 2, || format!("{} CPUs", host.cpus.len()))?;
    ensure(!host.cpus[0].available && host.cpus[1].available, || format!("CPUs {:?}", host.cpus))?;
    ensure(host.memory.total.0 > 0 && host.memory.free == host.memory.total, || {
        format!("{:?}", host.memory)
    })?;
    ensure(host.memory.largest_free == host.memory.free, || format!("{:?}", host.memory))
}

/// The C program has the calls that this crate cannot make.
pub(crate) fn hostile(board: &CharDevice) -> Kept {
    let test = Command::new("ioctl-test").output().map_err(|error| format!("ioctl-test: {error}"))?;
    let text = String::from_utf8_lossy(&test.stdout);
    ensure(test.status.success(), || text.lines().collect::<Vec<_>>().join("; "))?;
    ensure(board.list().is_ok_and(|list| list.is_empty()), || "it left a partition".into())
}

pub(crate) fn bad_requests(board: &CharDevice) -> Kept {
    use ErrorKind::{InvalidArgument, NotFound, Unsupported};
    let create = |request: CreateRequest| board.create(&request);
    refused(create(request(0)), InvalidArgument, "at least one core")?;
    refused(create(CreateRequest { memory: ByteSize(0), ..request(1) }), InvalidArgument, "needs memory")?;
    refused(
        create(CreateRequest { memory: ByteSize(4097), ..request(1) }),
        InvalidArgument,
        "4097 B is not a",
    )?;
    refused(create(CreateRequest { memory: ByteSize(u64::MAX), ..request(1) }), InvalidArgument, "multiple")?;
    refused(create(CreateRequest { name: "a\nb".into(), ..request(1) }), InvalidArgument, "byte 1")?;
    refused(create(CreateRequest { name: "x".repeat(64), ..request(1) }), InvalidArgument, "64 bytes")?;
    let share = |id| CreateRequest { shared_with: Some(PartitionId(id)), ..request(1) };
    refused(create(share(4711)), NotFound, "4711")?;
    let host = must("host", board.host())?;
    if host.secure_memory.total == ByteSize::ZERO {
        refused(create(CreateRequest { world: World::Secure, ..request(1) }), Unsupported, "critical")?;
    }
    ensure(board.list().is_ok_and(|list| list.is_empty()), || "a refused partition is listed".into())
}

pub(crate) fn created(board: &CharDevice) -> Kept {
    let uuid = Uuid::from_u128(0x1234_5678_9abc_def0);
    let before = online();
    let guest = Guest::create(board, &CreateRequest { name: "web ü".into(), uuid, ..request(2) })?;
    let info = guest.info()?;
    ensure(info.id == guest.id && info.name == "web ü" && info.uuid == uuid, || format!("{info:?}"))?;
    ensure(info.state == PartitionState::Ready && info.cpus.len() == 2, || format!("{info:?}"))?;
    ensure(info.memory.size() == ByteSize(256 << 20), || format!("{info:?}"))?;
    let list = must("list", board.list())?;
    ensure(list == [info.clone()], || format!("list {list:?}, info {info:?}"))?;
    let host = must("host", board.host())?;
    let owned = host.cpus.iter().filter(|cpu| cpu.owner == guest.id).count();
    ensure(owned == 2, || format!("firmware says {:?}", host.cpus))?;
    ensure(host.memory.free.0 == host.memory.total.0 - (256 << 20), || format!("{:?}", host.memory))?;
    ensure(online() != before, || format!("Linux still has CPUs {before}"))?;
    guest.control(Operation::Destroy)
}

pub(crate) fn unique(board: &CharDevice) -> Kept {
    let one = CreateRequest { name: "one".into(), uuid: Uuid::from_u128(1), ..request(1) };
    let guest = Guest::create(board, &one)?;
    let taken = |request| refused(board.create(&request), ErrorKind::AlreadyExists, &guest.id.to_string());
    taken(CreateRequest { uuid: Uuid::from_u128(2), ..one.clone() })?;
    taken(CreateRequest { name: "two".into(), ..one.clone() })?;
    guest.control(Operation::Destroy)?;
    let again = Guest::create(board, &one)?;
    ensure(again.id > guest.id, || format!("number {} came back as {}", guest.id, again.id))?;
    again.control(Operation::Destroy)
}

pub(crate) fn too_much(board: &CharDevice) -> Kept {
    let host = must("host", board.host())?;
    let free = host.cpus.iter().filter(|cpu| cpu.available).count();
    refused(board.create(&request(1000)), ErrorKind::NoResources, &format!("1000 cores asked, {free} free"))?;
    let memory = ByteSize(host.memory.total.0 + host.granule.0);
    let all = CreateRequest { memory, ..request(1) };
    refused(board.create(&all), ErrorKind::NoResources, &host.memory.total.to_string())?;
    ensure(!online().is_empty() && must("host", board.host())? == host, || {
        "a refusal changed the board".into()
    })
}

pub(crate) fn ready_state(board: &CharDevice) -> Kept {
    let guest = Guest::create(board, &request(1))?;
    for operation in [Operation::Shutdown, Operation::Reboot, Operation::Suspend, Operation::Restore] {
        let text = format!("Partition is READY; {operation} needs");
        refused(guest.device.control(operation, TIMEOUT), ErrorKind::InvalidState, &text)?;
    }
    refused(guest.device.control(Operation::Deploy, TIMEOUT), ErrorKind::InvalidArgument, "image")?;
    guest.control(Operation::Destroy)
}

pub(crate) fn bad_segments(board: &CharDevice) -> Kept {
    let guest = Guest::create(board, &request(1))?;
    let size = guest.info()?.memory.size().0;
    let data = [0u8; 64];
    let deploy = |offsets: &[u64], entry, device_tree| {
        let segments = offsets.iter().map(|offset| Segment { offset: *offset, data: &data }).collect();
        guest.device.deploy(&LoadImage { segments, entry, device_tree })
    };
    let bad = |result, text| refused(result, ErrorKind::InvalidArgument, text);
    bad(deploy(&[], 0, 0), "0 segments")?;
    bad(deploy(&[0; 65], 0, 0), "65 segments")?;
    bad(deploy(&[size - 63], 0, 0), "Segment 0")?;
    bad(deploy(&[0, u64::MAX - 8], 0, 0), "Segment 1")?;
    bad(deploy(&[0, 128, 63], 0, 0), "Segments 0 and 2 overlap")?;
    bad(deploy(&[0, 128], 64, 128), "Entry 0x40")?;
    bad(deploy(&[0, 128], 2, 128), "Entry 0x2 ")?;
    bad(deploy(&[0, 128], 0, 132), "Device tree 0x84")?;
    bad(deploy(&[0, 128], 0, 1 << 20), "Device tree 0x100000")?;
    ensure(guest.info()?.state == PartitionState::Ready, || "no longer READY".into())?;
    guest.control(Operation::Destroy)
}

pub(crate) fn destroyed(board: &CharDevice) -> Kept {
    let before = (online(), must("host", board.host())?);
    let guest = Guest::create(board, &request(2))?;
    let node = format!("/dev/vman{}", guest.id);
    ensure(fs::exists(&node).unwrap_or(false), || format!("{node} is missing"))?;
    guest.control(Operation::Destroy)?;
    ensure(!fs::exists(&node).unwrap_or(true), || format!("{node} is still there"))?;
    let after = (online(), must("host", board.host())?);
    ensure(after == before, || format!("before {before:?}, after {after:?}"))?;
    refused(guest.device.info(), ErrorKind::NotFound, "")?;
    refused(guest.device.control(Operation::Destroy, TIMEOUT), ErrorKind::NotFound, &guest.id.to_string())?;
    refused(board.open(guest.id).map(|_| ()), ErrorKind::NotFound, &guest.id.to_string())
}
