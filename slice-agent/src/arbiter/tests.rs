use proptest::prelude::*;

use super::*;

/// Slices of one board: share, claim and demand of each.
fn slices() -> impl Strategy<Value = Vec<(u64, u64, u64)>> {
    let small = || 0u64..50;
    let any = || prop_oneof![small(), 0..u64::MAX / 128, Just(0), Just(u64::MAX)];
    let share = prop_oneof![small(), 0..u64::MAX / 128, Just(0)];
    prop::collection::vec((share, any(), any()), 0..12)
}

fn split(slices: &[(u64, u64, u64)]) -> (Vec<u64>, Vec<Claim>) {
    let shares = slices.iter().map(|slice| slice.0).collect();
    let claims = slices.iter().map(|&(_, amount, demand)| Claim { amount, demand }).collect();
    (shares, claims)
}

fn total(amounts: impl IntoIterator<Item = u64>) -> u128 {
    amounts.into_iter().map(u128::from).sum()
}

fn share(arbiter: &mut Arbiter, shares: &[u64], claims: &[Claim]) -> (Vec<u64>, Round) {
    let mut grants = vec![0; shares.len()];
    let round = arbiter.share(shares, claims, &mut grants).unwrap();
    (grants, round)
}

/// Cases of the properties: `PROPTEST_CASES` asks for more.
fn config() -> ProptestConfig {
    let mut config = ProptestConfig::default();
    config.cases = config.cases.max(4_096);
    config
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn what_is_used_never_exceeds_the_total(slices in slices(), turn in 0usize..20) {
        let (shares, claims) = split(&slices);
        let (grants, _) = share(&mut Arbiter { turn }, &shares, &claims);
        let used = grants.iter().zip(&claims).map(|(grant, claim)| *grant.min(&claim.demand));
        prop_assert!(total(used) <= total(shares));
    }

    #[test]
    fn grants_never_exceed_the_total_when_the_demand_is_unknown(slices in slices(), turn in 0usize..20) {
        let (shares, mut claims) = split(&slices);
        claims.iter_mut().for_each(|claim| claim.demand = Claim::UNKNOWN_DEMAND);
        let (grants, _) = share(&mut Arbiter { turn }, &shares, &claims);
        prop_assert!(total(grants) <= total(shares));
    }

    #[test]
    fn a_grant_lies_between_the_own_share_and_the_claim(slices in slices(), turn in 0usize..20) {
        let (shares, claims) = split(&slices);
        let (grants, _) = share(&mut Arbiter { turn }, &shares, &claims);
        for ((grant, claim), share) in grants.iter().zip(&claims).zip(&shares) {
            prop_assert!(*grant >= claim.amount.min(*share));
            prop_assert!(*grant <= claim.amount);
        }
    }

    #[test]
    fn nothing_stays_idle_while_a_useful_claim_waits(slices in slices(), turn in 0usize..20) {
        let (shares, claims) = split(&slices);
        let (grants, round) = share(&mut Arbiter { turn }, &shares, &claims);
        let unserved = grants.iter().zip(&claims).any(|(grant, claim)| *grant < claim.useful());
        prop_assert_eq!(unserved, round.refused > 0);
        if unserved {
            let used = grants.iter().zip(&claims).map(|(grant, claim)| *grant.min(&claim.demand));
            prop_assert_eq!(total(used), total(shares));
            prop_assert_eq!(round.lent, round.slack);
        }
    }

    #[test]
    fn without_a_conflict_every_useful_claim_is_granted(slices in slices(), turn in 0usize..20) {
        let (shares, claims) = split(&slices);
        let (grants, round) = share(&mut Arbiter { turn }, &shares, &claims);
        if !is_conflict(&shares, &claims) {
            prop_assert_eq!(round.trimmed_slices, 0);
            prop_assert!(grants.iter().zip(&claims).all(|(grant, claim)| *grant >= claim.useful()));
        }
    }

    #[test]
    fn equal_rounds_give_equal_grants(slices in slices(), turn in 0usize..20) {
        let (shares, claims) = split(&slices);
        let (mut one, mut other) = (Arbiter { turn }, Arbiter { turn });
        for _ in 0..3 {
            prop_assert_eq!(share(&mut one, &shares, &claims), share(&mut other, &shares, &claims));
            prop_assert_eq!(&one, &other);
        }
    }

    #[test]
    fn equal_claimants_get_equal_sums_over_a_rotation(
        shares in prop::collection::vec(1u64..1_000, 2..9),
        claimants in prop::collection::vec(any::<bool>(), 9),
        extra in 1u64..1_000,
        turn in 0usize..9,
    ) {
        let claim = |(index, share): (usize, &u64)| Claim::of(if claimants[index] { share + extra } else { 0 });
        let claims: Vec<_> = shares.iter().enumerate().map(claim).collect();
        let rotation: Vec<_> = (0..shares.len()).filter(|index| claimants[*index]).collect();
        let mut sums = vec![0; shares.len()];
        let mut arbiter = Arbiter { turn };
        for _ in 0..rotation.len() {
            let (grants, _) = share(&mut arbiter, &shares, &claims);
            grants.iter().zip(&shares).zip(&mut sums).for_each(|((g, s), sum)| *sum += g.saturating_sub(*s));
        }
        prop_assert!(rotation.iter().all(|index| sums[*index] == sums[rotation[0]]), "{sums:?}");
    }

    #[test]
    fn a_steady_claimant_is_first_at_least_once_in_a_rotation(
        claims in prop::collection::vec(prop::collection::vec(0u64..40, 5), 5),
        steady in 0usize..5,
        turn in 0usize..5,
    ) {
        // The sixth slice claims nothing, so each round has slack.
        let shares = [10; 6];
        let mut arbiter = Arbiter { turn };
        let mut firsts = 0;
        for others in &claims {
            let mut round: Vec<_> = others.iter().copied().map(Claim::of).chain([Claim::of(0)]).collect();
            round[steady] = Claim::of(1_000);
            let (grants, sums) = share(&mut arbiter, &shares, &round);
            firsts += usize::from(grants[steady] == shares[steady] + sums.slack);
        }
        prop_assert!(firsts >= 1);
    }
}

/// Splitmix64, for cases by the million.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

#[test]
fn a_million_rounds_stay_within_the_total_and_leave_nothing_idle() {
    let mut state = 1;
    let mut arbiter = Arbiter::new();
    let (mut shares, mut claims, mut grants) = ([0; 8], [Claim::of(0); 8], [0; 8]);
    for round in 0..1_000_000 {
        let count = 1 + usize::try_from(next(&mut state) % 8).unwrap();
        // From amounts that are often equal to amounts near the limits.
        let bits = next(&mut state) % 61;
        for slice in 0..count {
            shares[slice] = next(&mut state) >> (3 + bits);
            let demand = if next(&mut state).is_multiple_of(3) {
                Claim::UNKNOWN_DEMAND
            } else {
                next(&mut state) >> bits
            };
            claims[slice] = Claim { amount: next(&mut state) >> bits, demand };
        }
        let (shares, claims, grants) = (&shares[..count], &claims[..count], &mut grants[..count]);
        let result = arbiter.share(shares, claims, grants).unwrap();
        let all = total(shares.iter().copied());
        let used = total(grants.iter().zip(claims).map(|(grant, claim)| *grant.min(&claim.demand)));
        assert!(used <= all, "round {round}");
        if claims.iter().all(|claim| claim.demand == Claim::UNKNOWN_DEMAND) {
            assert!(total(grants.iter().copied()) <= all, "round {round}");
        }
        let waits = grants.iter().zip(claims).any(|(grant, claim)| *grant < claim.useful());
        assert!(!waits || used == all, "round {round}: something is idle while a claim waits");
        assert_eq!(waits, result.trimmed_slices > 0);
        let within = grants.iter().zip(claims).zip(shares);
        assert!(
            within.into_iter().all(|((g, c), s)| *g >= c.amount.min(*s) && *g <= c.amount),
            "round {round}"
        );
    }
}

#[test]
fn own_shares_are_granted_whatever_the_others_claim() {
    let claims = [Claim::of(u64::MAX), Claim::of(u64::MAX), Claim::of(10)];
    let (grants, round) = share(&mut Arbiter::new(), &[15, 15, 10], &claims);
    assert_eq!(grants, [15, 15, 10]);
    assert_eq!((round.slack, round.lent, round.trimmed_slices), (0, 0, 2));
}

#[test]
fn the_turn_stays_when_there_was_nothing_to_lend() {
    let mut arbiter = Arbiter::new();
    share(&mut arbiter, &[10, 10], &[Claim::of(20), Claim::of(20)]);
    assert_eq!(arbiter.turn(), 0);
    share(&mut arbiter, &[10, 10], &[Claim::of(20), Claim::of(4)]);
    assert_eq!(arbiter.turn(), 1);
}

#[test]
fn idle_claims_are_lent_when_the_demand_is_known() {
    let idle = Claim { amount: 15, demand: 3 };
    let (grants, round) = share(&mut Arbiter::new(), &[15, 15], &[idle, Claim { amount: 30, demand: 26 }]);
    assert_eq!(grants, [15, 26]);
    assert_eq!(round.slack, 12);
}

#[test]
fn lengths_and_sums_are_checked_before_anything_is_written() {
    let mut grants = [7, 7];
    let mut arbiter = Arbiter::new();
    let error = arbiter.share(&[1], &[Claim::of(1)], &mut grants).unwrap_err();
    assert_eq!(error.to_string(), "There are 1 shares, 1 claims and 2 places for grants");
    let claims = [Claim::of(1), Claim::of(1)];
    assert_eq!(arbiter.share(&[u64::MAX, 1], &claims, &mut grants), Err(ArbiterError::ShareOverflow));
    assert_eq!((grants, arbiter.turn()), ([7, 7], 0));
    assert_eq!(arbiter.share(&[], &[], &mut []), Ok(Round::default()));
}
