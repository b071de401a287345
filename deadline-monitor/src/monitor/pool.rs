//! Several targets that share one machine.

use super::{Clock, Error, Monitor, Round, Tick};
use crate::account::CpuAccounting;
use crate::budget::{Bandwidth, Request, Sharing};
use crate::sched::DeadlineScheduler;

/// A monitor in a [`Pool`].
#[derive(Debug)]
pub struct Member<S: DeadlineScheduler, A: CpuAccounting, C: Clock> {
    /// The monitor of one target.
    pub monitor: Monitor<S, A, C>,
    /// The target's part of what is scarce, relative to the others; 0 counts as 1.
    pub weight: u32,
}

/// Monitors whose targets together get no more than the machine gives.
///
/// When they want more, each target gets its fair share by weight first, and its threads share that evenly.
#[derive(Debug)]
pub struct Pool<S: DeadlineScheduler, A: CpuAccounting, C: Clock> {
    members: Vec<Member<S, A, C>>,
    /// What each target was given in the last round.
    shares: Vec<Bandwidth>,
    capacity: Bandwidth,
    sharing: Sharing,
}

impl<S: DeadlineScheduler, A: CpuAccounting, C: Clock> Pool<S, A, C> {
    /// These targets together get at most `capacity`.
    pub fn new(members: Vec<Member<S, A, C>>, capacity: Bandwidth) -> Pool<S, A, C> {
        let shares = vec![Bandwidth::default(); members.len()];
        Pool { members, shares, capacity, sharing: Sharing::default() }
    }

    /// Whether all targets have ended.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The monitors, in the order in which they came.
    pub fn members(&mut self) -> impl Iterator<Item = &mut Member<S, A, C>> {
        self.members.iter_mut()
    }

    /// One round of every target; a target that has ended leaves the pool, with the error that says so in its place.
    pub fn tick(&mut self) -> Vec<Result<Tick, Error>> {
        let mut rounds: Vec<_> = self.members.iter_mut().map(|member| member.monitor.begin()).collect();
        self.share(&mut rounds);
        for growing in [false, true] {
            for (member, round) in self.members.iter_mut().zip(&mut rounds) {
                if let Ok(round) = round {
                    member.monitor.apply(round, growing);
                }
            }
        }
        let finished = self.members.iter_mut().zip(rounds);
        let ticks: Vec<_> =
            finished.map(|(member, round)| round.and_then(|round| member.monitor.finish(round))).collect();
        self.drop_ended(&ticks);
        ticks
    }

    fn share(&mut self, rounds: &mut [Result<Round, Error>]) {
        let request = |(member, round): (&Member<S, A, C>, &Result<Round, Error>)| {
            let wanted = round.as_ref().map(|round| member.monitor.wanted(round)).unwrap_or_default();
            let floor = round.as_ref().map(|round| member.monitor.floors(round)).unwrap_or_default();
            Request { wanted, floor, weight: member.weight }
        };
        let requests: Vec<_> = self.members.iter().zip(&*rounds).map(request).collect();
        self.shares = self.sharing.shares(&requests, &self.shares, self.capacity);
        for ((member, round), share) in self.members.iter().zip(rounds).zip(&self.shares) {
            if let Ok(round) = round {
                member.monitor.share(round, (*share).min(member.monitor.options.capacity));
            }
        }
    }

    fn drop_ended(&mut self, ticks: &[Result<Tick, Error>]) {
        let mut ended = ticks.iter().map(Result::is_err);
        self.members.retain(|_| !ended.next().unwrap_or(false));
        let mut ended = ticks.iter().map(Result::is_err);
        self.shares.retain(|_| !ended.next().unwrap_or(false));
    }
}
