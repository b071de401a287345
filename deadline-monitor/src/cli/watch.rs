//! The loop of `run` and `attach`: a tick every T, and signals in between.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use anstream::eprintln;
use deadline_monitor::account::SchedStat;
use deadline_monitor::monitor::{self, Monitor, MonotonicClock, Options, Tick};
use deadline_monitor::sched::{LinuxScheduler, Rule, Tid};
use deadline_monitor::target::{self, Target};

use super::{Result, chain};

/// Monitors of real threads.
pub(crate) type LinuxMonitor = Monitor<LinuxScheduler, SchedStat, MonotonicClock>;

/// A monitor for `target` that has touched nothing yet.
pub(crate) fn monitor(target: Target, options: Options) -> Result<LinuxMonitor> {
    Ok(Monitor::new(target, options, LinuxScheduler, SchedStat::default(), MonotonicClock::default())?)
}

/// Watches targets until all have ended, or `on_signal` says that it is enough.
#[derive(Debug)]
pub(crate) struct Watch {
    pub(crate) monitors: Vec<LinuxMonitor>,
    pub(crate) sampling: Duration,
    /// Whether each tick is shown.
    pub(crate) verbose: bool,
    /// Refusals that were shown already.
    told: BTreeSet<(Tid, u8)>,
}

impl Watch {
    /// Watches `monitors`, each `sampling`.
    pub(crate) fn new(monitors: Vec<LinuxMonitor>, sampling: Duration, verbose: bool) -> Watch {
        Watch { monitors, sampling, verbose, told: BTreeSet::new() }
    }

    /// Loops; the monitors release their threads when they go.
    pub(crate) fn run(
        &mut self,
        signals: &Receiver<i32>,
        mut on_signal: impl FnMut(i32) -> ControlFlow<()>,
    ) -> Result<()> {
        // Without priority the samples only come less regularly beside busy tasks; `doctor` tells about it.
        let _ = LinuxScheduler.prioritise_this_thread();
        let mut next = Instant::now();
        while !self.monitors.is_empty() {
            self.tick()?;
            next = (next + self.sampling).max(Instant::now());
            loop {
                match signals.recv_timeout(next.saturating_duration_since(Instant::now())) {
                    Ok(signal) if on_signal(signal).is_break() => return Ok(()),
                    Ok(_) => {}
                    Err(RecvTimeoutError::Timeout) => break,
                    Err(RecvTimeoutError::Disconnected) => return Err("Signals are not received".into()),
                }
            }
        }
        Ok(())
    }

    /// One tick of each monitor; those whose target has ended go.
    fn tick(&mut self) -> Result<()> {
        let mut going_on = Vec::new();
        for mut monitor in std::mem::take(&mut self.monitors) {
            match monitor.tick() {
                Ok(tick) => {
                    self.tell(&tick);
                    going_on.push(monitor);
                }
                Err(monitor::Error::Target(target::Error::Gone(_))) => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.monitors = going_on;
        Ok(())
    }

    /// Each refusal once for each thread, and everything if asked.
    fn tell(&mut self, tick: &Tick) {
        for error in &tick.refused {
            let kind = u8::from(error.rule == Rule::NoBandwidth);
            if error.rule != Rule::Gone && self.told.insert((error.tid, kind)) {
                eprintln!("deadline-monitor: {}", chain(error));
            }
        }
        for task in tick.tasks.iter().filter(|_| self.verbose) {
            let saturated = if task.saturated { ", saturated" } else { "" };
            let (tid, used, budget) = (task.tid, task.executed, task.budget);
            eprintln!("{:>9.3?} thread {tid}: used {used:.3?}, budget {budget:.3?}{saturated}", tick.at);
        }
    }
}
