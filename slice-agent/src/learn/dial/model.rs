//! The networks of a team with differentiable messages, and their loss over two steps.

use rand_xoshiro::Xoshiro256PlusPlus;

use crate::learn::experience::{Batch, Ring};
use crate::learn::network::Network;
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
#[derive(Debug, Clone, Default)]
pub struct Unrolled<R> {
    now: Batch<R>,
    /// The steps before; of steps without one, themselves.
    before: Batch<R>,
    has_before: Vec<bool>,
    places_before: Vec<usize>,
    /// Noise on message scores, agent by agent, row by row, message by message.
    pub noise: Vec<R>,
}

impl<R: Real> Unrolled<R> {
    /// Takes the steps at `places` of `ring` with their predecessors.
    pub fn gather(&mut self, ring: &Ring, places: &[usize]) {
        self.has_before.clear();
        self.places_before.clear();
        for place in places {
            let before = ring.before(*place);
            self.has_before.push(before.is_some());
            self.places_before.push(before.unwrap_or(*place));
        }
        ring.gather(places, &mut self.now);
        ring.gather(&self.places_before, &mut self.before);
    }
}

/// The memory of passes and updates; nothing is allocated once it has grown.
#[derive(Debug, Clone, Default)]
pub struct Work<R: Real> {
    /// What the values of the chosen levels should have been, agent by agent, row by row.
    pub goals: Vec<R>,
    /// Passes without a way back: of the acting and of the target network.
    judging: Tape<R>,
    valuing: Tape<R>,
    /// The passes of the step before, the soft messages of it, and the derivatives by those, agent by agent.
    speakers: Vec<Tape<R>>,
    soft: Vec<Vec<R>>,
    of_soft: Vec<Vec<R>>,
    listener: Tape<R>,
    input: Vec<R>,
    scores: Vec<R>,
    chances: Vec<R>,
    of_output: Vec<R>,
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
    pub fn outputs<'w>(&self, agent: usize, features: &[R], work: &'w mut Work<R>) -> &'w [R] {
        self.agents[agent].forward(features, &mut work.judging)
    }

    /// Takes over the weights of a model of the same shape.
    pub fn copy_weights(&mut self, from: &DialModel<R>) {
        self.agents.iter_mut().zip(&from.agents).for_each(|(agent, from)| agent.copy_weights(from));
    }

    fn width(&self) -> usize {
        self.shape.levels + self.shape.messages
    }

    /// Writes the work's goals: the team's reward, and what `target` gives for the acting network's best next level.
    pub fn aim(&self, target: &DialModel<R>, unrolled: &Unrolled<R>, work: &mut Work<R>) {
        let (batch, width, levels) = (&unrolled.now, self.width(), self.shape.levels);
        let Work { goals, judging, valuing, .. } = work;
        goals.clear();
        for (agent, part) in batch.agents.iter().enumerate() {
            let judged = self.agents[agent].forward(&part.after, judging);
            let values = target.agents[agent].forward(&part.after, valuing);
            for row in 0..batch.rows() {
                let allowed = &part.allowed_after[row * levels..][..levels];
                let best = greatest(&judged[row * width..][..levels], |level| allowed[level]);
                let share = batch.team_reward(row) / real(self.agents.len() as f64);
                let next = real::<R>(self.gamma) * values[row * width + best];
                goals.push(if batch.last[row] { share } else { share + next });
            }
        }
    }

    /// The mean loss against the work's goals; adds its gradient if `descend`, also through the messages.
    pub fn descend(&mut self, unrolled: &Unrolled<R>, work: &mut Work<R>, descend: bool) -> R {
        self.speak(unrolled, work);
        let Work { goals, speakers, soft, of_soft, listener, input, of_output, .. } = work;
        of_soft.resize_with(soft.len(), Vec::new);
        for (of_soft, soft) in of_soft.iter_mut().zip(&*soft) {
            of_soft.clear();
            of_soft.resize(soft.len(), R::zero());
        }
        let mut loss = R::zero();
        for agent in 0..self.agents.len() {
            self.hear(agent, unrolled, soft, input);
            let output = self.agents[agent].forward(input, listener);
            loss += self.errors(agent, unrolled, output, goals, of_output);
            if descend {
                self.agents[agent].backward(listener, of_output, true);
                self.hear_back(agent, unrolled, listener.input_gradient(), of_soft);
            }
        }
        if descend {
            for (agent, tape) in speakers.iter_mut().enumerate() {
                self.speak_back(&soft[agent], &of_soft[agent], of_output);
                self.agents[agent].backward(tape, of_output, false);
            }
        }
        loss
    }

    /// Passes the step before and writes its soft messages, agent by agent: chances of their scores with noise.
    fn speak(&self, unrolled: &Unrolled<R>, work: &mut Work<R>) {
        let Shape { levels, messages, .. } = self.shape;
        let rows = unrolled.now.rows();
        let Work { speakers, soft, scores, chances, .. } = work;
        speakers.resize_with(self.agents.len(), Tape::new);
        soft.resize_with(self.agents.len(), Vec::new);
        for (agent, (tape, soft)) in speakers.iter_mut().zip(soft).enumerate() {
            let output = self.agents[agent].forward(&unrolled.before.agents[agent].before, tape);
            soft.clear();
            for (row, output) in output.chunks_exact(levels + messages).enumerate() {
                let noise = &unrolled.noise[(agent * rows + row) * messages..];
                scores.clear();
                scores.extend(output[levels..].iter().zip(noise).map(|(s, n)| *s + *n));
                softmax::chances(scores, |_| true, chances);
                soft.extend_from_slice(chances);
            }
        }
    }

    /// Writes what `agent` sees now, with the soft messages of the others where there is a step before.
    fn hear(&self, agent: usize, unrolled: &Unrolled<R>, soft: &[Vec<R>], input: &mut Vec<R>) {
        let Shape { features, messages, .. } = self.shape;
        input.clear();
        input.extend_from_slice(&unrolled.now.agents[agent].before);
        for (sender, soft) in soft.iter().enumerate() {
            let Some(place) = self.shape.heard(agent, sender) else { continue };
            for row in (0..unrolled.now.rows()).filter(|row| unrolled.has_before[*row]) {
                let heard = &mut input[row * features..][place.clone()];
                heard.copy_from_slice(&soft[row * messages..][..messages]);
            }
        }
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

    /// Writes the derivative by a speaker's outputs, from that by its soft messages.
    fn speak_back(&self, soft: &[R], of_soft: &[R], of_output: &mut Vec<R>) {
        let Shape { levels, messages, .. } = self.shape;
        of_output.clear();
        for (soft, of_soft) in soft.chunks_exact(messages).zip(of_soft.chunks_exact(messages)) {
            let mean = soft.iter().zip(of_soft).fold(R::zero(), |sum, (s, g)| sum + *s * *g);
            of_output.extend(std::iter::repeat_n(R::zero(), levels));
            of_output.extend(soft.iter().zip(of_soft).map(|(s, g)| *s * (*g - mean)));
        }
    }

    /// Writes the derivative of the loss by an agent's outputs; gives its loss.
    fn errors(
        &self,
        agent: usize,
        unrolled: &Unrolled<R>,
        output: &[R],
        goals: &[R],
        of_output: &mut Vec<R>,
    ) -> R {
        let rows = unrolled.now.rows();
        let scale = real::<R>((rows.max(1) as f64).recip());
        let mut loss = R::zero();
        of_output.clear();
        of_output.resize(output.len(), R::zero());
        for row in 0..rows {
            let place = row * self.width() + unrolled.now.agents[agent].levels[row];
            let (part, slope) = huber(output[place] - goals[agent * rows + row]);
            loss += part * scale;
            of_output[place] = slope * scale;
        }
        loss
    }
}

impl DialModel<f32> {
    /// The network by which `agent` acts.
    pub fn network(&self, agent: usize) -> Option<Network> {
        self.agents.get(agent)?.network()
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

    fn each_mut(&mut self, visit: &mut dyn FnMut(&mut Layer<R>)) {
        self.agents.iter_mut().for_each(|agent| agent.each_mut(visit));
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
        let mut unrolled = Unrolled { noise, ..Unrolled::default() };
        unrolled.gather(&random_ring(SHAPE, 24, 100), &places);
        unrolled
    }

    #[test]
    fn the_gradient_is_that_of_finite_differences_also_through_the_channel() {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(7);
        let mut model = DialModel::<f64>::new(SHAPE, 0.9, &mut random);
        let target = DialModel::<f64>::new(SHAPE, 0.9, &mut random);
        let unrolled = unrolled(&mut random);
        let mut work = Work::default();
        model.aim(&target, &unrolled, &mut work);
        check::gradient(&mut model, |model, descend| model.descend(&unrolled, &mut work, descend));
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
        let mut work = Work { goals, ..Work::default() };
        unrolled.has_before.fill(false);
        model.descend(&unrolled, &mut work, true);
        assert!(!scores(&model), "nothing was heard, yet the scores have a gradient");
        unrolled.has_before.fill(true);
        model.descend(&unrolled, &mut work, true);
        assert!(scores(&model));
    }
}
