//! Figures, as `BENCH name value unit [vs other]` lines: what a partition costs, and what its calls cost. The names end
//! with how time was told: `wall`, or `counted` under QEMU's `-icount`, where a nanosecond is an instruction.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use vman_core::abi::smc::Counter;
use vman_core::device::{CharDevice, ManagerDevice, PartitionDevice};
use vman_core::state::Operation;

use crate::guest::{Guest, online};
use crate::hostile::{Attacker, Listener};
use crate::life::{end, up};
use crate::orders::Task;
use crate::{Broken, Kept, critical, ensure, link, must, protection};

/// How long traps are counted.
const WATCH: Duration = Duration::from_secs(10);
/// Frames of a stream: ten seconds.
const STREAM_FRAMES: u32 = 300;
/// How often a latency is measured.
const ROUNDS: usize = 15;

/// The time that the kernel's log gives a line that contains `text`, in seconds.
fn kernel_time(log: &str, text: &str) -> Result<f64, Broken> {
    let line = log.lines().find(|line| line.contains(text)).ok_or_else(|| format!("no {text}"))?;
    let stamp = line.trim_start_matches('[').split(']').next().unwrap_or_default().trim();
    stamp.parse().map_err(|_| format!("no time in {line:?}"))
}

/// A partition's boot and what a program gets done in it, beside the same on the machine itself.
fn guest(board: &CharDevice, told: &str) -> Kept {
    let mut guest = up(board, 2, "aivirt.try=bench")?;
    let mut log = guest.read_until("GUEST-BENCH-END")?;
    // `up` has read the line itself.
    log.push_str(&guest.output()?);
    for line in log.lines().filter_map(|line| line.split("GUEST-BENCH ").nth(1)) {
        let [name, least, median, most] = line.split_whitespace().collect::<Vec<_>>()[..] else {
            return Err(format!("no result: {line:?}"));
        };
        println!("BENCH partition/{name}_{told} {median} ns vs direct/{name}_{told}");
        println!("BENCH partition/{name}_{told}_min {least} ns");
        println!("BENCH partition/{name}_{told}_max {most} ns");
    }
    end(&guest)
}

/// From the first kernel message to the first line of a program.
fn boot(board: &CharDevice, told: &str) -> Kept {
    let mut guest = Guest::create(board, &crate::guest::request(2))?;
    guest.deploy(board, crate::life::QUIET)?;
    let log = guest.read_until("GUEST-UP")?;
    let seconds = kernel_time(&log, "GUEST-UP")?;
    println!("BENCH partition/boot_{told} {seconds} s vs direct/boot_{told}");
    end(&guest)
}

/// Traps to EL2 and calls of EL3 in `WATCH`, by counter.
fn count_traps(guest: &Guest, name: &str) -> Kept {
    let begin = Instant::now();
    let before = must("stats", guest.device.stats())?;
    sleep(WATCH);
    let after = must("stats", guest.device.stats())?;
    let seconds = begin.elapsed().as_secs_f64();
    for ((counter, old), (_, new)) in before.iter().zip(&after) {
        if !matches!(counter, Counter::Starts | Counter::Suspends | Counter::GuestPowerEvents) {
            println!(
                "BENCH traps_per_second/{name}/{} {:.1} /s",
                counter.name(),
                (new - old) as f64 / seconds
            );
        }
    }
    Ok(())
}

fn traps(board: &CharDevice) -> Kept {
    for (name, more) in [("idle", "aivirt.try=quiet"), ("loaded", "aivirt.try=quiet-load")] {
        let guest = up(board, 2, more)?;
        sleep(Duration::from_secs(3));
        count_traps(&guest, name)?;
        end(&guest)?;
    }
    Ok(())
}

/// Median of what suspend, restore and shutdown take, through the driver.
fn latencies(board: &CharDevice) -> Kept {
    let guest = up(board, 2, "")?;
    let operations = [Operation::Suspend, Operation::Restore];
    let mut times = [vec![], vec![]];
    for _ in 0..ROUNDS {
        for (operation, times) in operations.iter().zip(&mut times) {
            let begin = Instant::now();
            guest.control(*operation)?;
            times.push(begin.elapsed());
        }
    }
    for (operation, mut times) in operations.iter().zip(times) {
        times.sort_unstable();
        let [least, median, most] = [0, ROUNDS / 2, ROUNDS - 1].map(|index| times[index].as_secs_f64() * 1e6);
        println!("BENCH latency/{operation}_median_wall {median:.0} us");
        println!("BENCH latency/{operation}_min_wall {least:.0} us");
        println!("BENCH latency/{operation}_max_wall {most:.0} us");
    }
    let begin = Instant::now();
    guest.control(Operation::Shutdown)?;
    println!("BENCH latency/shutdown_wall {:.0} us", begin.elapsed().as_secs_f64() * 1e6);
    guest.control(Operation::Destroy)
}

/// Instructions of calls and traps, told by a payload that makes them.
fn costs(board: &CharDevice) -> Kept {
    let victim = Listener::asleep(board)?;
    let mut attacker = Attacker::new(board)?;
    let before = online();
    let last: u32 = before.rsplit([',', '-']).next().and_then(|last| last.parse().ok()).ok_or("no CPU")?;
    let switch = format!("/sys/devices/system/cpu/cpu{last}/online");
    let turn = |on: &str| fs::write(&switch, on).map_err(|error| format!("{switch}: {error}"));
    turn("0")?;
    let pool = must("host", board.host())?.memory;
    let free = attacker.0.info()?.memory.end().0;
    ensure(pool.free.0 > 0, || "no memory".into())?;
    let args = [victim.0.id.0.into(), 0, 0, 1 << last, free];
    let verdict = attacker.attack(Task::Measure, protection::SERVICE, args)?;
    for line in verdict.log.lines().filter_map(|line| line.split("H-COST ").nth(1)) {
        let [name, picoseconds, _] = line.split_whitespace().collect::<Vec<_>>()[..] else {
            return Err(format!("no cost: {line:?}"));
        };
        let cost: f64 = picoseconds.parse().map_err(|_| format!("no cost: {line:?}"))?;
        println!("BENCH instructions/{name} {:.0} instructions", cost / 1000.0);
    }
    turn("1")?;
    attacker.end()?;
    victim.end()
}

/// A paced stream from one partition to another, without and with a neighbour that attacks; between two virtual machines
/// of QEMU the runner measures the same.
pub(crate) fn stream(board: &CharDevice) -> Kept {
    for name in ["calm", "attacked"] {
        let attacker = if name == "attacked" { Some(up(board, 1, "aivirt.try=attack")?) } else { None };
        sleep(Duration::from_secs(3));
        let (mut pair, _) = link::pair(board)?;
        let line = link::run_stream(board, &mut pair, STREAM_FRAMES)?;
        for what in ["frames", "lost", "broken", "late"] {
            println!("BENCH stream/partitions_{name}/{what} {} frames", link::told(&line, what)?);
        }
        for what in ["min", "median", "p99", "max"] {
            let (told, other) =
                (link::told(&line, what)?, format!("stream/machines_{name}/latency_{what}_wall"));
            println!("BENCH stream/partitions_{name}/latency_{what}_wall {told} us vs {other}");
        }
        pair.iter().try_for_each(end)?;
        attacker.iter().try_for_each(end)?;
    }
    Ok(())
}

pub(crate) fn all_wall(board: &CharDevice) -> Kept {
    boot(board, "wall")?;
    guest(board, "wall")?;
    traps(board)?;
    latencies(board)?;
    critical::shared(board)
}

pub(crate) fn all_counted(board: &CharDevice) -> Kept {
    boot(board, "counted")?;
    guest(board, "counted")?;
    costs(board)?;
    critical::figures(board)
}
