//! The networks of a team that learns values, and their loss.

use rand_xoshiro::Xoshiro256PlusPlus;

use super::mixer::Mixer;
use super::{Mixing, ValueSettings};
use crate::learn::experience::{AgentBatch, Batch};
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

/// What an agent sees before or after a step.
fn before<R>(agent: &AgentBatch<R>) -> &[R] {
    &agent.before
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
    pub fn values(&self, agent: usize, features: &[R]) -> Vec<R> {
        self.duel(self.agents[agent].forward(features, &mut Tape::new()))
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
    fn duel(&self, raw: &[R]) -> Vec<R> {
        if !self.duelling {
            return raw.to_vec();
        }
        let (width, heads) = (self.width(), self.head_count());
        let mut values = Vec::with_capacity(raw.len());
        for row in raw.chunks_exact(width + heads) {
            for (index, head) in self.heads().enumerate() {
                let shift = row[width + index] - mean(&row[head.clone()]);
                values.extend(row[head].iter().map(|advantage| *advantage + shift));
            }
        }
        values
    }

    /// The derivative by what the network gave, from that by the values.
    fn duel_back(&self, of_values: Vec<R>) -> Vec<R> {
        if !self.duelling {
            return of_values;
        }
        let (width, heads) = (self.width(), self.head_count());
        let mut of_raw = Vec::with_capacity(of_values.len() / width * (width + heads));
        for row in of_values.chunks_exact(width) {
            for head in self.heads() {
                let mean = mean(&row[head.clone()]);
                of_raw.extend(row[head].iter().map(|gradient| *gradient - mean));
            }
            of_raw.extend(self.heads().map(|head| sum(&row[head])));
        }
        of_raw
    }

    /// What the mixed values of the batch should have been: reward, and what `target` gives for the best next step.
    pub fn goals(&self, target: &ValueModel<R>, batch: &Batch<R>) -> Vec<R> {
        let (rows, heads) = (batch.rows(), self.head_count());
        let columns = self.agents.len() * heads;
        let mut chosen = vec![R::zero(); rows * columns];
        for (agent, part) in batch.agents.iter().enumerate() {
            let values = target.values(agent, &part.after);
            let judged = if self.double { self.values(agent, &part.after) } else { values.clone() };
            for row in 0..rows {
                let (values, judged) = (&values[row * self.width()..], &judged[row * self.width()..]);
                let allowed = &part.allowed_after[row * self.shape.levels..];
                for (index, head) in self.heads().enumerate() {
                    let may = |choice: usize| head.start > 0 || allowed[choice];
                    let best = head.start + greatest(&judged[head.clone()], may);
                    chosen[row * columns + agent * heads + index] = values[best];
                }
            }
        }
        let mixed = target.mixer.forward(&chosen, &batch.next_state, rows).values;
        let outputs = mixed.len() / rows.max(1);
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
        mixed.iter().enumerate().map(goal).collect()
    }

    /// The mean loss of the batch against `goals`; adds its gradient if `descend`.
    pub fn descend(&mut self, batch: &Batch<R>, goals: &[R], descend: bool) -> R {
        let (rows, heads) = (batch.rows(), self.head_count());
        let columns = self.agents.len() * heads;
        let scale = real::<R>((rows.max(1) as f64).recip());
        let mut tapes: Vec<_> = self.agents.iter().map(|_| Tape::new()).collect();
        let mut values = Vec::new();
        let mut chosen = vec![R::zero(); rows * columns];
        for (agent, part) in batch.agents.iter().enumerate() {
            let of_agent = self.duel(self.agents[agent].forward(before(part), &mut tapes[agent]));
            for row in 0..rows {
                for (index, place) in self.choices(part, row).enumerate() {
                    chosen[row * columns + agent * heads + index] = of_agent[row * self.width() + place];
                }
            }
            values.push(of_agent);
        }
        let mut mix = self.mixer.forward(&chosen, &batch.state, rows);
        let mut loss = R::zero();
        let slopes: Vec<R> = mix
            .values
            .iter()
            .zip(goals)
            .map(|(value, goal)| {
                let (part, slope) = huber(*value - *goal);
                loss += part * scale;
                slope * scale
            })
            .collect();
        let of_chosen = if descend { self.mixer.backward(&mut mix, &slopes) } else { Vec::new() };
        for (agent, part) in batch.agents.iter().enumerate() {
            let mut of_values = vec![R::zero(); rows * self.width()];
            loss += self.conserve(part, &values[agent], &mut of_values, scale);
            if !descend {
                continue;
            }
            for row in 0..rows {
                for (index, place) in self.choices(part, row).enumerate() {
                    of_values[row * self.width() + place] += of_chosen[row * columns + agent * heads + index];
                }
            }
            let of_raw = self.duel_back(of_values);
            self.agents[agent].backward(&mut tapes[agent], &of_raw, false);
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
    fn conserve(&self, part: &AgentBatch<R>, values: &[R], of_values: &mut [R], scale: R) -> R {
        let weight = real::<R>(self.conservative) * scale;
        if weight <= R::zero() {
            return R::zero();
        }
        let (levels, mut loss, mut chances) = (self.shape.levels, R::zero(), Vec::new());
        for (row, level) in part.levels.iter().enumerate() {
            let start = row * self.width();
            let values = &values[start..start + levels];
            loss += weight * (softmax::log_sum_exp(values) - values[*level]);
            softmax::chances(values, |_| true, &mut chances);
            for (place, chance) in chances.iter().enumerate() {
                of_values[start + place] += weight * *chance;
            }
            of_values[start + level] -= weight;
        }
        loss
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

    fn layers_mut(&mut self) -> Vec<&mut Layer<R>> {
        let agents = self.agents.iter_mut().flat_map(Layers::layers_mut);
        agents.chain(self.mixer.layers_mut()).collect()
    }
}

#[cfg(test)]
mod tests {
    use rand_xoshiro::rand_core::SeedableRng;

    use super::*;
    use crate::learn::experience::tests::random_ring;
    use crate::learn::nn::check;

    const SHAPE: Shape = Shape { agents: 3, features: 7, levels: 4, messages: 2 };

    fn checked(shape: Shape, settings: ValueSettings) {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(7);
        let mut model = ValueModel::<f64>::new(shape, &settings, &mut random);
        let target = ValueModel::<f64>::new(shape, &settings, &mut random);
        let ring = random_ring(shape, 24, 100);
        let batch = ring.gather::<f64>(&[0, 3, 9, 17, 20]);
        let goals = model.goals(&target, &batch);
        check::gradient(&mut model, |model, descend| model.descend(&batch, &goals, descend));
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
            let mut batch = random_ring(shape, 8, 100).gather::<f64>(&[0, 3]);
            batch.agents[0].allowed_after = vec![false, false, true, true, true, true];
            let goals = online.goals(&target, &batch);
            let after = &batch.agents[0].after;
            let expected = batch.agents[0].rewards[0] + 0.5 * target.values(0, &after[..2])[2];
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
        let mut batch = random_ring(shape, 60, 100).gather::<f64>(&places);
        batch.agents[0].allowed_after.fill(true);
        let goals = online.goals(&target, &batch);
        let mut differ = 0;
        for row in (0..60).filter(|row| row % 4 != 3) {
            let after = &batch.agents[0].after[2 * row..][..2];
            let values = target.values(0, after);
            let chosen = values[greatest(&online.values(0, after), |_| true)];
            assert!((goals[row] - batch.agents[0].rewards[row] - 0.99 * chosen).abs() < 1e-12);
            differ += usize::from(chosen < values[greatest(&values, |_| true)]);
        }
        assert!(differ > 0, "the networks agreed everywhere: the test shows nothing");
    }
}
