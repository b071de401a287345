//! The life of a partition, told line by line to people.

use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use vman_core::device::{CharDevice, ManagerDevice};
use vman_core::state::Operation;

use crate::guest::{Guest, online, request};
use crate::life::QUIET;
use crate::{Kept, must};

/// Lines of a console that are shown from its start and its end.
const HEAD: usize = 3;
const TAIL: usize = 5;

/// Shows it; every line begins with `DEMO`, the last one is `DEMO-END`.
pub(crate) fn life_of_a_partition() -> ExitCode {
    match CharDevice::open(CharDevice::PATH).map_err(|error| error.to_string()).and_then(|board| tell(&board))
    {
        Ok(()) => {
            println!("DEMO-END");
            ExitCode::SUCCESS
        }
        Err(why) => {
            println!("DEMO-FAILED {why}");
            ExitCode::FAILURE
        }
    }
}

fn say(text: &str) {
    println!("DEMO {text}");
}

fn timed(guest: &Guest, operation: Operation) -> Result<String, String> {
    let begin = Instant::now();
    guest.control(operation)?;
    Ok(format!("{}: complete after {:.3} ms", operation.name(), begin.elapsed().as_secs_f64() * 1e3))
}

fn tell(board: &CharDevice) -> Kept {
    let host = must("host", board.host())?;
    say(&format!("board {}, {} CPUs, {} for partitions", host.model, host.cpus.len(), host.memory.total));
    say(&format!("management Linux runs on CPUs {}", online()));
    let mut guest = Guest::create(board, &request(2))?;
    let info = guest.info()?;
    say(&format!(
        "create-partition: partition {} has CPUs {} and memory {}",
        info.id, info.cpus, info.memory
    ));
    say(&format!("management Linux runs on CPUs {}", online()));
    guest.deploy(board, QUIET)?;
    say("deploy: Debian's own kernel boots in it; its console:");
    show_console(&guest.read_until("GUEST-TICK 2")?);
    let line = timed(&guest, Operation::Suspend)?;
    guest.output()?;
    thread::sleep(Duration::from_secs(1));
    say(&format!("{line}; in the second after it the partition prints {} bytes", guest.output()?.len()));
    let line = timed(&guest, Operation::Restore)?;
    guest.wait_for("GUEST-TICK")?;
    say(&format!("{line}; it goes on counting"));
    let line = timed(&guest, Operation::Reboot)?;
    guest.wait_for("GUEST-UP")?;
    say(&format!("{line}; the kernel is up again"));
    say(&format!("{}; its CPUs are proven off", timed(&guest, Operation::Shutdown)?));
    say(&format!("{}; its memory is zeroed", timed(&guest, Operation::Destroy)?));
    say(&format!("management Linux runs on CPUs {}", online()));
    say(&format!("free memory: {} of {}", must("host", board.host())?.memory.free, host.memory.total));
    Ok(())
}

/// The first and the last lines of a console.
fn show_console(printed: &str) {
    let lines: Vec<_> = printed.lines().collect();
    let tail = lines.len().saturating_sub(TAIL).max(HEAD.min(lines.len()));
    for line in lines[..HEAD.min(lines.len())].iter().chain(&lines[tail..]) {
        say(&format!("  | {line}"));
    }
}
