//! The networks of a team with differentiable messages, and their loss over two steps.

use rand_xoshiro::Xoshiro256PlusPlus;

use crate::learn::experience::{Batch, Ring};
use crate::learn::nn::{Layer, Layers, Mlp, Real, Tape, greatest, huber, real, softmax};
use crate::learn::world::Shape;

const HIDDEN: [usize; 2] = [64, 32];

/// One network for each agent: values of levels, then scores of messages.
#[derive(Debug, Clone, PartialEq)]
pub struct DialModel<R> {
    shape: Shape,
    gamma: f64,
    agents: Vec<Mlp<R>>,
}

/// Steps, each with the one before it where the episode has one.
#[derive(Debug, Clone)]
pub struct Unrolled<R> {
    now: Batch<R>,
    /// The steps before; of steps without one, themselves.
    before: Batch<R>,
    has_before: Vec<bool>,
    /// Noise on message scores, agent by agent, row by row.
    noise: Vec<R>,
}

impl<R: Real> Unrolled<R> {
    /// The steps at `places` of `ring` with their predecessors; `noise` has a value for each agent, row and message.
    pub fn gather(ring: &Ring, places: &[usize], noise: Vec<R>) -> Unrolled<R> {
        let before: Vec<_> = places.iter().map(|place| ring.before(*place)).collect();
        let or_self: Vec<_> =
            before.iter().zip(places).map(|(before, place)| before.unwrap_or(*place)).collect();
        Unrolled {
            now: ring.gather(places),
            before: ring.gather(&or_self),
            has_before: before.iter().map(Option::is_some).collect(),
            noise,
        }
    }
}

impl<R: Real> DialModel<R> {
    /// A model that knows nothing.
    pub fn new(shape: Shape, gamma: f64, random: &mut Xoshiro256PlusPlus) -> DialModel<R> {
        let widths = [shape.features, HIDDEN[0], HIDDEN[1], shape.levels + shape.messages];
        DialModel { shape, gamma, agents: (0..shape.agents).map(|_| Mlp::new(&widths, random)).collect() }
    }

    /// The world that it is made for.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Values of levels and scores of messages of `agent` that sees `features`.
    ///
    /// # Panics
    /// There is no such agent.
    pub fn outputs(&self, agent: usize, features: &[R]) -> Vec<R> {
        self.agents[agent].forward(features, &mut Tape::new()).to_vec()
    }

    fn width(&self) -> usize {
        self.shape.levels + self.shape.messages
    }

    /// What the values of the chosen levels should have been, agent by agent, row by row: the team's reward, and what
    /// `target` gives for the acting network's best next level.
    pub fn goals(&self, target: &DialModel<R>, unrolled: &Unrolled<R>) -> Vec<R> {
        let (batch, width, levels) = (&unrolled.now, self.width(), self.shape.levels);
        let mut goals = Vec::with_capacity(batch.rows() * self.agents.len());
        for (agent, part) in batch.agents.iter().enumerate() {
            let judged = self.outputs(agent, &part.after);
            let values = target.outputs(agent, &part.after);
            for row in 0..batch.rows() {
                let allowed = &part.allowed_after[row * levels..][..levels];
                let best = greatest(&judged[row * width..][..levels], |level| allowed[level]);
                let share = batch.team_reward(row) / real(self.agents.len() as f64);
                let next = real::<R>(self.gamma) * values[row * width + best];
                goals.push(if batch.last[row] { share } else { share + next });
            }
        }
        goals
    }

    /// The mean loss against `goals`; adds its gradient if `descend`, also through the messages.
    pub fn descend(&mut self, unrolled: &Unrolled<R>, goals: &[R], descend: bool) -> R {
        let mut speakers: Vec<_> = self.agents.iter().map(|_| Tape::new()).collect();
        let soft = self.speak(unrolled, &mut speakers);
        let mut of_soft: Vec<_> = soft.iter().map(|soft| vec![R::zero(); soft.len()]).collect();
        let mut loss = R::zero();
        for agent in 0..self.agents.len() {
            let input = self.hear(agent, unrolled, &soft);
            let mut tape = Tape::new();
            let output = self.agents[agent].forward(&input, &mut tape);
            let (of_output, part) = self.errors(agent, unrolled, output, goals);
            loss += part;
            if descend {
                self.agents[agent].backward(&mut tape, &of_output, true);
                self.hear_back(agent, unrolled, tape.input_gradient(), &mut of_soft);
            }
        }
        if descend {
            for (agent, tape) in speakers.iter_mut().enumerate() {
                let of_output = self.speak_back(&soft[agent], &of_soft[agent]);
                self.agents[agent].backward(tape, &of_output, false);
            }
        }
        loss
    }

    /// The soft messages of the step before, agent by agent: chances of their scores with noise.
    fn speak(&self, unrolled: &Unrolled<R>, tapes: &mut [Tape<R>]) -> Vec<Vec<R>> {
        let Shape { levels, messages, .. } = self.shape;
        let rows = unrolled.now.rows();
        let mut chances = Vec::new();
        let of_agent = |(agent, tape): (usize, &mut Tape<R>)| {
            let output = self.agents[agent].forward(&unrolled.before.agents[agent].before, tape);
            let mut soft = Vec::with_capacity(rows * messages);
            for (row, output) in output.chunks_exact(levels + messages).enumerate() {
                let noise = &unrolled.noise[(agent * rows + row) * messages..];
                let scores: Vec<_> = output[levels..].iter().zip(noise).map(|(s, n)| *s + *n).collect();
                softmax::chances(&scores, |_| true, &mut chances);
                soft.extend_from_slice(&chances);
            }
            soft
        };
        tapes.iter_mut().enumerate().map(of_agent).collect()
    }

    /// What `agent` sees now, with the soft messages of the others where there is a step before.
    fn hear(&self, agent: usize, unrolled: &Unrolled<R>, soft: &[Vec<R>]) -> Vec<R> {
        let Shape { features, messages, .. } = self.shape;
        let mut input = unrolled.now.agents[agent].before.clone();
        for (sender, soft) in soft.iter().enumerate() {
            let Some(place) = self.shape.heard(agent, sender) else { continue };
            for row in (0..unrolled.now.rows()).filter(|row| unrolled.has_before[*row]) {
                let heard = &mut input[row * features..][place.clone()];
                heard.copy_from_slice(&soft[row * messages..][..messages]);
            }
        }
        input
    }

    fn hear_back(&self, agent: usize, unrolled: &Unrolled<R>, of_input: &[R], of_soft: &mut [Vec<R>]) {
        let Shape { features, messages, .. } = self.shape;
        for (sender, of_soft) in of_soft.iter_mut().enumerate() {
            let Some(place) = self.shape.heard(agent, sender) else { continue };
            for row in (0..unrolled.now.rows()).filter(|row| unrolled.has_before[*row]) {
                let heard = &of_input[row * features..][place.clone()];
                let sums = &mut of_soft[row * messages..][..messages];
                sums.iter_mut().zip(heard).for_each(|(sum, gradient)| *sum += *gradient);
            }
        }
    }

    /// The derivative by a speaker's outputs, from that by its soft messages.
    fn speak_back(&self, soft: &[R], of_soft: &[R]) -> Vec<R> {
        let Shape { levels, messages, .. } = self.shape;
        let mut of_output = Vec::with_capacity(soft.len() / messages * self.width());
        for (soft, of_soft) in soft.chunks_exact(messages).zip(of_soft.chunks_exact(messages)) {
            let mean = soft.iter().zip(of_soft).fold(R::zero(), |sum, (s, g)| sum + *s * *g);
            of_output.extend(std::iter::repeat_n(R::zero(), levels));
            of_output.extend(soft.iter().zip(of_soft).map(|(s, g)| *s * (*g - mean)));
        }
        of_output
    }

    /// The derivative of the loss by an agent's outputs, and its loss.
    fn errors(&self, agent: usize, unrolled: &Unrolled<R>, output: &[R], goals: &[R]) -> (Vec<R>, R) {
        let rows = unrolled.now.rows();
        let scale = real::<R>((rows.max(1) as f64).recip());
        let (mut of_output, mut loss) = (vec![R::zero(); output.len()], R::zero());
        for row in 0..rows {
            let place = row * self.width() + unrolled.now.agents[agent].levels[row];
            let (part, slope) = huber(output[place] - goals[agent * rows + row]);
            loss += part * scale;
            of_output[place] = slope * scale;
        }
        (of_output, loss)
    }
}

impl<R: Real> Layers<R> for DialModel<R> {
    fn layers(&self) -> Vec<(String, &Layer<R>)> {
        let of_agent = |(agent, mlp)| {
            let named = move |(name, layer)| (format!("agent.{agent}.{name}"), layer);
            Layers::layers(mlp).into_iter().map(named)
        };
        self.agents.iter().enumerate().flat_map(of_agent).collect()
    }

    fn layers_mut(&mut self) -> Vec<&mut Layer<R>> {
        self.agents.iter_mut().flat_map(Layers::layers_mut).collect()
    }
}

#[cfg(test)]
mod tests {
    use rand_xoshiro::rand_core::SeedableRng;

    use super::*;
    use crate::learn::experience::tests::random_ring;
    use crate::learn::nn::check;

    const SHAPE: Shape = Shape { agents: 3, features: 3 + 2 * 2, levels: 4, messages: 2 };

    fn unrolled(random: &mut Xoshiro256PlusPlus) -> Unrolled<f64> {
        let places = [0, 1, 2, 5, 7, 10];
        let noise = check::normal(places.len() * SHAPE.agents * SHAPE.messages, random);
        Unrolled::gather(&random_ring(SHAPE, 24, 100), &places, noise)
    }

    #[test]
    fn the_gradient_is_that_of_finite_differences_also_through_the_channel() {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(7);
        let mut model = DialModel::<f64>::new(SHAPE, 0.9, &mut random);
        let target = DialModel::<f64>::new(SHAPE, 0.9, &mut random);
        let unrolled = unrolled(&mut random);
        let goals = model.goals(&target, &unrolled);
        check::gradient(&mut model, |model, descend| model.descend(&unrolled, &goals, descend));
    }

    #[test]
    fn message_scores_learn_only_through_the_channel() {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(7);
        let scores = |model: &DialModel<f64>| {
            let (_, head) = model.layers().swap_remove(2);
            head.gradient()
                .chunks(SHAPE.levels + SHAPE.messages)
                .flat_map(|row| row[SHAPE.levels..].to_vec())
                .any(|g| g != 0.0)
        };
        let mut model = DialModel::<f64>::new(SHAPE, 0.9, &mut random);
        let mut unrolled = unrolled(&mut random);
        let goals = vec![0.0; unrolled.now.rows() * SHAPE.agents];
        unrolled.has_before.fill(false);
        model.descend(&unrolled, &goals, true);
        assert!(!scores(&model), "nothing was heard, yet the scores have a gradient");
        unrolled.has_before.fill(true);
        model.descend(&unrolled, &goals, true);
        assert!(scores(&model));
    }
}
