use super::*;
use crate::budget::{PolicyConfig, PolicyKind};
use crate::trace::Summary;

const PERIOD: Duration = Duration::from_millis(100);

fn run(kind: PolicyKind, load: Load, initial_ms: u64, length: u64) -> Trace {
    let initial = ReservationParams::new(Duration::from_millis(initial_ms), PERIOD).unwrap();
    let config = PolicyConfig::new(kind);
    let scenario = Scenario::usual(&config, initial, load, Duration::from_secs(length));
    simulate(&scenario, &mut *config.build(initial).unwrap())
}

/// The budgets in microseconds, one for each setting.
fn budgets(trace: &Trace) -> Vec<u128> {
    trace.settings.iter().map(|setting| setting.runtime.as_micros()).collect()
}

#[test]
fn the_sources_policy_draws_figures_24_to_27() {
    let of = |load, initial| {
        budgets(&run(PolicyKind::Seed, Load::Constant(Duration::from_millis(load)), initial, 12))
    };
    let ten = [2_000, 2_200, 2_592, 3_519, 6_000, 14_311, 53_125, 80_000, 46_023, 11_000];
    assert_eq!(of(10, 2), ten);
    let twenty = [2_000, 2_200, 2_592, 3_519, 6_000, 14_311, 53_125, 80_000, 35_037, 22_000];
    assert_eq!(of(20, 2), twenty);
    assert_eq!(of(10, 8), [8_000, 8_800, 10_368, 14_076, 23_950, 14_636, 11_000]);
    let twenty = [8_000, 8_800, 10_368, 14_076, 24_002, 57_244, 80_000, 55_655, 30_094, 22_000];
    assert_eq!(of(20, 8), twenty);
}

/// A backlog is worked off at the rate of the budget, whatever the sizes of the jobs: 8 of 10 ms in each period.
#[test]
fn a_fixed_budget_that_is_too_small_is_used_up_all_the_same() {
    for load in [10, 20] {
        let trace = run(PolicyKind::Static, Load::Constant(Duration::from_millis(load)), 8, 12);
        assert_eq!(
            (trace.executed, trace.summary().over_allocation),
            (8 * Duration::from_millis(120), Some(0))
        );
    }
}

/// Late jobs, over-allocation in percent and changes, over 30 s from a first budget of 2 ms.
#[test]
fn the_six_loads_under_each_policy() {
    let figures = |kind| {
        Load::SIX.map(|load| {
            let Summary { late, over_allocation, changes, .. } = run(kind, load, 2, 30).summary();
            (late, over_allocation.unwrap(), changes)
        })
    };
    let seed = [(34, 63, 9), (40, 48, 9), (60, 90, 18), (83, 63, 20), (30, 161, 9), (74, 76, 34)];
    assert_eq!(figures(PolicyKind::Seed), seed);
    let saturation = [(4, 10, 4), (7, 13, 5), (12, 35, 13), (9, 54, 39), (23, 157, 29), (4, 43, 127)];
    assert_eq!(figures(PolicyKind::Saturation), saturation);
    let pi = [(4, 15, 24), (7, 23, 48), (8, 22, 56), (19, 51, 270), (35, 116, 294), (4, 12, 225)];
    assert_eq!(figures(PolicyKind::Pi), pi);
    let percentile = [(4, 21, 6), (6, 25, 8), (10, 60, 15), (6, 81, 28), (6, 150, 8), (4, 66, 23)];
    assert_eq!(figures(PolicyKind::Percentile), percentile);
    // A budget of 2 ms with nothing lent: every job with work is late.
    let fixed = figures(PolicyKind::Static);
    assert_eq!(
        fixed.map(|(late, _, changes)| (late, changes)),
        [(300, 0), (300, 0), (300, 0), (300, 0), (150, 0), (300, 0)]
    );
}

#[test]
fn the_default_policy_has_fewer_late_jobs_on_every_load_and_first_budget() {
    for load in Load::SIX {
        for initial in [2, 8] {
            let late = |kind| run(kind, load, initial, 30).summary().late;
            let (default, seed) = (late(PolicyKind::Saturation), late(PolicyKind::Seed));
            assert!(default < seed, "{load}, {initial} ms: {default} against {seed}");
        }
    }
}

#[test]
fn the_same_scenario_gives_the_same_trace() {
    let once = || run(PolicyKind::Saturation, Load::Lognormal, 2, 10);
    assert_eq!(once(), once());
}

#[test]
fn without_samples_nothing_changes() {
    let initial = ReservationParams::new(Duration::from_millis(20), PERIOD).unwrap();
    let load = Load::Constant(Duration::from_millis(10));
    let length = Duration::from_secs(1);
    let scenario = Scenario { initial, sampling: Duration::ZERO, length, load, reclaim: None };
    let mut policy = PolicyConfig::new(PolicyKind::Seed).build(initial).unwrap();
    let summary = simulate(&scenario, &mut *policy).summary();
    assert_eq!((summary.jobs, summary.late, summary.changes), (10, 0, 0));
}
