//! The networks of a team that learns values, and their loss.

use rand_xoshiro::Xoshiro256PlusPlus;

use super::mixer::{Mix, Mixer};
use super::{Mixing, ValueSettings};
use crate::learn::experience::{AgentBatch, Batch};
use crate::learn::network::Network;
use crate::learn::nn::{Layer, Layers, Mlp, Real, Tape, greatest, huber, real, softmax};
use crate::learn::world::Shape;

/// Widths of the hidden layers, as the source document's agents have them.
const HIDDEN: [usize; 2] = [64, 32];

/// One network for each agent, and the mixer.
#[derive(Debug, Clone, PartialEq)]
pub struct ValueModel<R> {
    shape: Shape,
    duelling: bool,
    double: bool,
    conservative: f64,
    gamma: f64,
    agents: Vec<Mlp<R>>,
    mixer: Mixer<R>,
}

/// The memory of passes and updates; nothing is allocated once it has grown.
#[derive(Debug, Clone, Default)]
pub struct Work<R: Real> {
    /// What the mixed values of a batch should have been.
    pub goals: Vec<R>,
    /// The passes of an update, agent by agent, and their values.
    passes: Vec<(Tape<R>, Vec<R>)>,
    /// Passes without a way back: of the acting and of the target network.
    judging: (Tape<R>, Vec<R>),
    valuing: (Tape<R>, Vec<R>),
    chosen: Vec<R>,
    mix: Mix<R>,
    slopes: Vec<R>,
    of_chosen: Vec<R>,
    of_values: Vec<R>,
    of_raw: Vec<R>,
    chances: Vec<R>,
}

impl<R: Real> ValueModel<R> {
    /// A model that knows nothing.
    pub fn new(shape: Shape, settings: &ValueSettings, random: &mut Xoshiro256PlusPlus) -> ValueModel<R> {
        let heads = if shape.messages > 0 { 2 } else { 1 };
        let baselines = if settings.duelling { heads } else { 0 };
        let widths = [shape.features, HIDDEN[0], HIDDEN[1], shape.levels + shape.messages + baselines];
        let agents = (0..shape.agents).map(|_| Mlp::new(&widths, random)).collect();
        let mixer = match settings.mixing {
            Mixing::Independent => Mixer::None,
            Mixing::Sum => Mixer::Sum,
            Mixing::Monotonic => Mixer::monotonic(shape.agents * heads, shape.state(), random),
        };
        let ValueSettings { duelling, double, conservative, gamma, .. } = *settings;
        ValueModel { shape, duelling, double, conservative, gamma, agents, mixer }
    }

    /// The world that it is made for.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Values of the levels, then of the messages, of `agent` that sees `features` (one or more rows).
    ///
    /// # Panics
    /// There is no such agent.
    pub fn values<'w>(&self, agent: usize, features: &[R], work: &'w mut Work<R>) -> &'w [R] {
        self.pass(agent, features, &mut work.judging);
        &work.judging.1
    }

    fn pass(&self, agent: usize, features: &[R], (tape, values): &mut (Tape<R>, Vec<R>)) {
        self.duel(self.agents[agent].forward(features, tape), values);
    }

    /// Takes over the weights of a model of the same shape.
    pub fn copy_weights(&mut self, from: &ValueModel<R>) {
        self.agents.iter_mut().zip(&from.agents).for_each(|(agent, from)| agent.copy_weights(from));
        self.mixer.copy_weights(&from.mixer);
    }

    /// Levels and messages of one agent as ranges of its values.
    fn heads(&self) -> impl Iterator<Item = std::ops::Range<usize>> + use<R> {
        let Shape { levels, messages, .. } = self.shape;
        [0..levels, levels..levels + messages].into_iter().filter(|head| !head.is_empty())
    }

    fn head_count(&self) -> usize {
        self.heads().count()
    }

    fn width(&self) -> usize {
        self.shape.levels + self.shape.messages
    }

    /// Values from what a network gives: with duelling, baseline plus advantage minus the mean advantage.
    fn duel(&self, raw: &[R], values: &mut Vec<R>) {
        values.clear();
        if !self.duelling {
            values.extend_from_slice(raw);
            return;
        }
        let (width, heads) = (self.width(), self.head_count());
        for row in raw.chunks_exact(width + heads) {
            for (index, head) in self.heads().enumerate() {
                let shift = row[width + index] - mean(&row[head.clone()]);
                values.extend(row[head].iter().map(|advantage| *advantage + shift));
            }
        }
    }

    /// The derivative by what the network gave, from that by the values.
    fn duel_back<'w>(&self, of_values: &'w [R], of_raw: &'w mut Vec<R>) -> &'w [R] {
        if !self.duelling {
            return of_values;
        }
        of_raw.clear();
        for row in of_values.chunks_exact(self.width()) {
            for head in self.heads() {
                let mean = mean(&row[head.clone()]);
                of_raw.extend(row[head].iter().map(|gradient| *gradient - mean));
            }
            of_raw.extend(self.heads().map(|head| sum(&row[head])));
        }
        of_raw
    }

    /// Writes what the mixed values of the batch should have been into the work's goals: reward, and what `target` gives for
    /// the best next step.
    pub fn aim(&self, target: &ValueModel<R>, batch: &Batch<R>, work: &mut Work<R>) {
        let (rows, heads, width) = (batch.rows(), self.head_count(), self.width());
        let columns = self.agents.len() * heads;
        let Work { goals, judging, valuing, chosen, mix, .. } = work;
        chosen.resize(rows * columns, R::zero());
        for (agent, part) in batch.agents.iter().enumerate() {
            target.pass(agent, &part.after, valuing);
            if self.double {
                self.pass(agent, &part.after, judging);
            }
            let judged = if self.double { &judging.1 } else { &valuing.1 };
            for row in 0..rows {
                let (values, judged) = (&valuing.1[row * width..], &judged[row * width..]);
                let allowed = &part.allowed_after[row * self.shape.levels..];
                for (index, head) in self.heads().enumerate() {
                    let may = |choice: usize| head.start > 0 || allowed[choice];
                    let best = head.start + greatest(&judged[head.clone()], may);
                    chosen[row * columns + agent * heads + index] = values[best];
                }
            }
        }
        target.mixer.forward(chosen, &batch.next_state, rows, mix);
        let outputs = mix.values.len() / rows.max(1);
        let gamma = real::<R>(self.gamma);
        let goal = |(index, next): (usize, &R)| {
            let row = index / outputs;
            let reward = if self.mixer.is_team() {
                batch.team_reward(row)
            } else {
                batch.agents[index % outputs / heads].rewards[row]
            };
            if batch.last[row] { reward } else { reward + gamma * *next }
        };
        goals.clear();
        goals.extend(mix.values.iter().enumerate().map(goal));
    }

    /// The mean loss of the batch against the work's goals; adds its gradient if `descend`.
    pub fn descend(&mut self, batch: &Batch<R>, work: &mut Work<R>, descend: bool) -> R {
        self.look(batch, work);
        let scale = real::<R>((batch.rows().max(1) as f64).recip());
        let Work { goals, mix, slopes, of_chosen, .. } = &mut *work;
        let mut loss = R::zero();
        slopes.clear();
        for (value, goal) in mix.values.iter().zip(&*goals) {
            let (part, slope) = huber(*value - *goal);
            loss += part * scale;
            slopes.push(slope * scale);
        }
        if descend {
            self.mixer.backward(mix, slopes, of_chosen);
        }
        for (agent, part) in batch.agents.iter().enumerate() {
            loss += self.descend_agent(agent, part, work, scale, descend);
        }
        loss
    }

    /// Passes the batch, and mixes the values of what was done.
    fn look(&self, batch: &Batch<R>, work: &mut Work<R>) {
        let (rows, heads, width) = (batch.rows(), self.head_count(), self.width());
        let columns = self.agents.len() * heads;
        let Work { passes, chosen, mix, .. } = work;
        passes.resize_with(self.agents.len(), Default::default);
        chosen.resize(rows * columns, R::zero());
        for (agent, (part, pass)) in batch.agents.iter().zip(passes).enumerate() {
            self.pass(agent, &part.before, pass);
            for row in 0..rows {
                for (index, place) in self.choices(part, row).enumerate() {
                    chosen[row * columns + agent * heads + index] = pass.1[row * width + place];
                }
            }
        }
        self.mixer.forward(chosen, &batch.state, rows, mix);
    }

    /// The conservative penalty of an agent; adds the gradient of the whole loss if `descend`.
    fn descend_agent(
        &mut self,
        agent: usize,
        part: &AgentBatch<R>,
        work: &mut Work<R>,
        scale: R,
        descend: bool,
    ) -> R {
        let (rows, heads, width) = (part.levels.len(), self.head_count(), self.width());
        let columns = self.agents.len() * heads;
        let Work { passes, of_chosen, of_values, of_raw, chances, .. } = work;
        let (tape, values) = &mut passes[agent];
        of_values.clear();
        of_values.resize(rows * width, R::zero());
        let loss = self.conserve(part, values, of_values, chances, scale);
        if descend {
            for row in 0..rows {
                for (index, place) in self.choices(part, row).enumerate() {
                    of_values[row * width + place] += of_chosen[row * columns + agent * heads + index];
                }
            }
            let of_raw = self.duel_back(of_values, of_raw);
            self.agents[agent].backward(tape, of_raw, false);
        }
        loss
    }

    /// Where the values of what an agent did in `row` are.
    fn choices(&self, part: &AgentBatch<R>, row: usize) -> impl Iterator<Item = usize> + use<R> {
        let (level, message) = (part.levels[row], part.messages[row]);
        let levels = self.shape.levels;
        self.heads().map(move |head| if head.start == 0 { level } else { levels + message })
    }

    /// The conservative penalty: how far the values of all levels lie above that of the chosen one.
    fn conserve(
        &self,
        part: &AgentBatch<R>,
        values: &[R],
        of_values: &mut [R],
        chances: &mut Vec<R>,
        scale: R,
    ) -> R {
        let weight = real::<R>(self.conservative) * scale;
        if weight <= R::zero() {
            return R::zero();
        }
        let (levels, mut loss) = (self.shape.levels, R::zero());
        for (row, level) in part.levels.iter().enumerate() {
            let start = row * self.width();
            let values = &values[start..start + levels];
            loss += weight * (softmax::log_sum_exp(values) - values[*level]);
            softmax::chances(values, |_| true, chances);
            for (place, chance) in chances.iter().enumerate() {
                of_values[start + place] += weight * *chance;
            }
            of_values[start + level] -= weight;
        }
        loss
    }
}

impl ValueModel<f32> {
    /// The network by which `agent` acts. Duelling heads are linear in what lies below them, so they become plain ones.
    pub fn network(&self, agent: usize) -> Option<Network> {
        let mut mlp = self.agents.get(agent)?.clone();
        if self.duelling {
            let mut values = Vec::new();
            mlp.map_head(self.width(), |row, out| {
                self.duel(row, &mut values);
                out.copy_from_slice(&values);
            });
        }
        mlp.network()
    }
}

fn sum<R: Real>(values: &[R]) -> R {
    values.iter().fold(R::zero(), |sum, value| sum + *value)
}

fn mean<R: Real>(values: &[R]) -> R {
    sum(values) / real(values.len() as f64)
}

impl<R: Real> Layers<R> for ValueModel<R> {
    fn layers(&self) -> Vec<(String, &Layer<R>)> {
        let of_agent = |(agent, mlp)| {
            let named = move |(name, layer)| (format!("agent.{agent}.{name}"), layer);
            Layers::layers(mlp).into_iter().map(named)
        };
        self.agents.iter().enumerate().flat_map(of_agent).chain(self.mixer.layers()).collect()
    }

    fn each_mut(&mut self, visit: &mut dyn FnMut(&mut Layer<R>)) {
        self.agents.iter_mut().for_each(|agent| agent.each_mut(visit));
        self.mixer.each_mut(visit);
    }
}

#[cfg(test)]
mod tests {
    use rand_xoshiro::rand_core::SeedableRng;

    use super::*;
    use crate::learn::experience::tests::{batch, random_ring};
    use crate::learn::nn::check;

    const SHAPE: Shape = Shape { agents: 3, features: 7, levels: 4, messages: 2 };

    fn checked(shape: Shape, settings: ValueSettings) {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(7);
        let mut model = ValueModel::<f64>::new(shape, &settings, &mut random);
        let target = ValueModel::<f64>::new(shape, &settings, &mut random);
        let ring = random_ring(shape, 24, 100);
        let batch = batch::<f64>(&ring, &[0, 3, 9, 17, 20]);
        let mut work = Work::default();
        model.aim(&target, &batch, &mut work);
        check::gradient(&mut model, |model, descend| model.descend(&batch, &mut work, descend));
    }

    #[test]
    fn the_gradient_of_each_kind_of_team_is_that_of_finite_differences() {
        let usual = ValueSettings::default();
        for mixing in [Mixing::Independent, Mixing::Sum, Mixing::Monotonic] {
            for duelling in [false, true] {
                checked(SHAPE, ValueSettings { mixing, duelling, ..usual });
            }
        }
        checked(SHAPE, ValueSettings { conservative: 0.7, ..usual });
        checked(Shape { messages: 0, ..SHAPE }, ValueSettings { duelling: true, conservative: 0.3, ..usual });
    }

    /// One agent, one level that may be chosen next: the goal by hand.
    #[test]
    fn goals_are_reward_plus_discounted_value_of_what_may_be_chosen() {
        let shape = Shape { agents: 1, features: 2, levels: 3, messages: 0 };
        let mut random = Xoshiro256PlusPlus::seed_from_u64(7);
        for double in [false, true] {
            let settings = ValueSettings { double, gamma: 0.5, ..ValueSettings::default() };
            let online = ValueModel::<f64>::new(shape, &settings, &mut random);
            let target = ValueModel::<f64>::new(shape, &settings, &mut random);
            let mut batch = batch::<f64>(&random_ring(shape, 8, 100), &[0, 3]);
            batch.agents[0].allowed_after = vec![false, false, true, true, true, true];
            let mut work = Work::default();
            online.aim(&target, &batch, &mut work);
            let (goals, after) = (work.goals.clone(), &batch.agents[0].after);
            let expected = batch.agents[0].rewards[0] + 0.5 * target.values(0, &after[..2], &mut work)[2];
            assert!((goals[0] - expected).abs() < 1e-12);
            assert_eq!(goals[1], batch.agents[0].rewards[1], "an episode's last step has no next one");
        }
    }

    #[test]
    fn double_goals_let_the_acting_network_choose() {
        let shape = Shape { agents: 1, features: 2, levels: 4, messages: 0 };
        let mut random = Xoshiro256PlusPlus::seed_from_u64(11);
        let settings = ValueSettings { double: true, ..ValueSettings::default() };
        let online = ValueModel::<f64>::new(shape, &settings, &mut random);
        let target = ValueModel::<f64>::new(shape, &settings, &mut random);
        let places: Vec<_> = (0..60).collect();
        let mut batch = batch::<f64>(&random_ring(shape, 60, 100), &places);
        batch.agents[0].allowed_after.fill(true);
        let mut work = Work::default();
        online.aim(&target, &batch, &mut work);
        let goals = work.goals.clone();
        let mut differ = 0;
        for row in (0..60).filter(|row| row % 4 != 3) {
            let after = &batch.agents[0].after[2 * row..][..2];
            let values = target.values(0, after, &mut work).to_vec();
            let chosen = values[greatest(online.values(0, after, &mut work), |_| true)];
            assert!((goals[row] - batch.agents[0].rewards[row] - 0.99 * chosen).abs() < 1e-12);
            differ += usize::from(chosen < values[greatest(&values, |_| true)]);
        }
        assert!(differ > 0, "the networks agreed everywhere: the test shows nothing");
    }
}
