//! The life of a partition, told line by line for people.

use std::thread;
use std::time::Duration;

use vman_core::state::Operation;

use crate::bench::{Bench, Outcome};
use crate::linux;

fn say(text: &str) {
    println!("DEMO {text}");
}

/// Shows create, deploy, suspend, restore, reboot, shutdown and destroy.
pub fn life_of_a_partition(bench: &Bench) -> Outcome<()> {
    let host = bench.host()?;
    say(&format!("board: {}, {} CPUs, pool of {}", host.model, host.cpus.len(), host.memory.total));
    say(&format!("management Linux runs on CPUs {}", linux::online()?));
    let mut guest = bench.create(2, 256)?;
    let info = guest.info()?;
    say(&format!("create-partition: partition {} has CPUs {} and memory {}", info.id, info.cpus, info.memory));
    say(&format!("management Linux runs on CPUs {}", linux::online()?));
    guest.deploy("tick")?;
    say("deploy: Debian's own kernel starts in it; its console:");
    guest.wait_for("TICK 2")?;
    show_console(&guest.printed);
    let time = guest.control(Operation::Suspend)?;
    guest.forget()?;
    thread::sleep(Duration::from_secs(1));
    guest.read()?;
    say(&format!("suspend: took {} us; a second later it has printed {} bytes", time.as_micros(), guest.printed.len()));
    let time = guest.control(Operation::Restore)?;
    guest.wait_for("TICK ")?;
    say(&format!("restore: took {} us; it ticks again", time.as_micros()));
    guest.forget()?;
    let time = guest.control(Operation::Reboot)?;
    guest.wait_for("PARTITION-UP")?;
    say(&format!("reboot: took {} ms; the kernel is up again", time.as_millis()));
    let time = guest.control(Operation::Shutdown)?;
    say(&format!("shutdown: its CPUs were proven off after {} us", time.as_micros()));
    let time = guest.control(Operation::Destroy)?;
    say(&format!("destroy-partition: memory zeroed and given back after {} ms", time.as_millis()));
    say(&format!("management Linux runs on CPUs {}", linux::online()?));
    let free = bench.host()?.memory.free;
    say(&format!("free memory: {free} of {}", host.memory.total));
    println!("DEMO-END");
    Ok(())
}

/// The first and the last lines of a console.
fn show_console(printed: &str) {
    let lines: Vec<_> = printed.lines().collect();
    let (head, tail) = (3.min(lines.len()), lines.len().saturating_sub(5));
    for line in lines[..head].iter().chain(&lines[tail.max(head)..]) {
        println!("DEMO   | {line}");
    }
}
