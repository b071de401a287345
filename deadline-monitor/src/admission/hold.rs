//! Bandwidth held for somebody who is not there yet.

use std::io;
use std::sync::mpsc::{self, Sender};
use std::thread;

use nix::unistd::gettid;

use crate::budget::ReservationParams;
use crate::sched::{self, DeadlineScheduler, SchedAttr, Tid};

/// Threads that only sleep, each under the reservation: what the kernel gave them nobody else can get. If this process
/// ends in whatever way, the threads end, and the kernel has its bandwidth back.
#[derive(Debug)]
pub struct Hold {
    threads: Vec<Sleeper>,
}

#[derive(Debug)]
struct Sleeper {
    tid: Tid,
    /// The thread ends when this goes.
    _wake: Sender<()>,
}

/// Why nothing is held.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HoldError {
    /// The kernel does not admit it.
    #[error(transparent)]
    Refused(#[from] sched::Error),
    /// No thread can be made.
    #[error("Cannot make a thread that holds the reservation")]
    Thread(#[source] io::Error),
}

/// Such a thread calls nothing; the C library's least is 16 KiB.
const STACK_BYTES: usize = 32 << 10;

impl Hold {
    /// Holds the reservation for so many threads; all of it or nothing.
    ///
    /// # Errors
    /// The kernel refuses, or there are no more threads.
    pub fn take<S: DeadlineScheduler>(
        scheduler: &mut S,
        params: &ReservationParams,
        threads: u32,
    ) -> Result<Hold, HoldError> {
        let mut hold = Hold { threads: Vec::new() };
        for _ in 0..threads {
            let taken = Sleeper::start().map_err(HoldError::Thread).and_then(|sleeper| {
                let reserved = scheduler.reserve(sleeper.tid, params, false);
                hold.threads.push(sleeper);
                reserved.map_err(HoldError::Refused)
            });
            if let Err(error) = taken {
                hold.give_back(scheduler);
                return Err(error);
            }
        }
        Ok(hold)
    }

    /// Gives the bandwidth back.
    pub fn give_back<S: DeadlineScheduler>(self, scheduler: &mut S) {
        for sleeper in &self.threads {
            // Refused for the one thread that never got it; the thread's end is as good.
            let _ = scheduler.release(sleeper.tid, &SchedAttr::other(0));
        }
    }

    /// The threads.
    pub fn tids(&self) -> impl Iterator<Item = Tid> {
        self.threads.iter().map(|sleeper| sleeper.tid)
    }
}

impl Sleeper {
    fn start() -> io::Result<Sleeper> {
        let (wake, asleep) = mpsc::channel::<()>();
        let (tell, told) = mpsc::channel();
        thread::Builder::new().name("dl-hold".to_owned()).stack_size(STACK_BYTES).spawn(move || {
            let _ = tell.send(gettid().as_raw());
            // Nothing is ever sent: this returns when the other end goes.
            let _ = asleep.recv();
        })?;
        let tid = told.recv().map_err(io::Error::other)?;
        let tid = u32::try_from(tid).map_err(io::Error::other)?;
        Ok(Sleeper { tid: Tid(tid), _wake: wake })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::{Duration, Instant};

    use super::*;
    use crate::budget::Bandwidth;
    use crate::sched::{RecordingScheduler, Rule};

    fn params(ms: u64) -> ReservationParams {
        ReservationParams::new(Duration::from_millis(ms), Duration::from_millis(100)).unwrap()
    }

    #[test]
    fn all_threads_get_the_reservation_or_none_keeps_it() {
        let mut scheduler = RecordingScheduler::new(Bandwidth::CPU);
        let hold = Hold::take(&mut scheduler, &params(30), 3).unwrap();
        assert_eq!(hold.tids().count(), 3);
        let held = scheduler.total();
        let Err(HoldError::Refused(error)) = Hold::take(&mut scheduler, &params(5), 3) else { panic!() };
        assert_eq!(error.rule, Rule::NoBandwidth);
        assert_eq!(scheduler.total(), held, "what the others of a refused request had is given back");
        let tids: Vec<_> = hold.tids().collect();
        hold.give_back(&mut scheduler);
        assert_eq!(scheduler.total(), Bandwidth::default());
        let begin = Instant::now();
        while tids.iter().any(|tid| Path::new("/proc/self/task").join(tid.to_string()).exists()) {
            assert!(begin.elapsed() < Duration::from_secs(10), "the threads do not end");
            thread::sleep(Duration::from_millis(1));
        }
    }
}
