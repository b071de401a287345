//! cargo run -p deadline-monitor --example own_loop -- PID
//!
//! The monitor in a loop of one's own: budgets for all threads of a process until it ends.

use std::error::Error;
use std::time::Duration;

use deadline_monitor::account::SchedStat;
use deadline_monitor::budget::{PolicyConfig, PolicyKind, ReservationParams};
use deadline_monitor::machine::{Machine, online_cpus};
use deadline_monitor::monitor::{Monitor, MonotonicClock, Options};
use deadline_monitor::sched::LinuxScheduler;
use deadline_monitor::target::Target;

fn main() -> Result<(), Box<dyn Error>> {
    let pid = std::env::args().nth(1).ok_or("Which process? Give its id")?.parse()?;
    let period = Duration::from_millis(100);
    let options = Options {
        config: PolicyConfig::new(PolicyKind::Saturation),
        initial: ReservationParams::new(period / 10, period)?,
        capacity: Machine::read("/proc".as_ref(), online_cpus().len().try_into()?).capacity(),
        procfs: "/proc".into(),
    };
    let (accounting, clock) = (SchedStat::default(), MonotonicClock::default());
    let mut monitor = Monitor::new(Target::Process(pid), options, LinuxScheduler, accounting, clock)?;
    while let Ok(tick) = monitor.tick() {
        for task in tick.tasks {
            println!("{}: used {:?}, budget {:?}", task.tid, task.executed, task.budget);
        }
        std::thread::sleep(period);
    }
    Ok(()) // The monitor gives every thread that is left back how it was scheduled before.
}
