#![allow(clippy::unwrap_used, reason = "a test stops where its own material is wrong")]

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::env::{Action, CpuDrift, Resource, SliceEnv, TrafficModel};
use crate::traffic::TrafficTrace;

const SEEDS: [u64; 5] = [3, 1, 4, 1_000, u64::MAX];

fn config(rule: PreemptionRule) -> EnvConfig {
    EnvConfig::source_document(rule)
}

/// Random actions of shape (environments, slices, 2), the same for equal steps.
fn actions(config: &EnvConfig, envs: usize, step: usize) -> Vec<u8> {
    let mut random = crate::random::Stream::new(99, step);
    let mut any = |count: usize| u8::try_from(random.next() % u32::try_from(count).unwrap()).unwrap();
    (0..envs * config.slices.len()).flat_map(|_| [any(LEVELS), any(config.messages)]).collect()
}

/// Runs the batch beside single environments and compares every number.
fn agrees(config: &EnvConfig) {
    let mut batch = BatchEnv::new(config.clone(), &[0; 5]).unwrap();
    batch.reset(&SEEDS).unwrap();
    let mut singles: Vec<_> =
        SEEDS.iter().map(|seed| SliceEnv::new(config.clone(), *seed).unwrap()).collect();
    let (slices, features) = (batch.slices(), batch.features());
    let mut seen = vec![7.0; 5 * slices * features];
    type Of = fn(&crate::env::SliceOutcome) -> f64;
    let columns: [(Column, Of); 9] = [
        (Column::Reward, |outcome| outcome.reward),
        (Column::LatencyMs, |outcome| outcome.latency_ms),
        (Column::ClaimedHz, |outcome| outcome.claimed_hz as f64),
        (Column::GrantedHz, |outcome| outcome.granted_hz as f64),
        (Column::UsedHz, |outcome| outcome.used_hz),
        (Column::Exploitation, |outcome| outcome.exploitation),
        (Column::ArrivedBits, |outcome| outcome.arrived_bits),
        (Column::ServedBits, |outcome| outcome.served_bits),
        (Column::DroppedBits, |outcome| outcome.dropped_bits),
    ];
    for step in 0..60 {
        batch.observe(&mut seen).unwrap();
        for (env, single) in singles.iter().enumerate() {
            for slice in 0..slices {
                let mut expected = vec![0.0; features];
                let (step_s, total) = (config.step_s, config.total_hz());
                single.observe(slice).write(step_s, total, config.messages, &mut expected);
                let place = (env * slices + slice) * features;
                assert_eq!(seen[place..place + features], expected, "step {step}, {env}, {slice}");
            }
        }
        let actions = actions(config, 5, step);
        let done = batch.step(&actions).unwrap();
        let (mut conflicts, mut trimmed) = (0, 0);
        for (env, single) in singles.iter_mut().enumerate() {
            let of_env = &actions[2 * env * slices..2 * (env + 1) * slices];
            let of_env: Vec<_> = of_env
                .chunks(2)
                .map(|pair| Action { level: pair[0].into(), message: pair[1].into() })
                .collect();
            let single_step = single.step(&of_env).unwrap();
            assert_eq!(single_step.done, done.done);
            assert_eq!(u8::from(single_step.conflict), batch.conflicts()[env]);
            conflicts += usize::from(single_step.conflict);
            trimmed += single_step.trimmed_slices;
            for (column, of) in columns {
                for (slice, outcome) in single.outcomes().iter().enumerate() {
                    let found = batch.lanes.column(column)[slice * 5 + env];
                    assert_eq!(found.to_bits(), of(outcome).to_bits(), "{column:?} {step} {env} {slice}");
                }
            }
        }
        assert_eq!((done.conflicts, done.trimmed_slices), (conflicts, trimmed));
    }
    assert!(matches!(batch.step(&actions(config, 5, 0)), Err(EnvError::EpisodeOver { steps: 60 })));
}

#[test]
fn a_batch_does_to_the_last_bit_what_single_environments_do() {
    for rule in [PreemptionRule::Claims, PreemptionRule::WorkConserving] {
        for arbiter in [false, true] {
            let plain = EnvConfig { arbiter, ..config(rule) };
            agrees(&plain);
            let cpu_drift = CpuDrift { deviation: 0.3, correlation: 0.98 };
            let mut hard = EnvConfig { arrivals_delay_steps: 3, cpu_drift, ..plain.clone() };
            hard.cpu.growth = 0.5;
            agrees(&hard);
            agrees(&EnvConfig { hidden_demand: true, arrivals_delay_steps: 1, ..plain });
            agrees(&EnvConfig { arbiter, ..EnvConfig::prbs(rule) });
        }
    }
}

#[test]
fn a_batch_replays_traces_and_has_any_number_of_slices() {
    let mut config = EnvConfig { arbiter: true, ..config(PreemptionRule::WorkConserving) };
    let trace = TrafficTrace::from_bits(vec![1e5, 0.0, 3e5, 2e5, 5.0]).unwrap();
    config.slices[1].traffic = TrafficModel::Trace(Arc::new(trace));
    agrees(&config);
    config.slices.truncate(1);
    agrees(&config);
    config.slices = config.slices.iter().cycle().take(40).cloned().collect();
    agrees(&config);
}

#[test]
fn bad_batches_are_refused_by_name() {
    let good = config(PreemptionRule::Claims);
    let refused =
        |config: &EnvConfig, seeds: &[u64]| BatchEnv::new(config.clone(), seeds).unwrap_err().to_string();
    assert_eq!(refused(&good, &[]), "seeds is 0, it must be at least 1");
    let mut large = good.clone();
    large.slices[0].share_hz = 1 << 50;
    assert!(refused(&large, &[1]).ends_with("it must be at most 2^50 in a batch"));
    let mut prb = good.clone();
    prb.resource = Resource::by_name("prb").unwrap();
    assert_eq!(refused(&prb, &[1]), "share_hz is 15000000000, it must be a multiple of a PRB's 180000");
    let mut batch = BatchEnv::new(good, &[1, 2]).unwrap();
    let refused = |batch: &mut BatchEnv, actions: &[i64]| batch.step(actions).unwrap_err().to_string();
    assert_eq!(refused(&mut batch, &[0; 11]), "There are 11 actions, 12 are needed");
    assert_eq!(refused(&mut batch, &[5; 12]), "Slice 0: level 5 is outside the grid of 5 levels");
    let negative = [0, 0, 0, -1, 0, 0, 0, 0, 0, 0, 0, 0];
    assert!(refused(&mut batch, &negative).starts_with("Slice 1: message"));
    assert_eq!(batch.steps_done(), 0);
    assert_eq!(batch.observe(&mut [0.0]).unwrap_err().to_string(), "There are 1 observations, 96 are needed");
    assert!(batch.write(Column::Reward, &mut [0.0; 5]).is_err());
    assert!(batch.reset(&[1]).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(50))]

    #[test]
    fn bits_are_conserved_whatever_is_claimed(seed in any::<u64>(), arbiter in any::<bool>(), prb in any::<bool>()) {
        let rule = PreemptionRule::WorkConserving;
        let config = EnvConfig { arbiter, ..if prb { EnvConfig::prbs(rule) } else { config(rule) } };
        let mut batch = BatchEnv::new(config.clone(), &[seed, seed ^ 1]).unwrap();
        let mut balance = [0.0; 6];
        for step in 0..60 {
            batch.step(&actions(&config, 2, step)).unwrap();
            for (lane, sum) in balance.iter_mut().enumerate() {
                let lanes = &batch.lanes;
                *sum += lanes.arrived_bits[lane] - lanes.served_bits[lane] - lanes.dropped_bits[lane];
                let waiting = lanes.transmission_bits[lane] + lanes.computation_bits[lane];
                prop_assert!((*sum - waiting).abs() < 1e-3, "{sum} {waiting}");
                prop_assert!(lanes.used_hz[lane] <= lanes.granted_hz[lane]);
                prop_assert!((0.0..=30.0).contains(&lanes.latency_ms[lane]));
            }
        }
    }
}
