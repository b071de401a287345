//! The networks of a team that learns policies, and their loss.

use rand_xoshiro::Xoshiro256PlusPlus;

use crate::checkpoint::{CheckpointError, Reader, Writer};
use crate::learn::experience::{flags, indices};
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
    /// Some of the rows.
    ///
    /// # Panics
    /// There is no such row, or advantages and returns are missing.
    pub fn gather(&self, places: &[usize], shape: &Shape) -> Rows<R> {
        fn pick<T: Copy>(from: &[T], width: usize, places: &[usize]) -> Vec<T> {
            places.iter().flat_map(|place| from[place * width..][..width].iter().copied()).collect()
        }
        Rows {
            state: pick(&self.state, shape.state(), places),
            allowed: pick(&self.allowed, shape.agents * shape.levels, places),
            levels: pick(&self.levels, shape.agents, places),
            messages: pick(&self.messages, shape.agents, places),
            chances: pick(&self.chances, shape.agents, places),
            advantages: pick(&self.advantages, 1, places),
            returns: pick(&self.returns, 1, places),
        }
    }

    fn of_agent(&self, agent: usize, shape: &Shape) -> Vec<R> {
        let rows = self.state.chunks_exact(shape.state());
        rows.flat_map(|row| row[agent * shape.features..][..shape.features].iter().copied()).collect()
    }
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

    /// The chances of an agent's levels, then of its messages.
    ///
    /// # Panics
    /// There is no such agent.
    pub fn chances(&self, agent: usize, features: &[R], allowed: &[bool]) -> Vec<R> {
        let mut tape = Tape::new();
        let (levels, messages) = self.actors[agent].forward(features, &mut tape).split_at(self.shape.levels);
        let (mut all, mut of_messages) = (Vec::new(), Vec::new());
        softmax::chances(levels, |level| allowed[level], &mut all);
        softmax::chances(messages, |_| true, &mut of_messages);
        all.extend_from_slice(&of_messages);
        all
    }

    /// What the critic says of states.
    pub fn criticise(&self, state: &[R]) -> Vec<R> {
        self.critic.forward(state, &mut Tape::new()).to_vec()
    }

    /// The mean loss of `rows`: clipped policy gain, entropy, half the square of the critic's error; adds its gradient if
    /// `descend`.
    pub fn descend(&mut self, rows: &Rows<R>, objective: &Objective, descend: bool) -> R {
        let mut loss = self.descend_critic(rows, descend);
        for agent in 0..self.actors.len() {
            loss += self.descend_actor(agent, rows, objective, descend);
        }
        loss
    }

    fn descend_critic(&mut self, rows: &Rows<R>, descend: bool) -> R {
        let scale = real::<R>((rows.returns.len().max(1) as f64).recip());
        let (mut tape, mut loss) = (Tape::new(), R::zero());
        let values = self.critic.forward(&rows.state, &mut tape);
        let errors: Vec<_> = values.iter().zip(&rows.returns).map(|(value, goal)| *value - *goal).collect();
        errors.iter().for_each(|error| loss += real::<R>(0.5) * scale * *error * *error);
        if descend {
            let slopes: Vec<_> = errors.iter().map(|error| *error * scale).collect();
            self.critic.backward(&mut tape, &slopes, false);
        }
        loss
    }

    fn descend_actor(&mut self, agent: usize, rows: &Rows<R>, objective: &Objective, descend: bool) -> R {
        let (mut tape, mut loss) = (Tape::new(), R::zero());
        let output = self.actors[agent].forward(&rows.of_agent(agent, &self.shape), &mut tape);
        let mut of_output = Vec::with_capacity(output.len());
        let width = self.shape.levels + self.shape.messages;
        for (row, scores) in output.chunks_exact(width).enumerate() {
            loss += self.row(agent, row, scores, rows, objective, &mut of_output);
        }
        if descend {
            self.actors[agent].backward(&mut tape, &of_output, false);
        }
        loss
    }

    /// The loss of one row of one agent; appends its derivative by the scores.
    fn row(
        &self,
        agent: usize,
        row: usize,
        scores: &[R],
        rows: &Rows<R>,
        objective: &Objective,
        of_output: &mut Vec<R>,
    ) -> R {
        let Shape { agents, levels, .. } = self.shape;
        let (index, scale) = (row * agents + agent, real::<R>((rows.returns.len().max(1) as f64).recip()));
        let allowed = &rows.allowed[index * levels..][..levels];
        let (mut of_levels, mut of_messages) = (Vec::new(), Vec::new());
        softmax::chances(&scores[..levels], |level| allowed[level], &mut of_levels);
        softmax::chances(&scores[levels..], |_| true, &mut of_messages);
        let (level, message) = (rows.levels[index], rows.messages[index]);
        let said = of_messages.get(message).map_or(R::zero(), |chance| chance.ln());
        let ratio = (of_levels[level].ln() + said - rows.chances[index]).exp();
        let (gain, moves) = clipped(ratio, rows.advantages[row], real(objective.clip));
        let weight = real::<R>(objective.entropy);
        let entropies = [softmax::entropy(&of_levels), softmax::entropy(&of_messages)];
        for ((chances, chosen), entropy) in
            [(&of_levels, level), (&of_messages, message)].into_iter().zip(entropies)
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

    fn layers_mut(&mut self) -> Vec<&mut Layer<R>> {
        self.actors.iter_mut().flat_map(Layers::layers_mut).chain(self.critic.layers_mut()).collect()
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
            model.layers_mut().into_iter().for_each(|layer| layer.scale(2.0));
            let rows = rows(&shape, &mut random);
            let objective = Objective { clip: 0.2, entropy: 0.3 };
            check::gradient(&mut model, |model, descend| model.descend(&rows, &objective, descend));
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
        let chances = model.chances(0, &[1.0, 2.0], &[true, false, true]);
        assert_eq!(chances[1], 0.0);
        assert!((chances[..3].iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert!((chances[3..].iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }
}
