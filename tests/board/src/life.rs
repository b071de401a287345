//! The life of a partition, with Debian's kernel in it.

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use vman_core::device::{Cause, Change, CharDevice, EventSource, ManagerDevice, PartitionDevice};
use vman_core::error::ErrorKind;
use vman_core::state::{Operation, PartitionState};

use crate::guest::{Guest, TIMEOUT, request, wait_for_event};
use crate::hostile::Listener;
use crate::{Kept, ensure, must};

/// Command line of a kernel whose messages all reach the console.
pub(crate) const QUIET: &str = "earlycon=pl011,0x9000000 console=ttyAMA0 loglevel=7 panic=-1";
const UP: &str = "GUEST-UP";

/// A partition whose Linux has come up.
pub(crate) fn up(board: &CharDevice, cores: u32, more: &str) -> Result<Guest, String> {
    let mut guest = Guest::create(board, &request(cores))?;
    guest.deploy(board, &format!("{QUIET} {more}"))?;
    guest.wait_for(UP)?;
    Ok(guest)
}

/// Shuts it down and destroys it.
pub(crate) fn end(guest: &Guest) -> Kept {
    guest.control(Operation::Shutdown)?;
    guest.control(Operation::Destroy)
}

fn state(guest: &Guest, state: PartitionState) -> Kept {
    let info = guest.info()?;
    ensure(info.state == state && info.busy.is_none(), || format!("{info:?}, expected {state}"))
}

pub(crate) fn boots(board: &CharDevice) -> Kept {
    let mut events = must("events", board.events())?;
    let begin = Instant::now();
    let mut guest = up(board, 2, "")?;
    println!("  boot of a partition with 2 CPUs: {} ms", begin.elapsed().as_millis());
    guest.wait_for("GUEST-TICK 2")?;
    state(&guest, PartitionState::Deployed)?;
    let stats = must("stats", guest.device.stats())?;
    ensure(!stats.is_empty() && stats.iter().any(|(_, value)| *value > 0), || format!("counters {stats:?}"))?;
    end(&guest)?;
    let seen = wait_for_event(&mut events, |change| *change == Change::Destroyed)?;
    let sequence: Vec<_> = seen.iter().map(|event| event.seq - seen[0].seq).collect();
    ensure(sequence == [0, 1, 2, 3], || format!("events {seen:?}"))?;
    let (ready, deployed) = (PartitionState::Ready, PartitionState::Deployed);
    let expected = [
        Change::Created,
        Change::State { from: ready, to: deployed, cause: Cause::Command },
        Change::State { from: deployed, to: ready, cause: Cause::Command },
        Change::Destroyed,
    ];
    ensure(seen.iter().map(|event| &event.change).eq(&expected), || format!("events {seen:?}"))
}

pub(crate) fn deployed_state(board: &CharDevice) -> Kept {
    let guest = Listener::new(board)?.0;
    for operation in [Operation::Restore, Operation::Destroy] {
        let error = guest.device.control(operation, TIMEOUT).err().ok_or("not refused")?;
        ensure(error.kind == ErrorKind::InvalidState && error.text.contains("DEPLOYED"), || {
            error.to_string()
        })?;
    }
    let again = guest.deploy_payload(crate::hostile::PAYLOAD, &[0; 8]).err().ok_or("deployed twice")?;
    ensure(again.contains("deploy needs READY"), || again.clone())?;
    end(&guest)
}

pub(crate) fn suspend_restore(board: &CharDevice) -> Kept {
    let mut guest = up(board, 2, "")?;
    for _ in 0..3 {
        guest.control(Operation::Suspend)?;
        state(&guest, PartitionState::Suspended)?;
        guest.output()?;
        ensure(!guest.says_something_within(Duration::from_secs(3))?, || "speaks while suspended".into())?;
        guest.control(Operation::Restore)?;
        state(&guest, PartitionState::Deployed)?;
        guest.wait_for("GUEST-TICK")?;
    }
    end(&guest)
}

pub(crate) fn shutdown_suspended(board: &CharDevice) -> Kept {
    let guest = Listener::new(board)?.0;
    guest.control(Operation::Suspend)?;
    for operation in [Operation::Reboot, Operation::Suspend, Operation::Destroy] {
        let error = guest.device.control(operation, TIMEOUT).err().ok_or("not refused")?;
        ensure(error.text.starts_with("Partition is SUSPENDED"), || error.to_string())?;
    }
    guest.control(Operation::Shutdown)?;
    state(&guest, PartitionState::Ready)?;
    guest.control(Operation::Destroy)
}

pub(crate) fn reboot(board: &CharDevice) -> Kept {
    let mut guest = up(board, 2, "")?;
    let mut events = must("events", board.events())?;
    guest.control(Operation::Reboot)?;
    guest.wait_for(UP)?;
    state(&guest, PartitionState::Deployed)?;
    let event = must("event", events.next())?.ok_or("no event")?;
    ensure(event.change == Change::Rebooted(Cause::Command), || format!("{event:?}"))?;
    end(&guest)
}

/// Prints the record of every SMC since the driver was loaded; the runner replays it on the simulated board.
pub(crate) fn trace() -> Kept {
    let path = "/sys/kernel/debug/vmanager/trace";
    let trace = std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
    trace.lines().for_each(|line| println!("TRACE {line}"));
    ensure(trace.lines().count() > 1, || "no call was recorded".into())
}

pub(crate) fn own_reset(board: &CharDevice) -> Kept {
    let mut guest = Guest::create(board, &request(2))?;
    guest.deploy(board, &format!("{QUIET} aivirt.after=1 aivirt.then=reboot"))?;
    let mut events = must("events", board.events())?;
    guest.wait_for(UP)?;
    let seen = wait_for_event(&mut events, |change| matches!(change, Change::Rebooted(_)))?;
    ensure(seen.len() == 1 && seen[0].change == Change::Rebooted(Cause::Guest), || format!("{seen:?}"))?;
    guest.wait_for(UP)?;
    guest.control(Operation::Shutdown)?;
    guest.control(Operation::Destroy)
}

pub(crate) fn own_power_off(board: &CharDevice) -> Kept {
    let mut guest = Guest::create(board, &request(2))?;
    guest.deploy(board, &format!("{QUIET} aivirt.after=1 aivirt.then=poweroff"))?;
    let mut events = must("events", board.events())?;
    guest.wait_for(UP)?;
    let off =
        Change::State { from: PartitionState::Deployed, to: PartitionState::Ready, cause: Cause::Guest };
    wait_for_event(&mut events, |change| *change == off)?;
    state(&guest, PartitionState::Ready)?;
    guest.deploy(board, QUIET)?;
    guest.wait_for(UP)?;
    end(&guest)
}

/// While one thread deploys, which takes long, another one is refused and a query is answered.
pub(crate) fn busy(board: &CharDevice) -> Kept {
    let guest = Guest::create(board, &request(1))?;
    let other = must("open", board.open(guest.id))?;
    let (refusals, slowest) = thread::scope(|scope| {
        let deploy = scope.spawn(|| guest.deploy(board, QUIET));
        let (mut refusals, mut slowest) = (0u32, Duration::ZERO);
        while !deploy.is_finished() {
            let begin = Instant::now();
            must("info", other.info())?;
            slowest = slowest.max(begin.elapsed());
            if other.control(Operation::Shutdown, TIMEOUT).is_err_and(|error| error.kind == ErrorKind::Busy) {
                refusals += 1;
            }
        }
        deploy.join().map_err(|_| "deploy panicked")??;
        Ok::<_, String>((refusals, slowest))
    })?;
    println!("  refused {refusals} times, slowest query {} us", slowest.as_micros());
    ensure(refusals > 0, || "nothing was told Busy".into())?;
    // The last shutdown may have won against the end of the deploy.
    if guest.info()?.state == PartitionState::Deployed {
        guest.control(Operation::Shutdown)?;
    }
    guest.control(Operation::Destroy)
}

pub(crate) fn overflow(board: &CharDevice) -> Kept {
    const ROUNDS: u64 = 100;
    let guest = Listener::new(board)?.0;
    let mut events = must("events", board.events())?;
    let begin = Instant::now();
    for _ in 0..ROUNDS {
        guest.control(Operation::Suspend)?;
        guest.control(Operation::Restore)?;
    }
    println!("  suspend and restore: {} us a pair", begin.elapsed().as_micros() / u128::from(ROUNDS));
    let first = must("event", events.next())?.ok_or("no event")?;
    let Change::Overflow { lost } = first.change else { return Err(format!("{first:?}")) };
    let mut last = first.seq;
    let mut count = 0;
    while let Some(event) = must("event", events.next())? {
        ensure(event.seq == last + 1, || format!("gap before {event:?}"))?;
        last = event.seq;
        count += 1;
    }
    ensure(lost + count == 2 * ROUNDS, || format!("{lost} lost and {count} read of {}", 2 * ROUNDS))?;
    end(&guest)
}

pub(crate) fn two(board: &CharDevice) -> Kept {
    let mut one = Guest::create(board, &request(1))?;
    let mut two = Guest::create(board, &request(1))?;
    one.deploy(board, QUIET)?;
    two.deploy(board, QUIET)?;
    one.wait_for(UP)?;
    two.wait_for(UP)?;
    one.control(Operation::Suspend)?;
    two.output()?;
    two.wait_for("GUEST-TICK")?;
    one.control(Operation::Restore)?;
    one.wait_for("GUEST-TICK")?;
    end(&two)?;
    one.output()?;
    one.wait_for("GUEST-TICK")?;
    end(&one)
}

/// The module goes and comes back while a partition runs; it cannot go while a file is open.
pub(crate) fn adopted(board: CharDevice) -> Kept {
    let Guest { id, device, .. } = up(&board, 2, "")?;
    let before = must("info", device.info())?;
    ensure(!succeeds("rmmod", "vmanager")?, || "rmmod although files are open".into())?;
    drop(device);
    drop(board);
    ensure(succeeds("rmmod", "vmanager")?, || "rmmod fails although no file is open".into())?;
    ensure(succeeds("insmod", "/lib/modules/vmanager.ko")?, || "insmod fails".into())?;
    let board = must("open", CharDevice::open(CharDevice::PATH))?;
    let device = must("open", board.open(id))?;
    let after = must("info", device.info())?;
    ensure(after == before, || format!("before {before:?}, after {after:?}"))?;
    let error = device.control(Operation::Reboot, TIMEOUT).err().ok_or("rebooted without an image")?;
    ensure(error.text.contains("has no image"), || error.to_string())?;
    must("shutdown", device.control(Operation::Shutdown, TIMEOUT))?;
    must("destroy", device.control(Operation::Destroy, TIMEOUT))
}

fn succeeds(program: &str, argument: &str) -> Result<bool, String> {
    let output =
        Command::new(program).arg(argument).output().map_err(|error| format!("{program}: {error}"))?;
    Ok(output.status.success())
}

/// Where the kernel has placed itself, from what the partition says of its random numbers; it must have used them up.
fn placement(guest: &mut Guest) -> Result<String, String> {
    let log = guest.read_until("GUEST-SEED-END")?;
    let told = |name: &str| {
        let line = log.lines().find_map(|line| line.split(&format!("GUEST-SEED {name}")).nth(1));
        line.map(|rest| rest.trim().to_owned()).ok_or_else(|| format!("nothing of {name}"))
    };
    ensure(told("rng-seed")?.is_empty(), || "the kernel left rng-seed in its tree".into())?;
    ensure(told("kaslr-seed")? == "0000000000000000", || "the kernel left kaslr-seed in its tree".into())?;
    let ready: f64 = told("generator")?.parse().map_err(|_| "the generator has no time".to_owned())?;
    ensure(ready < 0.01, || format!("the generator was ready after {ready} s only"))?;
    let text = told("text")?;
    ensure(text.len() == 16, || format!("the kernel does not say where it is: {text:?}"))?;
    Ok(text)
}

/// The suite's tree holds zeros: random numbers that are others at each start are the driver's.
pub(crate) fn seeds(board: &CharDevice) -> Kept {
    let mut guest = Guest::create(board, &request(1))?;
    guest.deploy(board, &format!("{QUIET} aivirt.try=seed aivirt.after=1 aivirt.then=reboot"))?;
    let mut places = vec![placement(&mut guest)?, placement(&mut guest)?];
    guest.control(Operation::Reboot)?;
    places.push(placement(&mut guest)?);
    guest.control(Operation::Shutdown)?;
    guest.deploy(board, &format!("{QUIET} aivirt.try=seed"))?;
    places.push(placement(&mut guest)?);
    let told = format!("{places:?}");
    places.sort_unstable();
    places.dedup();
    ensure(places.len() == 4, || format!("same random numbers: kernel at {told}"))?;
    end(&guest)
}
