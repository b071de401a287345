//! The networks of a team that learns policies, and their loss.

use rand_xoshiro::Xoshiro256PlusPlus;

use crate::checkpoint::{CheckpointError, Reader, Writer};
use crate::learn::experience::{flags, indices};
use crate::learn::network::Network;
use crate::learn::nn::{Layer, Layers, Mlp, Real, Tape, real, softmax};
use crate::learn::team::Experience;
use crate::learn::world::Shape;

const HIDDEN: [usize; 2] = [64, 64];

/// A policy for each agent, and one critic.
#[derive(Debug, Clone, PartialEq)]
pub struct MappoModel<R> {
    shape: Shape,
    actors: Vec<Mlp<R>>,
    critic: Mlp<R>,
}

/// What the loss weighs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Objective {
    /// How far the ratio of chances may move from 1 before it gains nothing more.
    pub clip: f64,
    /// Weight of the entropy.
    pub entropy: f64,
}

/// Joint steps with what the policies thought of them, row by row.
#[derive(Debug, Clone, Default)]
pub struct Rows<R> {
    /// Features of all agents.
    pub state: Vec<R>,
    /// Allowed levels of all agents.
    pub allowed: Vec<bool>,
    /// Level of each agent.
    pub levels: Vec<usize>,
    /// Message of each agent.
    pub messages: Vec<usize>,
    /// Logarithm of the chance of what each agent did, when it did it.
    pub chances: Vec<R>,
    /// Advantage of the step.
    pub advantages: Vec<R>,
    /// What the critic should say.
    pub returns: Vec<R>,
}

impl Rows<f32> {
    /// Adds a step; advantage and return come later.
    pub fn push(&mut self, step: &Experience<'_>, chances: &[f32]) {
        self.state.extend_from_slice(&step.before.features);
        self.allowed.extend_from_slice(&step.before.allowed);
        self.levels.extend(step.actions.iter().map(|action| action.level));
        self.messages.extend(step.actions.iter().map(|action| action.message));
        self.chances.extend_from_slice(chances);
    }

    /// Puts what was done into a checkpoint; advantages and returns belong to an update.
    pub(super) fn store(&self, to: &mut Writer<'_>) {
        let number = |values: &[usize]| values.iter().map(|value| *value as u64).collect::<Vec<_>>();
        to.list("state", &self.state);
        to.list("allowed", &self.allowed.iter().map(|allowed| u8::from(*allowed)).collect::<Vec<_>>());
        to.list("levels", &number(&self.levels));
        to.list("messages", &number(&self.messages));
        to.list("chances", &self.chances);
    }

    /// Takes it back: `count` rows of a world of `shape`.
    pub(super) fn restored(
        from: &mut Reader<'_>,
        shape: &Shape,
        count: usize,
    ) -> Result<Rows<f32>, CheckpointError> {
        let choices = count * shape.agents;
        let mut rows = Rows {
            state: vec![0.0; count * shape.state()],
            chances: vec![0.0; choices],
            allowed: flags(from, "allowed", choices * shape.levels)?,
            levels: indices(from, "levels", choices, shape.levels)?,
            messages: indices(from, "messages", choices, shape.messages.max(1))?,
            ..Rows::default()
        };
        from.tensor("state", &[count * shape.state()], &mut rows.state)?;
        from.tensor("chances", &[choices], &mut rows.chances)?;
        Ok(rows)
    }
}

impl<R: Real> Rows<R> {
    /// Writes some of the rows into `to`.
    ///
    /// # Panics
    /// There is no such row, or advantages and returns are missing.
    pub fn gather(&self, places: &[usize], shape: &Shape, to: &mut Rows<R>) {
        fn pick<T: Copy>(from: &[T], width: usize, places: &[usize], to: &mut Vec<T>) {
            to.clear();
            places.iter().for_each(|place| to.extend_from_slice(&from[place * width..][..width]));
        }
        pick(&self.state, shape.state(), places, &mut to.state);
        pick(&self.allowed, shape.agents * shape.levels, places, &mut to.allowed);
        pick(&self.levels, shape.agents, places, &mut to.levels);
        pick(&self.messages, shape.agents, places, &mut to.messages);
        pick(&self.chances, shape.agents, places, &mut to.chances);
        pick(&self.advantages, 1, places, &mut to.advantages);
        pick(&self.returns, 1, places, &mut to.returns);
    }

    /// Forgets all rows.
    pub fn clear(&mut self) {
        self.state.clear();
        self.allowed.clear();
        self.levels.clear();
        self.messages.clear();
        self.chances.clear();
        self.advantages.clear();
        self.returns.clear();
    }

    fn of_agent(&self, agent: usize, shape: &Shape, to: &mut Vec<R>) {
        to.clear();
        let rows = self.state.chunks_exact(shape.state());
        rows.for_each(|row| to.extend_from_slice(&row[agent * shape.features..][..shape.features]));
    }
}

/// The memory of passes; nothing is allocated once it has grown.
#[derive(Debug, Clone, Default)]
pub struct Work<R: Real> {
    tape: Tape<R>,
    input: Vec<R>,
    of_output: Vec<R>,
    of_levels: Vec<R>,
    of_messages: Vec<R>,
}

impl<R: Real> MappoModel<R> {
    /// A model whose policies are nearly uniform.
    pub fn new(shape: Shape, random: &mut Xoshiro256PlusPlus) -> MappoModel<R> {
        let [first, second] = HIDDEN;
        let widths = [shape.features, first, second, shape.levels + shape.messages];
        let actors = (0..shape.agents).map(|_| Mlp::with_calm_head(&widths, random)).collect();
        MappoModel { shape, actors, critic: Mlp::new(&[shape.state(), first, second, 1], random) }
    }

    /// The world that it is made for.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The chances of an agent's levels, and of its messages.
    ///
    /// # Panics
    /// There is no such agent.
    pub fn chances<'w>(
        &self,
        agent: usize,
        features: &[R],
        allowed: &[bool],
        work: &'w mut Work<R>,
    ) -> (&'w [R], &'w [R]) {
        let Work { tape, of_levels, of_messages, .. } = work;
        let (levels, messages) = self.actors[agent].forward(features, tape).split_at(self.shape.levels);
        softmax::chances(levels, |level| allowed[level], of_levels);
        softmax::chances(messages, |_| true, of_messages);
        (of_levels, of_messages)
    }

    /// What the critic says of states.
    pub fn criticise<'w>(&self, state: &[R], work: &'w mut Work<R>) -> &'w [R] {
        self.critic.forward(state, &mut work.tape)
    }

    /// The mean loss of `rows`: clipped policy gain, entropy, half the square of the critic's error; adds its gradient if
    /// `descend`.
    pub fn descend(&mut self, rows: &Rows<R>, objective: &Objective, work: &mut Work<R>, descend: bool) -> R {
        let mut loss = self.descend_critic(rows, work, descend);
        for agent in 0..self.actors.len() {
            loss += self.descend_actor(agent, rows, objective, work, descend);
        }
        loss
    }

    fn descend_critic(&mut self, rows: &Rows<R>, work: &mut Work<R>, descend: bool) -> R {
        let scale = real::<R>((rows.returns.len().max(1) as f64).recip());
        let Work { tape, of_output, .. } = work;
        let mut loss = R::zero();
        of_output.clear();
        for (value, goal) in self.critic.forward(&rows.state, tape).iter().zip(&rows.returns) {
            let error = *value - *goal;
            loss += real::<R>(0.5) * scale * error * error;
            of_output.push(error * scale);
        }
        if descend {
            self.critic.backward(tape, of_output, false);
        }
        loss
    }

    fn descend_actor(
        &mut self,
        agent: usize,
        rows: &Rows<R>,
        objective: &Objective,
        work: &mut Work<R>,
        descend: bool,
    ) -> R {
        let Work { tape, input, of_output, of_levels, of_messages } = work;
        let mut loss = R::zero();
        rows.of_agent(agent, &self.shape, input);
        of_output.clear();
        let width = self.shape.levels + self.shape.messages;
        for (row, scores) in self.actors[agent].forward(input, tape).chunks_exact(width).enumerate() {
            let (levels, messages) = scores.split_at(self.shape.levels);
            let allowed = &rows.allowed[(row * self.shape.agents + agent) * self.shape.levels..];
            softmax::chances(levels, |level| allowed[level], of_levels);
            softmax::chances(messages, |_| true, of_messages);
            loss += self.row(agent, row, rows, objective, [&*of_levels, &*of_messages], of_output);
        }
        if descend {
            self.actors[agent].backward(tape, of_output, false);
        }
        loss
    }

    /// The loss of one row of one agent with these chances of its levels and messages; appends its derivative by the scores.
    fn row(
        &self,
        agent: usize,
        row: usize,
        rows: &Rows<R>,
        objective: &Objective,
        [of_levels, of_messages]: [&[R]; 2],
        of_output: &mut Vec<R>,
    ) -> R {
        let scale = real::<R>((rows.returns.len().max(1) as f64).recip());
        let index = row * self.shape.agents + agent;
        let (level, message) = (rows.levels[index], rows.messages[index]);
        let said = of_messages.get(message).map_or(R::zero(), |chance| chance.ln());
        let ratio = (of_levels[level].ln() + said - rows.chances[index]).exp();
        let (gain, moves) = clipped(ratio, rows.advantages[row], real(objective.clip));
        let weight = real::<R>(objective.entropy);
        let entropies = [softmax::entropy(of_levels), softmax::entropy(of_messages)];
        for ((chances, chosen), entropy) in
            [(of_levels, level), (of_messages, message)].into_iter().zip(entropies)
        {
            let slope = |(place, chance): (usize, &R)| {
                let hit = if place == chosen { R::one() } else { R::zero() };
                let spread = if *chance > R::zero() { *chance * (chance.ln() + entropy) } else { R::zero() };
                scale * (weight * spread - moves * (hit - *chance))
            };
            of_output.extend(chances.iter().enumerate().map(slope));
        }
        (-gain - weight * (entropies[0] + entropies[1])) * scale
    }
}

impl MappoModel<f32> {
    /// The network by which `agent` acts: the greatest score is the greatest chance.
    pub fn network(&self, agent: usize) -> Option<Network> {
        self.actors.get(agent)?.network()
    }
}

/// The gain of a ratio of chances, and its derivative by the logarithm of the ratio.
fn clipped<R: Real>(ratio: R, advantage: R, clip: R) -> (R, R) {
    let free = ratio * advantage;
    let bound = ratio.max(R::one() - clip).min(R::one() + clip) * advantage;
    if free <= bound { (free, free) } else { (bound, R::zero()) }
}

impl<R: Real> Layers<R> for MappoModel<R> {
    fn layers(&self) -> Vec<(String, &Layer<R>)> {
        let of_agent = |(agent, mlp)| {
            let named = move |(name, layer)| (format!("agent.{agent}.{name}"), layer);
            Layers::layers(mlp).into_iter().map(named)
        };
        let critic = self.critic.layers().into_iter().map(|(name, layer)| (format!("critic.{name}"), layer));
        self.actors.iter().enumerate().flat_map(of_agent).chain(critic).collect()
    }

    fn each_mut(&mut self, visit: &mut dyn FnMut(&mut Layer<R>)) {
        self.actors.iter_mut().for_each(|actor| actor.each_mut(visit));
        self.critic.each_mut(visit);
    }
}

#[cfg(test)]
mod tests {
    use rand_xoshiro::rand_core::SeedableRng;

    use super::*;
    use crate::learn::nn::check;

    fn rows(shape: &Shape, random: &mut Xoshiro256PlusPlus) -> Rows<f64> {
        const ROWS: usize = 6;
        let count = ROWS * shape.agents;
        Rows {
            state: check::normal(ROWS * shape.state(), random),
            allowed: (0..count * shape.levels).map(|index| index % 5 != 4 || shape.levels != 5).collect(),
            levels: (0..count).map(|index| index % 4).collect(),
            messages: (0..count).map(|index| index % shape.messages.max(1)).collect(),
            chances: check::normal(count, random).into_iter().map(|value| 0.2 * value - 2.0).collect(),
            advantages: check::normal(ROWS, random),
            returns: check::normal(ROWS, random),
        }
    }

    #[test]
    fn the_gradient_is_that_of_finite_differences() {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(7);
        for messages in [0, 3] {
            let shape = Shape { agents: 2, features: 6, levels: 5, messages };
            let mut model = MappoModel::<f64>::new(shape, &mut random);
            model.each_mut(&mut |layer| layer.scale(2.0));
            let rows = rows(&shape, &mut random);
            let (objective, mut work) = (Objective { clip: 0.2, entropy: 0.3 }, Work::default());
            check::gradient(&mut model, |model, descend| {
                model.descend(&rows, &objective, &mut work, descend)
            });
        }
    }

    #[test]
    fn beyond_the_clip_nothing_is_gained_and_nothing_moves() {
        assert_eq!(clipped(1.5, 2.0, 0.2), (2.4, 0.0));
        assert_eq!(clipped(1.1, 2.0, 0.2), (2.2, 2.2));
        assert_eq!(clipped(0.5, -1.0, 0.2), (-0.8, 0.0));
        assert_eq!(clipped(1.5, -1.0, 0.2), (-1.5, -1.5));
    }

    #[test]
    fn levels_that_are_not_allowed_have_no_chance() {
        let shape = Shape { agents: 1, features: 2, levels: 3, messages: 2 };
        let model = MappoModel::<f64>::new(shape, &mut Xoshiro256PlusPlus::seed_from_u64(1));
        let mut work = Work::default();
        let (levels, messages) = model.chances(0, &[1.0, 2.0], &[true, false, true], &mut work);
        assert_eq!((levels[1], levels.len(), messages.len()), (0.0, 3, 2));
        assert!([levels, messages].iter().all(|chances| (chances.iter().sum::<f64>() - 1.0).abs() < 1e-12));
    }
}
