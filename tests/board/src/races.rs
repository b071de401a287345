//! The management partition against itself: many threads, one file.

use std::thread;
use std::time::{Duration, Instant};

use vman_core::device::{CharDevice, ConsoleAction, DeviceError, ManagerDevice, PartitionDevice};
use vman_core::error::ErrorKind;
use vman_core::state::Operation;

use crate::guest::{TIMEOUT, online};
use crate::hostile::Listener;
use crate::{Kept, ensure, must};

const THREADS: usize = 8;
const TIME: Duration = Duration::from_secs(4);
const OPERATIONS: [Operation; 4] =
    [Operation::Suspend, Operation::Restore, Operation::Reboot, Operation::Shutdown];

/// What a thread saw.
#[derive(Debug, Default)]
struct Seen {
    done: u64,
    refused: u64,
    odd: Vec<String>,
}

impl Seen {
    /// A refusal must name the rule that a race may break: the state, or an operation that is under way.
    fn note(&mut self, result: Result<(), DeviceError>) {
        match result {
            Ok(()) => self.done += 1,
            Err(error) if matches!(error.kind, ErrorKind::InvalidState | ErrorKind::Busy) => {
                self.refused += 1
            }
            Err(error) => self.odd.push(error.to_string()),
        }
    }
}

fn race(device: &impl PartitionDevice, number: usize) -> Seen {
    let (begin, mut seen) = (Instant::now(), Seen::default());
    let mut buffer = [0; 512];
    for round in (0..).take_while(|_| begin.elapsed() < TIME) {
        match (number + round) % 4 {
            0 => seen.note(device.info().map(drop)),
            1 => seen.note(device.stats().map(drop)),
            2 => {
                let action = ConsoleAction::Read { position: 0, buffer: &mut buffer };
                seen.note(device.console(action).map(drop));
            }
            _ => seen.note(device.control(OPERATIONS[(number + round / 4) % OPERATIONS.len()], TIMEOUT)),
        }
    }
    seen
}

pub(crate) fn one_file(board: &CharDevice) -> Kept {
    let before = (online(), must("host", board.host())?);
    let victim = Listener::new(board)?;
    let device = &victim.0.device;
    let seen: Vec<Seen> = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|number| scope.spawn(move || race(device, number))).collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).collect()
    });
    ensure(seen.len() == THREADS, || "a thread died".into())?;
    let odd: Vec<_> = seen.iter().flat_map(|seen| &seen.odd).take(5).collect();
    ensure(odd.is_empty(), || format!("neither state nor busy: {odd:?}"))?;
    let (done, refused) = seen.iter().fold((0, 0), |sum, seen| (sum.0 + seen.done, sum.1 + seen.refused));
    println!("  {THREADS} threads: {done} calls done, {refused} refused");
    ensure(done > 0 && refused > 0, || "no race".into())?;
    // Whatever state it is in, one of the two brings it to READY, and nothing is lost.
    let _ = victim.0.device_control(Operation::Shutdown);
    victim.0.control(Operation::Destroy)?;
    let after = (online(), must("host", board.host())?);
    ensure(before == after, || format!("before {before:?}, after {after:?}"))
}
