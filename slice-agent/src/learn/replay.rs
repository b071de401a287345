//! What an agent remembers: a ring of transitions, drawn uniformly or by priority (proportional, with a sum tree).

use rand_distr::{Distribution, StandardUniform};
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::checkpoint::{CheckpointError, Reader, Stateful, Writer};
use crate::math;

/// Exponent of a priority.
const ALPHA: f32 = 0.6;
/// Added to each error, so that nothing is forgotten altogether.
const EPSILON: f32 = 1e-3;

/// One step of one agent. `F` are the features: a slice or whatever else holds numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Transition<F> {
    /// Features before.
    pub before: F,
    /// Level chosen.
    pub level: usize,
    /// Message sent.
    pub message: usize,
    /// Reward.
    pub reward: f32,
    /// Features after.
    pub after: F,
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
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Draw {
    /// Its place.
    pub place: usize,
    /// Its importance weight before normalisation, 1 when drawn uniformly.
    pub weight: f32,
}

/// The ring. Its memory is taken once.
#[derive(Debug, Clone, PartialEq)]
pub struct Replay {
    sampling: Sampling,
    capacity: usize,
    features: usize,
    len: usize,
    next: usize,
    before: Vec<f32>,
    after: Vec<f32>,
    levels: Vec<u32>,
    messages: Vec<u32>,
    rewards: Vec<f32>,
    lasts: Vec<u8>,
    /// Sum tree: leaf `place` at `leaves + place`, root at 1.
    tree: Vec<f64>,
    leaves: usize,
    greatest: f64,
}

impl Replay {
    /// An empty ring for `capacity` transitions, at least 1, of `features` features.
    pub fn new(sampling: Sampling, capacity: usize, features: usize) -> Replay {
        let capacity = capacity.max(1);
        let leaves = capacity.next_power_of_two();
        Replay {
            sampling,
            capacity,
            features,
            len: 0,
            next: 0,
            before: vec![0.0; capacity * features],
            after: vec![0.0; capacity * features],
            levels: vec![0; capacity],
            messages: vec![0; capacity],
            rewards: vec![0.0; capacity],
            lasts: vec![0; capacity],
            tree: vec![0.0; 2 * leaves],
            leaves,
            greatest: 1.0,
        }
    }

    /// Number of transitions.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The transition at `place`.
    ///
    /// # Panics
    /// There is none.
    pub fn at(&self, place: usize) -> Transition<&[f32]> {
        let features = place * self.features..(place + 1) * self.features;
        Transition {
            before: &self.before[features.clone()],
            level: self.levels[place] as usize,
            message: self.messages[place] as usize,
            reward: self.rewards[place],
            after: &self.after[features],
            last: self.lasts[place] == 1,
        }
    }

    /// Adds one, instead of the oldest when the ring is full; it is drawn like the one with the greatest error so far.
    ///
    /// # Panics
    /// It has another number of features.
    pub fn push(&mut self, transition: &Transition<impl AsRef<[f32]>>) {
        let place = self.next;
        let features = place * self.features..(place + 1) * self.features;
        self.before[features.clone()].copy_from_slice(transition.before.as_ref());
        self.after[features].copy_from_slice(transition.after.as_ref());
        let small = |index| u32::try_from(index).unwrap_or(u32::MAX);
        self.levels[place] = small(transition.level);
        self.messages[place] = small(transition.message);
        self.rewards[place] = transition.reward;
        self.lasts[place] = u8::from(transition.last);
        self.len = self.len.max(place + 1);
        self.next = (place + 1) % self.capacity;
        self.set(place, self.greatest);
    }

    /// Draws one for stratum `stratum` of `strata`; `beta` from 0 to 1 corrects for what priorities draw too often.
    ///
    /// # Panics
    /// The ring is empty.
    pub fn draw(&self, stratum: u32, strata: u32, beta: f32, random: &mut Xoshiro256PlusPlus) -> Draw {
        let chance: f64 = StandardUniform.sample(random);
        if self.sampling == Sampling::Uniform {
            return Draw { place: index(chance, self.len), weight: 1.0 };
        }
        let total = self.tree[1];
        let place = self.find(total * (f64::from(stratum) + chance) / f64::from(strata));
        let probability = self.tree[self.leaves + place] / total;
        Draw { place, weight: power(narrow(self.len as f64 * probability), -beta) }
    }

    /// Sets the priority of `place` by its error.
    ///
    /// # Panics
    /// There is no such place.
    pub fn learnt(&mut self, place: usize, error: f32) {
        if self.sampling == Sampling::Uniform {
            return;
        }
        let priority = f64::from(power(error.abs() + EPSILON, ALPHA));
        self.greatest = self.greatest.max(priority);
        self.set(place, priority);
    }

    /// Whether all choices in it are below these.
    pub(super) fn is_within(&self, levels: usize, messages: usize) -> bool {
        let below = |choices: &[u32], bound: usize| choices.iter().all(|choice| (*choice as usize) < bound);
        below(&self.levels[..self.len], levels) && below(&self.messages[..self.len], messages.max(1))
    }

    fn set(&mut self, place: usize, priority: f64) {
        if self.sampling == Sampling::Uniform {
            return;
        }
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
        (node - self.leaves).min(self.len - 1)
    }
}

/// base^exponent for a base above 0, with the same bits on every machine.
fn power(base: f32, exponent: f32) -> f32 {
    math::expf(exponent * math::lnf(base.max(f32::MIN_POSITIVE)))
}

impl Stateful for Replay {
    fn store(&self, to: &mut Writer<'_>) {
        let (len, features) = (self.len, self.features);
        to.put("next", self.next as u64);
        to.put("greatest", self.greatest);
        to.tensor("before", &[len, features], &self.before[..len * features]);
        to.tensor("after", &[len, features], &self.after[..len * features]);
        to.list("levels", &self.levels[..len]);
        to.list("messages", &self.messages[..len]);
        to.list("rewards", &self.rewards[..len]);
        to.list("lasts", &self.lasts[..len]);
        to.list("priorities", &self.tree[self.leaves..self.leaves + len]);
    }

    fn restore(&mut self, from: &mut Reader<'_>) -> Result<(), CheckpointError> {
        let levels: Vec<u32> = from.list("levels")?;
        let (len, features) = (levels.len(), self.features);
        if len > self.capacity {
            return Err(from.bad("levels", len, "a list that the replay has room for"));
        }
        *self = Replay::new(self.sampling, self.capacity, features);
        self.levels[..len].copy_from_slice(&levels);
        from.tensor("before", &[len, features], &mut self.before[..len * features])?;
        from.tensor("after", &[len, features], &mut self.after[..len * features])?;
        from.tensor("messages", &[len], &mut self.messages[..len])?;
        from.tensor("rewards", &[len], &mut self.rewards[..len])?;
        from.tensor("lasts", &[len], &mut self.lasts[..len])?;
        let mut priorities = vec![0.0_f64; len];
        from.tensor("priorities", &[len], &mut priorities)?;
        if !priorities.iter().all(|priority| priority.is_finite() && *priority >= 0.0) {
            return Err(from.bad("priorities", len, "numbers that are not negative"));
        }
        priorities.iter().enumerate().for_each(|(place, priority)| self.set(place, *priority));
        self.greatest = from.take("greatest")?;
        self.next = from.count("next", self.capacity - 1)?;
        self.len = len;
        Ok(())
    }
}

#[allow(clippy::cast_possible_truncation, reason = "weights are in single precision")]
fn narrow(value: f64) -> f32 {
    value as f32
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "chance lies in [0, 1)")]
fn index(chance: f64, count: usize) -> usize {
    ((chance * count as f64) as usize).min(count - 1)
}

#[cfg(test)]
mod tests {
    use rand_xoshiro::rand_core::SeedableRng;

    use super::*;

    fn transition(level: usize) -> Transition<[f32; 1]> {
        Transition { before: [level as f32], level, message: 0, reward: 0.0, after: [0.0], last: level == 6 }
    }

    fn filled(sampling: Sampling, count: usize) -> Replay {
        let mut replay = Replay::new(sampling, 5, 1);
        (0..count).for_each(|level| replay.push(&transition(level)));
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
        let priorities = errors.map(|error: f32| f64::from(error + EPSILON).powf(f64::from(ALPHA)));
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
            sums[draw.place] += f64::from(draw.weight) / 200_000.0;
        }
        assert!(sums.iter().all(|sum| (sum - 0.2).abs() < 0.01), "{sums:?}");
    }

    #[test]
    fn a_ring_that_is_not_full_gives_only_what_it_has() {
        let replay = filled(Sampling::Prioritised, 3);
        assert_eq!(counts(&replay)[3..], [0.0, 0.0]);
    }

    #[test]
    fn a_ring_comes_back_from_a_checkpoint_bit_by_bit() {
        use crate::checkpoint::{Checkpoint, Kind};
        for (sampling, count) in
            [(Sampling::Prioritised, 3), (Sampling::Prioritised, 8), (Sampling::Uniform, 0)]
        {
            let mut replay = filled(sampling, count);
            (0..count.min(5)).for_each(|place| replay.learnt(place, place as f32 * 0.37));
            let mut file = Checkpoint::new(Kind::Training);
            file.store("replay", &replay);
            let mut back = filled(sampling, 4);
            file.restore("replay", &mut back).unwrap();
            assert_eq!(back, replay);
            let mut small = Replay::new(sampling, 2, 1);
            assert_eq!(file.restore("replay", &mut small).is_err(), count > 2);
        }
    }
}
