//! What a team remembers: a ring of joint steps, drawn uniformly.

use rand_distr::{Distribution, Uniform};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::nn::{Real, real};
use super::team::Experience;
use super::world::Shape;
use crate::checkpoint::{CheckpointError, Reader, Stateful, Writer};

/// A ring of joint steps. Its memory is taken once: neither adding, drawing nor gathering allocates.
#[derive(Debug, Clone)]
pub struct Ring {
    shape: Shape,
    capacity: usize,
    next: usize,
    before: Vec<f32>,
    after: Vec<f32>,
    allowed_after: Vec<bool>,
    levels: Vec<usize>,
    messages: Vec<usize>,
    rewards: Vec<f32>,
    last: Vec<bool>,
}

/// What one agent contributes to a batch, row by row.
#[derive(Debug, Clone, Default)]
pub struct AgentBatch<R> {
    /// Features before.
    pub before: Vec<R>,
    /// Features after.
    pub after: Vec<R>,
    /// Levels that may be chosen after.
    pub allowed_after: Vec<bool>,
    /// Level chosen.
    pub levels: Vec<usize>,
    /// Message sent.
    pub messages: Vec<usize>,
    /// Reward.
    pub rewards: Vec<R>,
}

/// Joint steps.
#[derive(Debug, Clone, Default)]
pub struct Batch<R> {
    /// Each agent's part.
    pub agents: Vec<AgentBatch<R>>,
    /// What all saw before.
    pub state: Vec<R>,
    /// What all saw after.
    pub next_state: Vec<R>,
    /// The episode ended there.
    pub last: Vec<bool>,
}

impl<R> AgentBatch<R> {
    fn clear(&mut self) {
        self.before.clear();
        self.after.clear();
        self.allowed_after.clear();
        self.levels.clear();
        self.messages.clear();
        self.rewards.clear();
    }
}

impl<R: Real> Batch<R> {
    /// Number of steps.
    pub fn rows(&self) -> usize {
        self.last.len()
    }

    /// Sum of all agents' rewards in `row`.
    pub fn team_reward(&self, row: usize) -> R {
        let mut sum = R::zero();
        self.agents.iter().for_each(|agent| sum += agent.rewards[row]);
        sum
    }
}

/// Replaces the element at `place`, or appends it.
fn put<T: Copy>(values: &mut Vec<T>, place: usize, new: &[T]) {
    let start = place * new.len();
    if start < values.len() {
        values[start..start + new.len()].copy_from_slice(new);
    } else {
        values.extend_from_slice(new);
    }
}

impl Ring {
    /// An empty ring for `capacity` steps, at least 1.
    pub fn new(shape: Shape, capacity: usize) -> Ring {
        let (capacity, agents) = (capacity.max(1), shape.agents);
        Ring {
            shape,
            capacity,
            next: 0,
            before: Vec::with_capacity(capacity * shape.state()),
            after: Vec::with_capacity(capacity * shape.state()),
            allowed_after: Vec::with_capacity(capacity * agents * shape.levels),
            levels: Vec::with_capacity(capacity * agents),
            messages: Vec::with_capacity(capacity * agents),
            rewards: Vec::with_capacity(capacity * agents),
            last: Vec::with_capacity(capacity),
        }
    }

    /// Number of steps.
    pub fn len(&self) -> usize {
        self.last.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.last.is_empty()
    }

    /// Adds one, instead of the oldest when the ring is full.
    pub fn push(&mut self, step: &Experience<'_>) {
        let place = self.next;
        put(&mut self.before, place, &step.before.features);
        put(&mut self.after, place, &step.after.features);
        put(&mut self.allowed_after, place, &step.after.allowed);
        let start = place * self.shape.agents;
        for (agent, (action, reward)) in step.actions.iter().zip(step.rewards).enumerate() {
            put(&mut self.levels, start + agent, &[action.level]);
            put(&mut self.messages, start + agent, &[action.message]);
            put(&mut self.rewards, start + agent, &[*reward]);
        }
        put(&mut self.last, place, &[step.last]);
        self.next = (place + 1) % self.capacity;
    }

    /// Draws `count` places, all alike, instead of what `places` held; none when the ring is empty.
    pub fn draw(&self, count: usize, random: &mut Xoshiro256PlusPlus, places: &mut Vec<usize>) {
        places.clear();
        if let Ok(law) = Uniform::new(0, self.len()) {
            places.extend((0..count).map(|_| law.sample(random)));
        }
    }

    /// The place of the step before `place` in the same episode, if the ring still has it.
    pub fn before(&self, place: usize) -> Option<usize> {
        let is_oldest =
            place == self.next && self.len() == self.capacity || place == 0 && self.len() < self.capacity;
        let before = (place + self.capacity - 1) % self.capacity;
        (!is_oldest && before < self.len() && !self.last[before]).then_some(before)
    }

    /// Writes the steps at `places` into `batch`.
    ///
    /// # Panics
    /// There is no such place.
    pub fn gather<R: Real>(&self, places: &[usize], batch: &mut Batch<R>) {
        let width = self.shape.state();
        let rows = |from: &[f32], to: &mut Vec<R>| {
            to.clear();
            places
                .iter()
                .for_each(|place| to.extend(from[place * width..][..width].iter().copied().map(widen::<R>)));
        };
        rows(&self.before, &mut batch.state);
        rows(&self.after, &mut batch.next_state);
        batch.last.clear();
        batch.last.extend(places.iter().map(|place| self.last[*place]));
        batch.agents.resize_with(self.shape.agents, AgentBatch::default);
        for (agent, part) in batch.agents.iter_mut().enumerate() {
            self.gather_agent(agent, places, part);
        }
    }

    fn gather_agent<R: Real>(&self, agent: usize, places: &[usize], part: &mut AgentBatch<R>) {
        let Shape { agents, features, levels, .. } = self.shape;
        part.clear();
        for place in places {
            let index = place * agents + agent;
            part.before.extend(self.before[index * features..][..features].iter().copied().map(widen::<R>));
            part.after.extend(self.after[index * features..][..features].iter().copied().map(widen::<R>));
            part.allowed_after.extend_from_slice(&self.allowed_after[index * levels..][..levels]);
            part.levels.push(self.levels[index]);
            part.messages.push(self.messages[index]);
            part.rewards.push(widen(self.rewards[index]));
        }
    }
}

impl Stateful for Ring {
    fn store(&self, to: &mut Writer<'_>) {
        let count = self.len();
        let number = |values: &[usize]| values.iter().map(|value| *value as u64).collect::<Vec<_>>();
        let flag = |values: &[bool]| values.iter().map(|value| u8::from(*value)).collect::<Vec<_>>();
        to.put("next", self.next as u64);
        to.tensor("before", &[count, self.shape.state()], &self.before);
        to.tensor("after", &[count, self.shape.state()], &self.after);
        to.list("allowed_after", &flag(&self.allowed_after));
        to.list("levels", &number(&self.levels));
        to.list("messages", &number(&self.messages));
        to.list("rewards", &self.rewards);
        to.list("last", &flag(&self.last));
    }

    fn restore(&mut self, from: &mut Reader<'_>) -> Result<(), CheckpointError> {
        let Shape { agents, levels, messages, .. } = self.shape;
        let last: Vec<u8> = from.list("last")?;
        let (count, width) = (last.len(), self.shape.state());
        if count > self.capacity {
            return Err(from.bad("last", count, "a list that the ring has room for"));
        }
        let mut ring = Ring::new(self.shape, self.capacity);
        ring.next = from.count("next", self.capacity - 1)?;
        ring.before.resize(count * width, 0.0);
        ring.after.resize(count * width, 0.0);
        ring.rewards.resize(count * agents, 0.0);
        from.tensor("before", &[count, width], &mut ring.before)?;
        from.tensor("after", &[count, width], &mut ring.after)?;
        from.tensor("rewards", &[count * agents], &mut ring.rewards)?;
        ring.levels.extend(indices(from, "levels", count * agents, levels)?);
        ring.messages.extend(indices(from, "messages", count * agents, messages.max(1))?);
        ring.allowed_after.extend(flags(from, "allowed_after", count * agents * levels)?);
        ring.last.extend(last.into_iter().map(|last| last != 0));
        *self = ring;
        Ok(())
    }
}

/// `count` indices below `below`.
pub(super) fn indices(
    from: &mut Reader<'_>,
    name: &str,
    count: usize,
    below: usize,
) -> Result<Vec<usize>, CheckpointError> {
    let values: Vec<u64> = from.list(name)?;
    let indices: Vec<_> = values
        .iter()
        .filter_map(|value| usize::try_from(*value).ok())
        .filter(|value| *value < below)
        .collect();
    if indices.len() == values.len() && values.len() == count {
        return Ok(indices);
    }
    Err(from.bad(name, values.len(), "as many choices as there were, each within its grid"))
}

/// `count` flags.
pub(super) fn flags(from: &mut Reader<'_>, name: &str, count: usize) -> Result<Vec<bool>, CheckpointError> {
    let values: Vec<u8> = from.list(name)?;
    if values.len() == count {
        return Ok(values.into_iter().map(|value| value != 0).collect());
    }
    Err(from.bad(name, values.len(), "one flag for each level"))
}

fn widen<R: Real>(value: f32) -> R {
    real(f64::from(value))
}

#[cfg(test)]
pub(crate) mod tests {
    use rand_distr::StandardNormal;
    use rand_xoshiro::rand_core::SeedableRng;

    use super::*;
    use crate::env::Action;
    use crate::learn::world::Seen;

    /// A ring of `count` random steps in episodes of four.
    pub(crate) fn random_ring(shape: Shape, count: usize, capacity: usize) -> Ring {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(5);
        let mut ring = Ring::new(shape, capacity);
        let mut normal =
            |count: usize| -> Vec<f32> { (0..count).map(|_| StandardNormal.sample(&mut random)).collect() };
        let seen = |features: Vec<f32>| {
            let allowed = (0..shape.agents * shape.levels).map(|index| index % 4 != 1).collect();
            Seen { features, allowed }
        };
        let mut before = seen(normal(shape.state()));
        for step in 0..count {
            let after = seen(normal(shape.state()));
            let action = |agent: usize| Action {
                level: (step + 2 * agent) % shape.levels,
                message: (step + agent) % shape.messages.max(1),
            };
            let actions: Vec<_> = (0..shape.agents).map(action).collect();
            let rewards = normal(shape.agents);
            let last = step % 4 == 3;
            ring.push(&Experience {
                before: &before,
                actions: &actions,
                rewards: &rewards,
                after: &after,
                last,
            });
            before = after;
        }
        ring
    }

    /// A batch of its steps at `places`.
    pub(crate) fn batch<R: Real>(ring: &Ring, places: &[usize]) -> Batch<R> {
        let mut batch = Batch::default();
        ring.gather(places, &mut batch);
        batch
    }

    const SHAPE: Shape = Shape { agents: 2, features: 3, levels: 4, messages: 2 };

    #[test]
    fn a_batch_has_what_was_pushed() {
        let ring = random_ring(SHAPE, 9, 100);
        let batch = batch::<f32>(&ring, &[3, 5]);
        assert_eq!(batch.rows(), 2);
        assert_eq!(batch.last, [true, false]);
        assert_eq!(batch.agents[1].levels, [(3 + 2) % 4, (5 + 2) % 4]);
        assert_eq!(batch.agents[1].before[..3], batch.state[3..6]);
        assert_eq!(batch.agents[0].after[3..], batch.next_state[6..9]);
        assert_eq!(batch.team_reward(1), batch.agents[0].rewards[1] + batch.agents[1].rewards[1]);
    }

    #[test]
    fn the_oldest_makes_room() {
        let ring = random_ring(SHAPE, 13, 10);
        assert_eq!(ring.len(), 10);
        let levels = batch::<f32>(&ring, &[2, 3]).agents[0].levels.clone();
        assert_eq!(levels, [0, 3], "steps 12 and 3");
    }

    #[test]
    fn the_step_before_is_of_the_same_episode_and_still_there() {
        let young = random_ring(SHAPE, 6, 10);
        let before: Vec<_> = (0..6).map(|place| young.before(place)).collect();
        assert_eq!(before, [None, Some(0), Some(1), Some(2), None, Some(4)]);
        let full = random_ring(SHAPE, 13, 10);
        assert_eq!(full.before(3), None, "the oldest one's predecessor was overwritten");
        assert_eq!(full.before(0), Some(9));
        assert_eq!(full.before(4), None, "another episode");
    }
}
