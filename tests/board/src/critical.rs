//! Critical partitions: the secure world, strict priority over a Linux on the same CPU.

use vman_core::device::{CharDevice, CreateRequest, ManagerDevice};
use vman_core::error::ErrorKind;
use vman_core::id::{ByteSize, PartitionId};
use vman_core::plan::World;
use vman_core::state::{Operation, PartitionState};

use crate::guest::{Guest, request};
use crate::life::{end, up};
use crate::refusals::refused;
use crate::{Broken, Kept, ensure, must};

const PAYLOAD: &str = "/boot/critical";
/// A block where a device tree would be: this system needs none.
const NO_TREE: [u8; 8] = [0; 8];
const GRANULE: u64 = 2 << 20;

fn critical(shared_with: Option<PartitionId>) -> CreateRequest {
    CreateRequest { world: World::Secure, memory: ByteSize(GRANULE), shared_with, ..request(1) }
}

/// The distribution that the payload tells next, and how many samples it stands for.
fn latency(guest: &mut Guest) -> Result<(u64, String), Broken> {
    guest.wait_for("C-LATENCY ")?;
    let line = guest.read_until("\n")?.trim().to_owned();
    let samples = line.split_whitespace().find_map(|word| word.strip_prefix("samples=")?.parse().ok());
    Ok((samples.ok_or_else(|| format!("no samples in {line:?}"))?, line))
}

/// One `BENCH` line for each figure of a distribution.
fn print(name: &str, line: &str) {
    for figure in line.split_whitespace().filter(|word| word.contains("_ns=")) {
        if let Some((figure, value)) = figure.split_once("_ns=") {
            println!("BENCH critical_latency_{name}/{figure} {value} ns");
        }
    }
    println!("  {name}: {line}");
}

pub(crate) fn shared(board: &CharDevice) -> Kept {
    let mut linux = up(board, 1, "aivirt.try=load")?;
    let mut task = Guest::create(board, &critical(Some(linux.id)))?;
    ensure(task.info()?.cpus == linux.info()?.cpus, || "not the CPU of the other one".into())?;
    task.deploy_payload(PAYLOAD, &NO_TREE)?;
    task.wait_for("C-UP")?;
    let (first, _) = latency(&mut task)?;
    let (second, line) = latency(&mut task)?;
    ensure(second > first, || format!("{first} samples, then {second}"))?;
    print("beside_busy_linux", &line);
    // Both live on the one CPU.
    linux.output()?;
    linux.wait_for("GUEST-TICK")?;
    // What happens to the other one does not touch it, and the other one cannot be taken away under it.
    linux.control(Operation::Suspend)?;
    latency(&mut task)?;
    let (_, line) = latency(&mut task)?;
    print("beside_suspended_linux", &line);
    linux.control(Operation::Restore)?;
    linux.wait_for("GUEST-TICK")?;
    linux.control(Operation::Shutdown)?;
    refused(linux.device_control(Operation::Destroy), ErrorKind::Busy, "")?;
    latency(&mut task)?;
    // Nothing but a command stops it.
    task.control(Operation::Suspend)?;
    task.output()?;
    ensure(!task.says_something_within(std::time::Duration::from_secs(2))?, || {
        "speaks while suspended".into()
    })?;
    task.control(Operation::Restore)?;
    latency(&mut task)?;
    task.control(Operation::Reboot)?;
    task.wait_for("C-UP")?;
    end(&task)?;
    linux.control(Operation::Destroy)
}

/// The distribution beside a busy Linux and alone, where time is counted.
pub(crate) fn figures(board: &CharDevice) -> Kept {
    let linux = up(board, 1, "aivirt.try=load")?;
    let mut task = Guest::create(board, &critical(Some(linux.id)))?;
    task.deploy_payload(PAYLOAD, &NO_TREE)?;
    latency(&mut task)?;
    let (_, line) = latency(&mut task)?;
    print("beside_busy_linux_counted", &line);
    linux.control(Operation::Suspend)?;
    latency(&mut task)?;
    let (_, line) = latency(&mut task)?;
    print("beside_suspended_linux_counted", &line);
    end(&task)?;
    end(&linux)
}

pub(crate) fn exclusive(board: &CharDevice) -> Kept {
    let before = crate::guest::online();
    let mut task = Guest::create(board, &critical(None))?;
    task.deploy_payload(PAYLOAD, &NO_TREE)?;
    task.wait_for("C-UP")?;
    let (_, line) = latency(&mut task)?;
    print("on_its_own_cpu", &line);
    ensure(task.info()?.state == PartitionState::Deployed, || "not deployed".into())?;
    end(&task)?;
    ensure(crate::guest::online() == before, || "its CPU did not come back".into())
}

pub(crate) fn limits(board: &CharDevice) -> Kept {
    let host = must("host", board.host())?;
    let free = host.secure_memory.free;
    ensure(free.0 > 0 && free == host.secure_memory.total, || format!("{:?}", host.secure_memory))?;
    let all = CreateRequest { memory: ByteSize(free.0 + GRANULE), ..critical(None) };
    refused(board.create(&all), ErrorKind::NoResources, &free.to_string())?;
    let one = Guest::create(board, &critical(None))?;
    refused(board.create(&critical(None)), ErrorKind::NoResources, "")?;
    one.control(Operation::Destroy)
}
