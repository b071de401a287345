//! How much of what a team does is tried out at random.

use rand_distr::{Bernoulli, Distribution, StandardUniform};
use rand_xoshiro::Xoshiro256PlusPlus;

/// Exploration that falls from episode to episode.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Exploration {
    /// Part of the actions that remain random, from episode to episode.
    pub decay: f64,
    /// What remains at the end.
    pub floor: f64,
}

impl Exploration {
    /// The random part in `episode`.
    pub fn in_episode(&self, episode: u32) -> f64 {
        self.decay.powf(f64::from(episode)).max(self.floor)
    }
}

/// `best`, or with probability `part` any of the `count` that are allowed.
pub fn explore(
    best: usize,
    count: usize,
    part: f64,
    allowed: impl Fn(usize) -> bool,
    random: &mut Xoshiro256PlusPlus,
) -> usize {
    if !Bernoulli::new(part).is_ok_and(|law| law.sample(random)) {
        return best;
    }
    let choices = (0..count).filter(|index| allowed(*index)).count();
    let chance: f64 = StandardUniform.sample(random);
    let mut nth = (0..choices).take_while(|index| (*index as f64 + 1.0) / choices as f64 <= chance).count();
    nth = nth.min(choices.saturating_sub(1));
    (0..count).filter(|index| allowed(*index)).nth(nth).unwrap_or(best)
}

#[cfg(test)]
mod tests {
    use rand_xoshiro::rand_core::SeedableRng;

    use super::*;

    #[test]
    fn only_what_is_allowed_is_tried_and_all_of_it_alike() {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
        let mut counts = [0u32; 5];
        for _ in 0..30_000 {
            counts[explore(0, 5, 1.0, |index| index % 2 == 0, &mut random)] += 1;
        }
        assert_eq!([counts[1], counts[3]], [0, 0]);
        assert!([0, 2, 4].iter().all(|index| counts[*index].abs_diff(10_000) < 300), "{counts:?}");
        assert_eq!(explore(3, 5, 0.0, |_| true, &mut random), 3);
    }

    #[test]
    fn exploration_falls_to_its_floor() {
        let exploration = Exploration { decay: 0.5, floor: 0.1 };
        assert_eq!([0, 1, 9].map(|episode| exploration.in_episode(episode)), [1.0, 0.5, 0.1]);
    }
}
