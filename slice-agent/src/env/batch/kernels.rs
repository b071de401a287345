//! The loops over environments.

use super::super::config::{CpuDrift, PreemptionRule};
use super::super::physics::{Before, Fixed, Law};
use super::state::SliceLanes;
use crate::math;
use crate::random::{self, Stream};
use crate::reward::{Experience, RewardWeights};
use crate::simd::Kernel;

/// Draws the random numbers of a slice's next step, and its radio.
pub(super) struct Draw<'a> {
    pub(super) drift: CpuDrift,
    pub(super) lanes: SliceLanes<'a>,
}

impl Kernel for Draw<'_> {
    #[inline(always)]
    fn run(self) {
        let lanes = self.lanes;
        let count = lanes.channel.len();
        let (a, b) = (&mut lanes.random_a[..count], &mut lanes.random_b[..count]);
        let (c, d) = (&mut lanes.random_c[..count], &mut lanes.random_d[..count]);
        let (packets, switch) = (&mut lanes.draw_packets[..count], &mut lanes.draw_switch[..count]);
        let (channel, efficiency) = (&mut lanes.channel[..count], &mut lanes.efficiency[..count]);
        for lane in 0..count {
            packets[lane] = random::step(&mut a[lane], &mut b[lane], &mut c[lane], &mut d[lane]);
            switch[lane] = random::step(&mut a[lane], &mut b[lane], &mut c[lane], &mut d[lane]);
            let bits = random::step(&mut a[lane], &mut b[lane], &mut c[lane], &mut d[lane]);
            channel[lane].move_by(math::normalf_in_loop(bits));
            efficiency[lane] = channel[lane].efficiency_in_loop();
        }
        if self.drift.deviation > 0.0 {
            for (x, words) in lanes.drift.iter_mut().zip(lanes.drift_random) {
                let mut stream = Stream(*words);
                *x = self.drift.next(*x, stream.next());
                *words = stream.0;
            }
        }
    }
}

/// How much of the resource a slice could use.
pub(super) struct Demand<'a> {
    pub(super) law: Law,
    pub(super) fixed: Fixed,
    pub(super) drift: CpuDrift,
    pub(super) lanes: SliceLanes<'a>,
}

impl Kernel for Demand<'_> {
    #[inline(always)]
    fn run(self) {
        for lane in 0..self.lanes.demand_hz.len() {
            let before = before(&self.lanes, self.drift, lane);
            self.lanes.demand_hz[lane] = self.law.demand_hz(&self.fixed, &before);
        }
    }
}

/// Turns claims into grants by the rule, without an arbiter.
pub(super) struct Grant<'a> {
    pub(super) rule: PreemptionRule,
    pub(super) shares: &'a [f64],
    pub(super) claimed: &'a [f64],
    pub(super) demand: &'a [f64],
    pub(super) granted: &'a mut [f64],
    pub(super) conflicts: &'a mut [u8],
    pub(super) slack: &'a mut [f64],
}

impl Kernel for Grant<'_> {
    #[inline(always)]
    fn run(self) {
        let envs = self.conflicts.len();
        let slack = &mut self.slack[..envs];
        slack.fill(0.0);
        let by_slice = self.claimed.chunks_exact(envs).zip(self.demand.chunks_exact(envs)).zip(self.shares);
        for ((claimed, demand), share) in by_slice {
            for env in 0..envs {
                let left = (share - claimed[env].min(demand[env])).max(0.0);
                slack[env] += left - (claimed[env] - share).max(0.0);
            }
        }
        for (conflict, slack) in self.conflicts.iter_mut().zip(&*slack) {
            *conflict = u8::from(*slack < 0.0);
        }
        let by_slice =
            self.claimed.chunks_exact(envs).zip(self.granted.chunks_exact_mut(envs)).zip(self.shares);
        for ((claimed, granted), share) in by_slice {
            let fallback = match self.rule {
                PreemptionRule::Claims => *share,
                PreemptionRule::WorkConserving => (0.25 * share).floor(),
            };
            for env in 0..envs {
                let falls_back = (slack[env] < 0.0) & (claimed[env] > *share);
                granted[env] = if falls_back { fallback } else { claimed[env] };
            }
        }
    }
}

/// Does the grants to a slice.
pub(super) struct Advance<'a> {
    pub(super) law: Law,
    pub(super) fixed: Fixed,
    pub(super) reward: RewardWeights,
    pub(super) share: f64,
    pub(super) drift: CpuDrift,
    pub(super) conflicts: &'a [u8],
    pub(super) lanes: SliceLanes<'a>,
}

impl Kernel for Advance<'_> {
    #[inline(always)]
    fn run(self) {
        let lanes = self.lanes;
        let count = self.conflicts.len();
        let granted = &lanes.granted_hz[..count];
        let claimed = &lanes.claimed_hz[..count];
        let (arrivals, efficiency) = (&lanes.arrivals_bits[..count], &lanes.efficiency[..count]);
        let (transmission, computation) =
            (&mut lanes.transmission_bits[..count], &mut lanes.computation_bits[..count]);
        let (used, exploitation) = (&mut lanes.used_hz[..count], &mut lanes.exploitation[..count]);
        let (latency, reward) = (&mut lanes.latency_ms[..count], &mut lanes.reward[..count]);
        let (arrived, served) = (&mut lanes.arrived_bits[..count], &mut lanes.served_bits[..count]);
        let dropped = &mut lanes.dropped_bits[..count];
        let x = &lanes.drift[..count];
        for lane in 0..count {
            let before = Before {
                transmission_bits: transmission[lane],
                computation_bits: computation[lane],
                arrivals_bits: arrivals[lane],
                efficiency: efficiency[lane],
                drift: self.drift.factor(x[lane]),
            };
            let pass = self.law.pass(&self.fixed, &before, granted[lane]);
            let in_conflict = (self.conflicts[lane] == 1) & (claimed[lane] > self.share);
            let experience =
                Experience { latency_ms: pass.latency_ms, in_conflict, exploitation: pass.exploitation };
            transmission[lane] = pass.transmission.waiting;
            computation[lane] = pass.computation.waiting;
            used[lane] = pass.used_hz;
            exploitation[lane] = pass.exploitation;
            latency[lane] = pass.latency_ms;
            reward[lane] = self.reward.reward_in_loop(&experience);
            arrived[lane] = arrivals[lane];
            served[lane] = pass.computation.sent;
            dropped[lane] = pass.transmission.dropped + pass.computation.dropped;
        }
    }
}

#[inline(always)]
fn before(lanes: &SliceLanes<'_>, drift: CpuDrift, lane: usize) -> Before {
    Before {
        transmission_bits: lanes.transmission_bits[lane],
        computation_bits: lanes.computation_bits[lane],
        arrivals_bits: lanes.arrivals_bits[lane],
        efficiency: lanes.efficiency[lane],
        drift: drift.factor(lanes.drift[lane]),
    }
}
