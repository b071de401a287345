//! Runs on the board, in the management partition: /boot/Image and /boot/guest.cpio must be there.
//!
//! The promises of firmware and kernel driver, tried on a real board through [`CharDevice`]. Prints `T name ok` or
//! `T name fail: why` for each, `T-END n` behind n of them, and ends with status 1 if one is broken. Names given as
//! arguments select cases; `--controls` as the first one runs the positive controls instead, on firmware that was
//! built with its feature `weaken`; `--figures-wall` and `--figures-counted` measure.

mod cases;
mod controls;
mod critical;
mod figures;
mod guest;
mod hostile;
mod isolation;
mod life;
mod link;
#[allow(dead_code, unreachable_pub, reason = "the firmware uses the rest of it")]
#[path = "../../../firmware/qemu-virt/src/memory_map.rs"]
mod memory_map;
#[allow(dead_code, unreachable_pub, reason = "the payload uses the rest of it")]
#[path = "../../../firmware/qemu-virt/payload/src/orders.rs"]
mod orders;
#[allow(dead_code, unreachable_pub, reason = "the firmware uses the rest of it")]
#[path = "../../../firmware/qemu-virt/src/protection.rs"]
mod protection;
mod races;
mod refusals;
mod scratch;

use std::process::ExitCode;

use vman_core::device::{CharDevice, DeviceError};

/// Why a promise is broken.
pub(crate) type Broken = String;
/// Begins what a case says that cannot be tried here.
pub(crate) const SKIPPED: &str = "skipped: ";
/// What a case answers.
pub(crate) type Kept = Result<(), Broken>;

/// A promise and how it is tried; each one leaves no partition behind.
pub(crate) type Case = (&'static str, fn(CharDevice) -> Kept);

/// Turns a refusal into a broken promise.
pub(crate) fn must<T>(what: &str, result: Result<T, DeviceError>) -> Result<T, Broken> {
    result.map_err(|error| format!("{what}: {error}{}", cause(&error)))
}

fn cause(error: &DeviceError) -> String {
    error.source.as_ref().map_or_else(String::new, |source| format!(" ({source})"))
}

/// Keeps a promise only if `condition` holds.
pub(crate) fn ensure(condition: bool, otherwise: impl FnOnce() -> Broken) -> Kept {
    if condition { Ok(()) } else { Err(otherwise()) }
}

fn run(cases: &[Case], wanted: &[String]) -> Result<bool, DeviceError> {
    let mut all_kept = true;
    let mut count = 0;
    for (name, case) in cases.iter().filter(|(name, _)| wanted.is_empty() || wanted.iter().any(|w| w == name))
    {
        let board = CharDevice::open(CharDevice::PATH)?;
        let begin = std::time::Instant::now();
        match case(board) {
            Ok(()) => println!("T {name} ok {} ms", begin.elapsed().as_millis()),
            Err(why) if why.starts_with(SKIPPED) => println!("T {name} {why}"),
            Err(why) => {
                println!("T {name} fail: {why}");
                all_kept = false;
            }
        }
        guest::clear();
        count += 1;
    }
    println!("T-END {count}");
    Ok(all_kept)
}

fn main() -> ExitCode {
    let mut wanted: Vec<String> = std::env::args().skip(1).collect();
    let cases = match wanted.first().map(String::as_str) {
        // Says to the script that runs this that only this suite is wanted.
        Some("--all") => Some(cases::ALL),
        Some("--controls") => Some(cases::CONTROLS),
        Some("--figures-wall") => Some(cases::FIGURES_WALL),
        Some("--figures-counted") => Some(cases::FIGURES_COUNTED),
        _ => None,
    };
    if cases.is_some() {
        wanted.remove(0);
    }
    let cases = cases.unwrap_or(cases::ALL);
    match run(cases, &wanted) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("T device fail: {error}");
            ExitCode::FAILURE
        }
    }
}
