use alloc::boxed::Box;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;

const PERIOD: Duration = Duration::from_millis(100);

const fn us(us: u64) -> Duration {
    Duration::from_micros(us)
}

/// A sample over one period.
fn sample(executed: Duration, throttled: Duration) -> Sample {
    Sample { executed, throttled: Some(throttled), interval: PERIOD }
}

fn policy(kind: PolicyKind, runtime: Duration) -> Box<dyn Policy> {
    PolicyConfig::new(kind).build(ReservationParams::new(runtime, PERIOD).unwrap()).unwrap()
}

/// The budgets, in microseconds, that `policy` gives for these uses and throttled times, in microseconds.
fn budgets(policy: &mut dyn Policy, samples: &[(u64, u64)]) -> Vec<u128> {
    let step = |&(executed, throttled)| policy.step(&sample(us(executed), us(throttled))).runtime.as_micros();
    samples.iter().map(step).collect()
}

#[test]
fn the_sources_policy_follows_figure_23() {
    let mut seed = policy(PolicyKind::Seed, us(2_000));
    let growing = [(2_000, 0), (2_200, 0), (2_640, 0), (3_696, 0), (6_652, 0), (17_297, 0)];
    // cmax * 1.1, 1.2, 1.4, 1.8, 2.6, 4.2
    assert_eq!(budgets(&mut *seed, &growing), [2_200, 2_640, 3_696, 6_652, 17_295, 72_647]);
    // Demand falls: l is 1, and the largest sample stays for N = 8 samples, itself included.
    let fallen = budgets(&mut *seed, &[(10_000, 0); 8]);
    assert_eq!(fallen, [19_026, 19_026, 19_026, 19_026, 19_026, 19_026, 19_026, 11_000]);
}

#[test]
fn the_sources_policy_stops_at_80_percent_of_the_period_and_at_the_floor() {
    let mut seed = policy(PolicyKind::Seed, us(2_000));
    assert_eq!(budgets(&mut *seed, &[(90_000, 0)]), [80_000]);
    let mut idle = policy(PolicyKind::Seed, us(2_000));
    assert_eq!(budgets(&mut *idle, &[(0, 0)]), [100]);
}

#[test]
fn a_sample_over_five_periods_counts_for_one() {
    let five = Sample { executed: us(50_000), throttled: Some(us(5_000)), interval: 5 * PERIOD };
    let demand = five.per_period(PERIOD);
    assert_eq!((demand.executed, demand.throttled), (us(10_000), Some(us(1_000))));
}

#[test]
fn a_throttled_task_is_boosted_and_the_boost_leaves_no_trace() {
    let mut policy = policy(PolicyKind::Saturation, us(2_000));
    assert_eq!(budgets(&mut *policy, &[(2_000, 90_000), (4_000, 60_000)]), [4_000, 16_000]);
    // The backlog drains in the first sample: nothing is learnt. Then two samples make a demand of 10 ms.
    assert_eq!(budgets(&mut *policy, &[(15_000, 0), (10_000, 0), (10_000, 0)]), [16_000, 16_000, 11_000]);
}

#[test]
fn noise_within_the_dead_band_changes_nothing() {
    let mut policy = policy(PolicyKind::Saturation, us(11_000));
    for executed in [10_000, 10_100, 9_950, 10_200] {
        let decision = policy.step(&sample(us(executed), us(0)));
        assert!(!decision.changed && decision.runtime == us(11_000), "{decision:?}");
    }
}

#[test]
fn a_percentile_ignores_rare_peaks() {
    let mut policy = policy(PolicyKind::Percentile, us(20_000));
    let mut samples = [(10_000, 0); 40];
    samples[20] = (19_000, 0);
    // The percentile is told by a bucket, 3 % wide.
    let last = budgets(&mut *policy, &samples).pop().unwrap();
    assert!((11_000..11_400).contains(&last), "{last}");
}

#[test]
fn the_controller_goes_up_at_once_and_down_by_halves() {
    let mut policy = policy(PolicyKind::Pi, us(2_000));
    assert_eq!(budgets(&mut *policy, &[(10_000, 0), (10_000, 0)]), [11_000, 11_000]);
    assert_eq!(budgets(&mut *policy, &[(0, 0), (0, 0), (0, 0)]), [5_500, 2_750, 1_375]);
    // Throttled: twice the use, and a quarter of it in reserve, which fades.
    assert_eq!(budgets(&mut *policy, &[(2_000, 50_000)]), [4_000]);
    assert_eq!(budgets(&mut *policy, &[(4_000, 0)]), [4_875]);
}

#[test]
fn a_static_budget_stays() {
    let mut policy = policy(PolicyKind::Static, us(2_000));
    let decision = policy.step(&sample(us(2_000), us(50_000)));
    assert_eq!(decision, Decision { runtime: us(2_000), changed: false, saturated: true });
}

#[test]
fn reservations_outside_the_kernels_rules_are_refused_by_name() {
    let refused = |runtime, period| ReservationParams::new(runtime, period).unwrap_err().to_string();
    assert!(refused(Duration::from_nanos(1_023), PERIOD).contains("below the kernel's least, 1.024µs"));
    assert!(refused(us(101_000), PERIOD).contains("Runtime of 101ms exceeds the deadline of 100ms"));
    assert!(refused(us(10), us(99)).contains("Period of 99µs is not between 100µs and 4.194304s"));
    assert!(refused(us(10), us(4_194_305)).contains("Period of 4.194305s"));
    let limits = KernelLimits::default();
    let late = ReservationParams::within(us(10), us(300), us(200), &limits).unwrap_err();
    assert_eq!(late.to_string(), "Deadline of 300µs exceeds the period of 200µs");
}

#[test]
fn parameters_that_cannot_work_are_refused_by_name() {
    let initial = ReservationParams::new(us(2_000), PERIOD).unwrap();
    let refused = |change: fn(&mut PolicyConfig)| {
        let mut config = PolicyConfig::new(PolicyKind::Seed);
        change(&mut config);
        config.build(initial).unwrap_err().to_string()
    };
    assert!(refused(|c| c.window = 0).starts_with("A window of 0 samples"));
    assert!(refused(|c| c.overhead = Ratio::ppm(0)).starts_with("An overhead of nothing"));
    assert!(
        refused(|c| c.overhead = Ratio::percent(1_001)).starts_with("An overhead of 1001 % is above 1000 %")
    );
    assert!(refused(|c| c.dead_band = Ratio::percent(100)).starts_with("A dead band of 100 %"));
    assert!(refused(|c| c.cap = Ratio::percent(101)).starts_with("A cap of 101 %"));
    assert!(refused(|c| c.percentile = Ratio::ppm(0)).starts_with("A percentile of 0 %"));
    assert!(refused(|c| c.floor = PERIOD).starts_with("The least budget, 100ms, is above the largest, 80ms"));
    assert!("pid".parse::<PolicyKind>().unwrap_err().to_string().starts_with("There is no policy pid"));
}

#[test]
fn shares_are_fair_when_there_is_too_little() {
    let percent = |percent: u64| Bandwidth::of(us(percent), us(100));
    let request = |wanted, weight| Request { wanted: percent(wanted), floor: percent(1), weight };
    let shares = |requests: &[Request], available| compress(requests, percent(available));
    // All fits.
    assert_eq!(shares(&[request(40, 1), request(50, 1)], 90), [percent(40), percent(50)]);
    // The small one gets all, the large ones the same.
    let scarce = shares(&[request(10, 1), request(80, 1), request(70, 1)], 90);
    assert_eq!(scarce[0], percent(10));
    assert!(scarce[1].units().abs_diff(percent(40).units()) < 10_000, "{scarce:?}");
    assert_eq!(scarce[1], scarce[2]);
    // Weights.
    let weighted = shares(&[request(80, 3), request(80, 1)], 40);
    assert!(weighted[0].units() > 2 * weighted[1].units(), "{weighted:?}");
    // Not even the floors fit.
    assert_eq!(shares(&[request(80, 1), request(80, 1)], 0), [percent(0), percent(0)]);
}

fn any_kind() -> impl Strategy<Value = PolicyKind> {
    prop::sample::select(PolicyKind::ALL.to_vec())
}

fn any_sample() -> impl Strategy<Value = Sample> {
    (any::<u64>(), any::<Option<u64>>(), any::<u64>()).prop_map(|(executed, throttled, interval)| Sample {
        executed: Duration::from_nanos(executed),
        throttled: throttled.map(Duration::from_nanos),
        interval: Duration::from_nanos(interval),
    })
}

proptest! {
    /// Whatever is measured, the budget is one that the kernel takes and that leaves the CPU to others.
    #[test]
    fn every_budget_stays_within_its_bounds(
        kind in any_kind(),
        samples in prop::collection::vec(any_sample(), 1..60),
        initial in 2_000u64..100_000_000,
    ) {
        let config = PolicyConfig::new(kind);
        let initial = ReservationParams::new(Duration::from_nanos(initial), PERIOD).unwrap();
        let bounds = config.bounds(PERIOD).unwrap();
        let mut policy = config.build(initial).unwrap();
        for sample in &samples {
            let decision = policy.step(sample);
            prop_assert!(decision.runtime >= bounds.floor() && decision.runtime <= bounds.cap());
            prop_assert!(initial.with_runtime(decision.runtime).is_ok());
        }
    }

    /// The window tells what sorting its last samples would.
    #[test]
    fn the_window_knows_its_two_largest(
        size in 1_usize..9,
        samples in prop::collection::vec(prop_oneof![Just(0), 0u64..5, any::<u64>()], 1..80),
    ) {
        let mut window = MaxWindow::new(size);
        for end in 1..=samples.len() {
            window.push(Duration::from_nanos(samples[end - 1]));
            let mut last = samples[end.saturating_sub(size)..end].to_vec();
            last.sort_unstable_by_key(|sample| core::cmp::Reverse(*sample));
            let second = last.get(1).unwrap_or(&last[0]);
            prop_assert_eq!(window.max(), Some(Duration::from_nanos(last[0])));
            prop_assert_eq!(window.second(), Some(Duration::from_nanos(*second)));
        }
    }

    /// Saturation is found without the division, as it would be with it.
    #[test]
    fn limits_hold_for_what_is_scaled(
        time in any::<u64>(), by in any::<u64>(), of in any::<u64>(), near in -2_i64..3, far in any::<u64>(),
    ) {
        let time = Duration::from_nanos(time);
        let scaled = ratio::scaled(time, by, of);
        let next = u64::try_from(scaled.as_nanos()).unwrap().saturating_add_signed(near);
        for least in [next, far].map(Duration::from_nanos) {
            prop_assert_eq!(ratio::reaches(time, by, of, least), scaled >= least);
        }
    }

    /// While the demand grows, so does `l`; when it does not, `l` is 1.
    #[test]
    fn the_boost_doubles_while_the_demand_grows(steps in prop::collection::vec(0u64..1_000, 1..80)) {
        let bounds = PolicyConfig::new(PolicyKind::Seed).bounds(PERIOD).unwrap();
        let mut seed = Seed::new(8, Ratio::percent(10), bounds, us(2_000));
        let (mut window, mut old) = (MaxWindow::new(8), None);
        for step in steps {
            let before = seed.boost().get();
            seed.step(&sample(us(step), us(0)));
            window.push(us(step));
            let grows = old.is_some_and(|old| window.max() > Some(old));
            let first = old.is_none();
            old = window.max();
            let expected = if first { 1 } else if grows { before.saturating_mul(2) } else { 1 };
            prop_assert_eq!(seed.boost().get(), expected);
        }
    }

    /// A constant demand C below the cap ends at C * (1 + ovh), from any first budget.
    #[test]
    fn a_constant_demand_is_met_with_its_overhead(
        kind in prop::sample::select([PolicyKind::Seed, PolicyKind::Saturation, PolicyKind::Percentile, PolicyKind::Pi].to_vec()),
        demand in 1_000u64..70_000,
        initial in 1_000u64..80_000,
    ) {
        let mut policy = policy(kind, us(initial));
        let mut runtime = us(initial);
        for _ in 0..200 {
            let executed = us(demand).min(runtime);
            let throttled = if us(demand) > runtime { PERIOD - runtime } else { Duration::ZERO };
            runtime = policy.step(&sample(executed, throttled)).runtime;
        }
        let target = us(demand) + Ratio::percent(10).of(us(demand));
        // Dead band, and the bucket of the percentile.
        let slack = Ratio::percent(7).of(target);
        prop_assert!(runtime.abs_diff(target) <= slack, "{runtime:?} instead of {target:?}");
    }

    /// A budget for a group may exceed the period, up to the cap of all its CPUs.
    #[test]
    fn a_groups_budget_reaches_over_its_cpus(kind in any_kind(), cpus in 1u32..64, demand in 0u64..6_400_000) {
        let config = PolicyConfig::new(kind);
        let bounds = config.bounds_for_group(PERIOD, cpus).unwrap();
        let mut policy = config.build_for_group(us(20_000), PERIOD, cpus).unwrap();
        let mut runtime = us(20_000);
        for _ in 0..100 {
            runtime = policy.step(&sample(us(demand), us(0))).runtime;
            prop_assert!(runtime >= bounds.floor() && runtime <= bounds.cap());
        }
        let wanted = bounds.clamp(us(demand) + Ratio::percent(10).of(us(demand)));
        if kind != PolicyKind::Static {
            prop_assert!(runtime.abs_diff(wanted) <= Ratio::percent(7).of(wanted), "{runtime:?}, {wanted:?}");
        }
    }

    /// Shares that stay for a while still fit, and nobody has more than it wants.
    #[test]
    fn steady_shares_fit_too(
        asked in prop::collection::vec((0u64..2_000_000, 0u64..2_000_000), 0..20),
        available in 0u64..4_000_000,
    ) {
        let units = Bandwidth::from_units;
        let requests: Vec<_> =
            asked.iter().map(|&(wanted, _)| Request { wanted: units(wanted), floor: units(100), weight: 1 }).collect();
        let in_force: Vec<_> = asked.iter().map(|&(_, old)| units(old)).collect();
        let shares = Sharing::new(Ratio::percent(30)).shares(&requests, &in_force, units(available));
        prop_assert!(shares.iter().map(|share| share.units()).sum::<u64>() <= available);
        prop_assert!(shares.iter().zip(&requests).all(|(share, request)| *share <= request.wanted));
    }

    /// Shares never exceed what there is nor what is wanted, waste nothing but rounding, and keep the floors.
    #[test]
    fn shares_add_up(
        asked in prop::collection::vec((0u64..2_000_000, 0u64..50_000, 0u32..10), 0..20),
        available in 0u64..4_000_000,
    ) {
        let requests: Vec<_> = asked.iter().map(|&(wanted, floor, weight)| Request {
            wanted: Bandwidth::from_units(wanted), floor: Bandwidth::from_units(floor), weight,
        }).collect();
        let shares = compress(&requests, Bandwidth::from_units(available));
        let sum: u64 = shares.iter().map(|share| share.units()).sum();
        let wanted: u64 = requests.iter().map(|request| request.wanted.units()).sum();
        let floors: u64 = requests.iter().map(|r| r.floor.min(r.wanted).units()).sum();
        prop_assert!(sum <= available);
        let wasted = available.min(wanted) - sum;
        prop_assert!(wasted <= 20 * 20, "{wasted} of {available} wasted");
        for (request, share) in requests.iter().zip(&shares) {
            prop_assert!(*share <= request.wanted);
            prop_assert!(floors > available || *share >= request.floor.min(request.wanted));
        }
    }
}
