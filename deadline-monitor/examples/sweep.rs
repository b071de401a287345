//! cargo run -p deadline-monitor --example sweep
//!
//! How much overhead a policy needs: late jobs and over-allocation for a range of it, in the simulator.

use std::error::Error;
use std::time::Duration;

use deadline_monitor::budget::{PolicyConfig, PolicyKind, Ratio, ReservationParams};
use deadline_monitor::simulate::{Load, Scenario, simulate};

fn main() -> Result<(), Box<dyn Error>> {
    let initial = ReservationParams::new(Duration::from_millis(2), Duration::from_millis(100))?;
    println!("overhead  late jobs  over-allocated  (six loads, 30 s each)");
    for percent in [2, 5, 10, 20, 40, 80] {
        let mut config = PolicyConfig::new(PolicyKind::Saturation);
        config.overhead = Ratio::percent(percent);
        let (mut late, mut over) = (0, 0);
        for load in Load::SIX {
            let scenario = Scenario::usual(&config, initial, load, Duration::from_secs(30));
            let summary = simulate(&scenario, &mut *config.build(initial)?).summary();
            late += summary.late;
            over += summary.over_allocation.unwrap_or_default();
        }
        println!("{percent:>6} %  {late:>9}  {:>12} %", over / 6);
    }
    Ok(())
}
