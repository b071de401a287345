use super::*;
use crate::env::{PreemptionRule, SliceEnv};

fn context() -> AgentContext {
    AgentContext::new(&EnvConfig::source_document(PreemptionRule::Claims), 0)
}

fn observation(arrivals_bits: f64, messages: &[usize]) -> Observation<'_> {
    Observation {
        slice: 0,
        arrivals_bits,
        computation_bits: 0.0,
        computation_limit_bits: 1e6,
        transmission_bits: 0.0,
        radio_bps: 1e9,
        granted_hz: 0,
        claimed_hz: 0,
        exploitation: 0.0,
        conflict: false,
        messages,
    }
}

/// Bits a step that need `percent` of 15 GHz at 450 cycles a bit.
fn bits(percent: f64) -> f64 {
    percent / 100.0 * 15e9 * 0.010 / 450.0
}

#[test]
fn the_demand_policy_claims_the_lowest_level_that_serves() {
    let mut policy = DemandFollowing::new(context());
    for (percent, level) in [(0.0, 0), (24.9, 0), (25.1, 1), (99.0, 2), (120.0, 3), (151.0, 4), (900.0, 4)] {
        assert_eq!(policy.decide(&observation(bits(percent), &[0; 3])).level, level, "{percent} %");
    }
}

#[test]
fn the_floor_is_the_own_share() {
    let mut policy = DemandFollowing::with_floor(context());
    assert_eq!(policy.decide(&observation(0.0, &[0; 3])).level, OWN_SHARE);
    assert_eq!(policy.decide(&observation(bits(180.0), &[0; 3])).level, 4);
}

#[test]
fn codes_tell_half_share_and_beyond() {
    let table = [(7, Code::Low), (8, Code::Share), (15, Code::Share), (16, Code::Beyond)];
    for (claim, code) in table {
        assert_eq!(Code::of(claim, 15), code);
    }
}

#[test]
fn the_coded_policy_goes_beyond_its_share_only_when_the_codes_leave_room() {
    let mut policy = CodedDemand::new(context());
    for (messages, action) in [
        ([0, 0, 1], Action { level: 4, message: 2 }),
        ([0, 1, 1], Action { level: OWN_SHARE, message: 1 }),
        ([0, 0, 2], Action { level: OWN_SHARE, message: 1 }),
    ] {
        assert_eq!(policy.decide(&observation(bits(180.0), &messages)), action);
    }
    assert_eq!(policy.decide(&observation(0.0, &[0; 3])), Action { level: 0, message: 0 });
}

#[test]
fn names_are_read_back_and_unknown_ones_refused() {
    for name in PolicyName::ALL {
        assert_eq!(name.to_string().parse(), Ok(name));
    }
    assert!("greedy".parse::<PolicyName>().unwrap_err().to_string().contains("demand-floor"));
}

#[test]
fn a_team_that_does_not_fit_is_refused() {
    let mut config = EnvConfig::source_document(PreemptionRule::Claims);
    config.messages = 2;
    assert_eq!(Team::new(PolicyName::Codes, &config).unwrap_err(), PolicyError::FewMessages { messages: 2 });
    config.slices = config.slices.iter().cycle().take(8).cloned().collect();
    assert_eq!(Team::new(PolicyName::Oracle, &config).unwrap_err(), PolicyError::ManySlices { slices: 8 });
}

fn rewards(name: PolicyName, rule: PreemptionRule) -> (f64, usize) {
    let config = EnvConfig::source_document(rule);
    let mut team = Team::new(name, &config).unwrap();
    let mut env = SliceEnv::new(config, 0).unwrap();
    let mut actions = [Action::default(); 3];
    let (mut sum, mut conflicts) = (0.0, 0);
    for seed in 0..50 {
        env.reset(seed);
        team.begin(seed);
        loop {
            team.decide(&env, &mut actions);
            let step = env.step(&actions).unwrap();
            sum += env.outcomes().iter().map(|outcome| outcome.reward).sum::<f64>();
            conflicts += usize::from(step.conflict);
            if step.done {
                break;
            }
        }
    }
    (sum, conflicts)
}

#[test]
fn the_oracle_never_conflicts_and_no_policy_reaches_its_reward() {
    for rule in [PreemptionRule::Claims, PreemptionRule::WorkConserving] {
        let (best, conflicts) = rewards(PolicyName::Oracle, rule);
        assert_eq!(conflicts, 0);
        for name in PolicyName::ALL.into_iter().filter(|name| *name != PolicyName::Oracle) {
            assert!(rewards(name, rule).0 < best, "{name}");
        }
    }
}

#[test]
fn random_claims_conflict_in_three_of_five_steps_of_rule_a() {
    // 75 of the 125 joint claims exceed 40 GHz: 36 of 60 steps.
    let (_, conflicts) = rewards(PolicyName::Random, PreemptionRule::Claims);
    assert!((1_700..1_900).contains(&conflicts), "{conflicts} of 3000");
}
