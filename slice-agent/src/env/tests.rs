use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::traffic::{SliceClass, TrafficTrace};

fn config(rule: PreemptionRule) -> EnvConfig {
    EnvConfig::source_document(rule)
}

fn env(rule: PreemptionRule) -> SliceEnv {
    SliceEnv::new(config(rule), 1).unwrap()
}

fn levels(levels: [usize; 3]) -> [Action; 3] {
    levels.map(|level| Action { level, message: 0 })
}

const RULES: [PreemptionRule; 2] = [PreemptionRule::Claims, PreemptionRule::WorkConserving];

#[test]
fn static_shares_never_conflict_and_grants_are_claims() {
    for rule in RULES {
        let mut env = env(rule);
        for step in 1..=60 {
            let result = env.step(&levels([2, 2, 2])).unwrap();
            assert_eq!(result, Step { conflict: false, trimmed_slices: 0, done: step == 60 });
            assert!(env.outcomes().iter().all(|outcome| outcome.granted_hz == outcome.claimed_hz));
        }
        assert_eq!(env.step(&levels([2, 2, 2])), Err(EnvError::EpisodeOver { steps: 60 }));
    }
}

#[test]
fn rule_a_counts_claims_and_takes_claimants_back_to_their_shares() {
    let mut env = env(PreemptionRule::Claims);
    // 22.5 + 3.75 + 10 GHz fit into 40 GHz, 30 + 3.75 + 10 do not.
    assert!(!env.step(&levels([3, 0, 2])).unwrap().conflict);
    assert!(env.step(&levels([4, 0, 2])).unwrap().conflict);
    let granted: Vec<_> = env.outcomes().iter().map(|outcome| outcome.granted_hz / 10_000_000).collect();
    assert_eq!(granted, [1_500, 375, 1_000]);
    assert_eq!(
        env.outcomes().iter().map(|outcome| outcome.in_conflict).collect::<Vec<_>>(),
        [true, false, false]
    );
}

#[test]
fn rule_b_lends_what_is_claimed_but_idle() {
    let silent = Arc::new(TrafficTrace::from_bits(vec![1e-6]).unwrap());
    let loud = Arc::new(TrafficTrace::from_bits(vec![1e6]).unwrap());
    let mut config = config(PreemptionRule::WorkConserving);
    for slice in &mut config.slices {
        slice.traffic = TrafficModel::Trace(Arc::clone(&silent));
    }
    let mut env = SliceEnv::new(config.clone(), 1).unwrap();
    assert!(!env.step(&levels([4, 2, 2])).unwrap().conflict);
    for slice in &mut config.slices {
        slice.traffic = TrafficModel::Trace(Arc::clone(&loud));
    }
    let mut env = SliceEnv::new(config, 1).unwrap();
    assert!(env.step(&levels([4, 2, 2])).unwrap().conflict);
    assert_eq!(env.outcomes()[0].granted_hz, 15_000_000_000 / 4);
}

#[test]
fn messages_arrive_at_the_others_one_step_later() {
    let mut env = env(PreemptionRule::Claims);
    assert!(env.observe(0).messages_of_others().eq([0, 0]));
    let mut actions = levels([2, 2, 2]);
    actions.iter_mut().zip(1..).for_each(|(action, message)| action.message = message);
    env.step(&actions).unwrap();
    assert!(env.observe(0).messages_of_others().eq([2, 3]));
    assert!(env.observe(1).messages_of_others().eq([1, 3]));
    let mut features = [0.0; 16];
    env.observe(1).write(0.010, env.config().total_hz(), 4, &mut features);
    assert_eq!(features[8..], [0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0]);
    assert_eq!(features.len(), Observation::features(3, 4));
}

#[test]
fn a_step_is_computed_as_by_hand() {
    let mut config = config(PreemptionRule::Claims);
    // 150,000 bit arrive in each step; the radio sends at most 0.010 s * rate.
    let trace = Arc::new(TrafficTrace::from_bits(vec![150_000.0]).unwrap());
    config.slices.truncate(1);
    config.slices[0].traffic = TrafficModel::Trace(trace);
    let mut env = SliceEnv::new(config, 7).unwrap();
    let before = env.observe(0);
    let sent = (before.radio_bps * 0.010).min(150_000.0);
    // A quarter of 15 GHz serves 3.75e9 * 0.010 / 450 = 83,333 bit.
    let served = sent.min(3.75e9 * 0.010 / 450.0);
    let latency = 1e3 * ((150_000.0 - sent) / before.radio_bps + (sent - served) * 450.0 / 3.75e9);
    env.step(&[Action::default()]).unwrap();
    let outcome = env.outcomes()[0];
    assert!((outcome.served_bits - served).abs() < 1e-6);
    assert!((outcome.latency_ms - latency).abs() < 1e-9, "{} {latency}", outcome.latency_ms);
    assert_eq!(outcome.reward, (-latency / 5.0).exp());
    assert!((outcome.used_hz - served * 450.0 / 0.010).abs() < 1.0);
}

#[test]
fn equal_seeds_give_equal_worlds_also_after_a_reset() {
    let run = |env: &mut SliceEnv| {
        let mut seen = Vec::new();
        for step in 0..60 {
            env.step(&levels([step % 5, step % 3, 2])).unwrap();
            seen.extend_from_slice(env.outcomes());
        }
        seen
    };
    for rule in RULES {
        let mut one = env(rule);
        let first = run(&mut one);
        assert_eq!(first, run(&mut env(rule)));
        one.reset(1);
        assert_eq!(first, run(&mut one));
        one.reset(2);
        assert_ne!(first, run(&mut one));
    }
}

#[test]
fn traffic_does_not_depend_on_the_actions() {
    let (mut one, mut other) = (env(PreemptionRule::Claims), env(PreemptionRule::Claims));
    for _ in 0..60 {
        one.step(&levels([0, 0, 0])).unwrap();
        other.step(&levels([4, 4, 4])).unwrap();
        let arrived = |env: &SliceEnv| env.outcomes().iter().map(|o| o.arrived_bits).collect::<Vec<_>>();
        assert_eq!(arrived(&one), arrived(&other));
    }
}

#[test]
fn delayed_observations_show_the_arrivals_of_earlier_steps() {
    let delayed = EnvConfig { arrivals_delay_steps: 2, ..config(PreemptionRule::Claims) };
    let (mut fresh, mut late) = (env(PreemptionRule::Claims), SliceEnv::new(delayed, 1).unwrap());
    let mut arrivals = vec![0.0, 0.0];
    for _ in 0..60 {
        arrivals.push(fresh.observe(0).arrivals_bits);
        assert_eq!(late.observe(0).arrivals_bits, arrivals[arrivals.len() - 3]);
        fresh.step(&levels([2, 2, 2])).unwrap();
        late.step(&levels([2, 2, 2])).unwrap();
    }
}

#[test]
fn a_convex_cpu_law_needs_more_than_the_constant_one() {
    let mut constant = config(PreemptionRule::Claims);
    for slice in &mut constant.slices {
        slice.traffic = TrafficModel::Trace(Arc::new(TrafficTrace::from_bits(vec![50_000.0]).unwrap()));
    }
    let mut convex = constant.clone();
    convex.cpu.growth = 1.0;
    let [constant, convex] = [constant, convex].map(|config| SliceEnv::new(config, 1).unwrap());
    // At 5 Mbit/s a bit costs a tenth more, and rates below the arrivals less.
    assert!((0..3).all(|slice| convex.demand_hz(slice) > constant.demand_hz(slice)));
    assert!((0..3).all(|slice| convex.demand_hz(slice) * 10 <= constant.demand_hz(slice) * 11 + 10));
}

#[test]
fn bad_configurations_and_actions_are_refused_by_name() {
    let good = config(PreemptionRule::Claims);
    let refused = |change: &dyn Fn(&mut EnvConfig)| {
        let mut config = good.clone();
        change(&mut config);
        SliceEnv::new(config, 0).unwrap_err().to_string()
    };
    assert_eq!(refused(&|config| config.slices.clear()), "slices is 0, it must be at least 1");
    assert_eq!(refused(&|config| config.slices[1].share_hz = 0), "share_hz is 0, it must be above 0");
    assert_eq!(refused(&|config| config.step_s = f64::NAN), "step_s is NaN, it must be above 0");
    assert_eq!(
        refused(&|config| config.arrivals_delay_steps = 101),
        "arrivals_delay_steps is 101, it must be at most 100"
    );
    assert_eq!(refused(&|config| config.slices[0].share_hz = u64::MAX), "The arbiter refuses the shares");
    let infeasible = TrafficModel::Modulated(crate::traffic::TrafficSpec {
        on_probability: 0.9,
        ..SliceClass::Embb.traffic()
    });
    let message = refused(&|config| config.slices[0].traffic = infeasible.clone());
    assert_eq!(message, "The traffic of an eMBB slice cannot be made");
    let mut env = env(PreemptionRule::Claims);
    let short = env.step(&levels([2, 2, 2])[..2]);
    assert_eq!(short, Err(EnvError::ActionCount { actions: 2, slices: 3 }));
    assert_eq!(env.step(&levels([2, 5, 2])), Err(EnvError::LevelOutsideGrid { slice: 1, level: 5 }));
    let shouting = [Action { level: 0, message: 4 }; 3];
    assert!(matches!(env.step(&shouting), Err(EnvError::MessageOutsideSpace { messages: 4, .. })));
}

#[test]
fn the_mask_hides_claims_beyond_the_total() {
    assert_eq!(env(PreemptionRule::Claims).action_mask(0), [true; LEVELS]);
    let mut alone = config(PreemptionRule::Claims);
    alone.slices.truncate(1);
    assert_eq!(SliceEnv::new(alone, 0).unwrap().action_mask(0), [true, true, true, false, false]);
}

#[test]
fn one_slice_and_a_hundred_slices_work() {
    for count in [1, 100] {
        let mut config = config(PreemptionRule::WorkConserving);
        let pattern = config.slices.clone();
        config.slices = pattern.into_iter().cycle().take(count).collect();
        config.arbiter = true;
        let mut env = SliceEnv::new(config, 3).unwrap();
        let actions = vec![Action { level: 4, message: 1 }; count];
        while !env.step(&actions).unwrap().done {}
        assert!(env.outcomes().iter().all(|outcome| outcome.latency_ms <= 30.0));
        assert_eq!(env.e2_report(0).map(|report| report.steps), Some(10));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn with_the_arbiter_no_step_uses_more_than_there_is(
        seed in any::<u64>(),
        choices in prop::collection::vec(prop::array::uniform3(0usize..LEVELS), 60),
        work_conserving in any::<bool>(),
    ) {
        let rule = RULES[usize::from(work_conserving)];
        let mut env = SliceEnv::new(EnvConfig { arbiter: true, ..config(rule) }, seed).unwrap();
        for choice in choices {
            let step = env.step(&levels(choice)).unwrap();
            prop_assert!(!step.conflict);
            let used: f64 = env.outcomes().iter().map(|outcome| outcome.used_hz).sum();
            prop_assert!(used <= 40e9 * (1.0 + 1e-12), "{used}");
            if rule == PreemptionRule::Claims {
                prop_assert!(env.outcomes().iter().map(|outcome| outcome.granted_hz).sum::<u64>() <= 40_000_000_000);
            }
        }
    }
}
