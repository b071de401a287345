//! What an agent remembers: a ring of transitions, drawn uniformly or by priority (proportional, with a sum tree).

use rand_distr::{Distribution, StandardUniform};
use rand_xoshiro::Xoshiro256PlusPlus;

/// Exponent of a priority.
const ALPHA: f64 = 0.6;
/// Added to each error, so that nothing is forgotten altogether.
const EPSILON: f64 = 1e-3;

/// One step of one agent.
#[derive(Debug, Clone, PartialEq)]
pub struct Transition {
    /// Features before.
    pub before: Vec<f32>,
    /// Level chosen.
    pub level: usize,
    /// Message sent.
    pub message: usize,
    /// Reward.
    pub reward: f32,
    /// Features after.
    pub after: Vec<f32>,
    /// The episode ended with it.
    pub last: bool,
}

/// How transitions are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sampling {
    /// All alike.
    Uniform,
    /// By the size of their last error.
    Prioritised,
}

/// A drawn transition.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Draw {
    /// Its place.
    pub place: usize,
    /// Its importance weight before normalisation, 1 when drawn uniformly.
    pub weight: f64,
}

/// The ring.
#[derive(Debug, Clone)]
pub struct Replay {
    sampling: Sampling,
    capacity: usize,
    ring: Vec<Transition>,
    next: usize,
    /// Sum tree: leaf `place` at `leaves + place`, root at 1.
    tree: Vec<f64>,
    leaves: usize,
    greatest: f64,
}

impl Replay {
    /// An empty ring for `capacity` transitions, at least 1.
    pub fn new(sampling: Sampling, capacity: usize) -> Replay {
        let capacity = capacity.max(1);
        let leaves = capacity.next_power_of_two();
        let tree = vec![0.0; 2 * leaves];
        Replay { sampling, capacity, ring: Vec::new(), next: 0, tree, leaves, greatest: 1.0 }
    }

    /// Number of transitions.
    pub fn len(&self) -> usize {
        self.ring.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ring.is_empty()
    }

    /// The transition at `place`.
    ///
    /// # Panics
    /// There is none.
    pub fn at(&self, place: usize) -> &Transition {
        &self.ring[place]
    }

    /// Adds one, instead of the oldest when the ring is full; it is drawn like the one with the greatest error so far.
    pub fn push(&mut self, transition: Transition) {
        let place = self.next;
        if self.ring.len() < self.capacity {
            self.ring.push(transition);
        } else {
            self.ring[place] = transition;
        }
        self.next = (place + 1) % self.capacity;
        self.set(place, self.greatest);
    }

    /// Draws one for stratum `stratum` of `strata`; `beta` from 0 to 1 corrects for what priorities draw too often.
    ///
    /// # Panics
    /// The ring is empty.
    pub fn draw(&self, stratum: u32, strata: u32, beta: f64, random: &mut Xoshiro256PlusPlus) -> Draw {
        let chance: f64 = StandardUniform.sample(random);
        if self.sampling == Sampling::Uniform {
            return Draw { place: index(chance, self.len()), weight: 1.0 };
        }
        let total = self.tree[1];
        let place = self.find(total * (f64::from(stratum) + chance) / f64::from(strata));
        let probability = self.tree[self.leaves + place] / total;
        Draw { place, weight: (self.len() as f64 * probability).powf(-beta) }
    }

    /// Sets the priority of `place` by its error.
    ///
    /// # Panics
    /// There is no such place.
    pub fn learnt(&mut self, place: usize, error: f32) {
        let priority = (f64::from(error.abs()) + EPSILON).powf(ALPHA);
        self.greatest = self.greatest.max(priority);
        self.set(place, priority);
    }

    fn set(&mut self, place: usize, priority: f64) {
        let mut node = self.leaves + place;
        self.tree[node] = priority;
        while node > 1 {
            node /= 2;
            self.tree[node] = self.tree[2 * node] + self.tree[2 * node + 1];
        }
    }

    fn find(&self, mut mass: f64) -> usize {
        let mut node = 1;
        while node < self.leaves {
            node *= 2;
            if mass >= self.tree[node] && self.tree[node + 1] > 0.0 {
                mass -= self.tree[node];
                node += 1;
            }
        }
        (node - self.leaves).min(self.len() - 1)
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "chance lies in [0, 1)")]
fn index(chance: f64, count: usize) -> usize {
    ((chance * count as f64) as usize).min(count - 1)
}

#[cfg(test)]
mod tests {
    use rand_xoshiro::rand_core::SeedableRng;

    use super::*;

    fn transition(level: usize) -> Transition {
        Transition { before: vec![], level, message: 0, reward: 0.0, after: vec![], last: false }
    }

    fn filled(sampling: Sampling, count: usize) -> Replay {
        let mut replay = Replay::new(sampling, 5);
        (0..count).for_each(|level| replay.push(transition(level)));
        replay
    }

    fn counts(replay: &Replay) -> [f64; 5] {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
        let mut counts = [0.0; 5];
        for draw in 0..50_000 {
            counts[replay.draw(draw % 64, 64, 0.4, &mut random).place] += 1.0 / 50_000.0;
        }
        counts
    }

    #[test]
    fn the_oldest_makes_room() {
        let replay = filled(Sampling::Uniform, 7);
        let levels: Vec<_> = (0..replay.len()).map(|place| replay.at(place).level).collect();
        assert_eq!(levels, [5, 6, 2, 3, 4]);
    }

    #[test]
    fn uniform_draws_are_alike_and_weigh_one() {
        let replay = filled(Sampling::Uniform, 5);
        assert!(counts(&replay).iter().all(|part| (part - 0.2).abs() < 0.01));
        let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
        assert_eq!(replay.draw(0, 1, 0.4, &mut random).weight, 1.0);
    }

    #[test]
    fn prioritised_draws_follow_the_errors_to_the_power_of_alpha() {
        let mut replay = filled(Sampling::Prioritised, 5);
        let errors = [0.0, 0.1, 1.0, 2.0, 4.0];
        (0..5).zip(errors).for_each(|(place, error)| replay.learnt(place, error));
        let priorities = errors.map(|error| (f64::from(error) + EPSILON).powf(ALPHA));
        let total: f64 = priorities.iter().sum();
        for (part, priority) in counts(&replay).iter().zip(priorities) {
            assert!((part - priority / total).abs() < 0.01, "{part} {}", priority / total);
        }
    }

    #[test]
    fn importance_weights_undo_the_priorities_at_beta_one() {
        let mut replay = filled(Sampling::Prioritised, 5);
        (0..5).zip([0.5, 0.1, 1.0, 2.0, 4.0]).for_each(|(place, error)| replay.learnt(place, error));
        let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
        let mut sums = [0.0; 5];
        for draw in 0..200_000 {
            let draw = replay.draw(draw % 64, 64, 1.0, &mut random);
            sums[draw.place] += draw.weight / 200_000.0;
        }
        assert!(sums.iter().all(|sum| (sum - 0.2).abs() < 0.01), "{sums:?}");
    }

    #[test]
    fn a_ring_that_is_not_full_gives_only_what_it_has() {
        let replay = filled(Sampling::Prioritised, 3);
        assert_eq!(counts(&replay)[3..], [0.0, 0.0]);
    }
}
