use super::*;
use crate::checkpoint::{Checkpoint, Kind};
use crate::learn::algorithm::{Algorithm, Tuning};
use crate::learn::rollout::Rollout;
use crate::learn::team::Mode;

/// Mean reward of an episode after `episodes` episodes of learning, without exploration.
fn learnt(world: &mut dyn World, algorithm: Algorithm, episodes: u32, tuning: &Tuning) -> f64 {
    let mut team = algorithm.team(world.shape(), tuning, 1).unwrap();
    let mut rollout = Rollout::new(world);
    for episode in 0..episodes {
        team.begin(episode);
        rollout.play(world, team.as_mut(), Mode::Learn, u64::from(episode)).unwrap();
    }
    let judged = 200;
    let mut play = |seed| rollout.play(world, team.as_mut(), Mode::Act, seed).unwrap();
    (0..judged).map(|seed| play(1_000_000 + seed)).sum::<f64>() / judged as f64
}

fn fast() -> Tuning {
    Tuning { rate: 3e-3, batch: 32, horizon: 64, exploration_decay: 0.995, ..Tuning::default() }
}

#[test]
fn every_learner_solves_the_bandit_and_keeps_to_the_mask() {
    for algorithm in Algorithm::ALL.into_iter().filter(|algorithm| !algorithm.must_talk()) {
        let reward = learnt(&mut Bandit::default(), algorithm, 600, &fast());
        assert!((reward - 1.0).abs() < 1e-9, "{algorithm}: {reward}");
    }
}

#[test]
fn every_learner_waits_for_the_delayed_reward() {
    for algorithm in Algorithm::ALL.into_iter().filter(|algorithm| !algorithm.must_talk()) {
        let reward = learnt(&mut Patience::default(), algorithm, 600, &fast());
        assert!((reward - 1.0).abs() < 1e-6, "{algorithm}: {reward}");
    }
}

#[test]
fn no_learner_waits_that_does_not_look_ahead() {
    let tuning = Tuning { gamma: 0.0, ..fast() };
    for algorithm in Algorithm::ALL.into_iter().filter(|algorithm| !algorithm.must_talk()) {
        let reward = learnt(&mut Patience::default(), algorithm, 600, &tuning);
        assert!((reward - 0.2).abs() < 1e-6, "{algorithm}: {reward}");
    }
}

#[test]
fn every_learner_finds_a_language_where_one_is_needed() {
    let slow = Tuning { exploration_decay: 0.998, ..fast() };
    for algorithm in Algorithm::ALL {
        let reward = learnt(&mut Whisper::new(true), algorithm, 2_000, &slow);
        assert!(reward > 1.95, "{algorithm}: {reward}");
    }
}

#[test]
fn no_learner_knows_the_coin_without_messages() {
    for algorithm in Algorithm::ALL.into_iter().filter(|algorithm| !algorithm.must_talk()) {
        let reward = learnt(&mut Whisper::new(false), algorithm, 400, &fast());
        assert!((reward - 1.0).abs() < 0.15, "{algorithm}: {reward}");
    }
}

#[test]
fn equal_seeds_learn_equally() {
    for algorithm in Algorithm::ALL {
        let rewards = || {
            let mut world = Whisper::new(true);
            let mut team = algorithm.team(world.shape(), &fast(), 9).unwrap();
            let mut rollout = Rollout::new(&world);
            let mut play = |episode: u32| {
                team.begin(episode);
                rollout.play(&mut world, team.as_mut(), Mode::Learn, u64::from(episode)).unwrap()
            };
            (0..400).map(&mut play).collect::<Vec<_>>()
        };
        assert_eq!(rewards(), rewards(), "{algorithm}");
    }
}

/// Trained in one go, and stored and taken back by another team on the way: the same from then on.
#[test]
fn a_training_that_was_stored_goes_on_bit_by_bit() {
    let mut world = Whisper::new(true);
    let mut rollout = Rollout::new(&world);
    for algorithm in Algorithm::ALL {
        let mut one = algorithm.team(world.shape(), &fast(), 9).unwrap();
        let mut other = algorithm.team(world.shape(), &fast(), 10).unwrap();
        let mut play = |team: &mut dyn crate::learn::TeamLearner, episodes: std::ops::Range<u32>| {
            let mut one = |episode: u32| {
                team.begin(episode);
                rollout.play(&mut world, team, Mode::Learn, u64::from(episode)).unwrap()
            };
            episodes.map(&mut one).collect::<Vec<_>>()
        };
        play(one.as_mut(), 0..90);
        play(other.as_mut(), 0..40);
        let mut file = Checkpoint::new(Kind::Training);
        file.store("team", one.as_ref());
        let file = Checkpoint::from_bytes(&file.to_bytes().unwrap()).unwrap();
        file.restore("team", other.as_mut()).unwrap();
        assert_eq!(play(one.as_mut(), 90..300), play(other.as_mut(), 90..300), "{algorithm}");
        let wrong = Algorithm::Mappo.team(Bandit::default().shape(), &fast(), 1).unwrap();
        file.restore("team", { wrong }.as_mut()).unwrap_err();
    }
}
