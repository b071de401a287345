use super::*;
use crate::env::PreemptionRule;

fn plan(threads: usize) -> Plan {
    let entry = |policy, arbiter| Entry { policy, arbiter };
    Plan {
        config: EnvConfig::source_document(PreemptionRule::Claims),
        entries: vec![
            entry(PolicyName::Random, false),
            entry(PolicyName::Static, false),
            entry(PolicyName::Demand, false),
            entry(PolicyName::Demand, true),
            entry(PolicyName::Oracle, false),
        ],
        seeds: (0..4).collect(),
        episodes: 25,
        threads,
    }
}

#[test]
fn figures_are_bit_identical_whatever_the_number_of_threads() {
    let one = plan(1).evaluate(|| {}).unwrap();
    for threads in [2, 3, 7] {
        assert_eq!(plan(threads).evaluate(|| {}).unwrap(), one);
    }
}

#[test]
fn references_without_learning_are_in_the_order_that_they_must_be() {
    let figures = plan(0).evaluate(|| {}).unwrap();
    let [random, fixed, demand, arbitrated, oracle] = figures.as_slice() else { panic!() };
    assert!((random.conflicts_per_100.mean / 3_600.0 - 1.0).abs() < 0.05, "{:?}", random.conflicts_per_100);
    assert_eq!(fixed.conflicts_per_100.mean, 0.0);
    assert_eq!(arbitrated.conflicts_per_100.mean, 0.0);
    assert!(demand.conflicts_per_100.mean > 0.0 && arbitrated.trimmed_per_100.mean > 0.0);
    assert!(arbitrated.latency_mean_ms.mean < demand.latency_mean_ms.mean);
    assert!(demand.latency_mean_ms.mean < fixed.latency_mean_ms.mean);
    assert!(oracle.dropped.mean < fixed.dropped.mean);
}

#[test]
fn progress_counts_every_run() {
    let count = std::sync::atomic::AtomicUsize::new(0);
    let plan = Plan { episodes: 1, ..plan(2) };
    let count_one = || {
        count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    };
    plan.evaluate(count_one).unwrap();
    assert_eq!(count.into_inner(), plan.runs());
}

#[test]
fn empty_plans_and_doubled_seeds_are_refused() {
    let refused = |plan: Plan| plan.evaluate(|| {}).unwrap_err().to_string();
    assert_eq!(refused(Plan { seeds: vec![], ..plan(1) }), "An evaluation needs at least one seed");
    assert_eq!(refused(Plan { episodes: 0, ..plan(1) }), "An evaluation needs at least one episode");
    assert_eq!(refused(Plan { entries: vec![], ..plan(1) }), "An evaluation needs at least one policy");
    assert_eq!(refused(Plan { seeds: vec![3, 1, 3], ..plan(1) }), "Seed 3 stands twice");
}
