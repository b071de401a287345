//! From the values of the agents' choices to that of the team.

use rand_xoshiro::Xoshiro256PlusPlus;

use crate::learn::nn::{Layer, Layers, Mlp, Real, Tape, real};

/// Width of the mixing network.
const WIDTH: usize = 16;

/// How values are mixed.
#[derive(Debug, Clone, PartialEq)]
pub enum Mixer<R> {
    /// Not at all.
    None,
    /// Their sum.
    Sum,
    /// QMIX.
    Monotonic(Box<Monotonic<R>>),
}

/// A two-layer network whose weights are sizes of what others give for the state, so that it grows with each value.
#[derive(Debug, Clone, PartialEq)]
pub struct Monotonic<R> {
    columns: usize,
    /// State to the weights of the first layer, value by value.
    first: Layer<R>,
    /// State to its biases.
    bias: Layer<R>,
    /// State to the weights of the second layer.
    second: Layer<R>,
    /// State to its bias.
    value: Mlp<R>,
}

/// What a mix leaves for the way back.
#[derive(Debug)]
pub struct Mix<R> {
    /// Mixed values, row by row.
    pub values: Vec<R>,
    rows: usize,
    chosen: Vec<R>,
    state: Vec<R>,
    first: Vec<R>,
    hidden: Vec<R>,
    second: Vec<R>,
    tape: Tape<R>,
}

impl<R: Real> Mix<R> {
    fn plain(values: Vec<R>, rows: usize) -> Mix<R> {
        let none = Vec::new;
        Mix {
            values,
            rows,
            chosen: none(),
            state: none(),
            first: none(),
            hidden: none(),
            second: none(),
            tape: Tape::new(),
        }
    }
}

impl<R: Real> Mixer<R> {
    /// QMIX for rows of `columns` values and a state of `state` features.
    pub fn monotonic(columns: usize, state: usize, random: &mut Xoshiro256PlusPlus) -> Mixer<R> {
        Mixer::Monotonic(Box::new(Monotonic {
            columns,
            first: Layer::new(state, columns * WIDTH, random),
            bias: Layer::new(state, WIDTH, random),
            second: Layer::new(state, WIDTH, random),
            value: Mlp::new(&[state, WIDTH, 1], random),
        }))
    }

    /// Whether it gives one value for the team.
    pub fn is_team(&self) -> bool {
        !matches!(self, Mixer::None)
    }

    /// Mixes `rows` rows of values.
    pub fn forward(&self, chosen: &[R], state: &[R], rows: usize) -> Mix<R> {
        match self {
            Mixer::None => Mix::plain(chosen.to_vec(), rows),
            Mixer::Sum => {
                let columns = chosen.len() / rows.max(1);
                let sum = |row: &[R]| row.iter().fold(R::zero(), |sum, value| sum + *value);
                let mut mix = Mix::plain(chosen.chunks_exact(columns.max(1)).map(sum).collect(), rows);
                mix.chosen = chosen.to_vec();
                mix
            }
            Mixer::Monotonic(mixer) => mixer.forward(chosen, state, rows),
        }
    }

    /// The derivative by the chosen values, from that by the mixed ones; adds the gradient of its own weights.
    pub fn backward(&mut self, mix: &mut Mix<R>, slopes: &[R]) -> Vec<R> {
        match self {
            Mixer::None => slopes.to_vec(),
            Mixer::Sum => {
                let columns = mix.chosen.len() / mix.rows.max(1);
                slopes.iter().flat_map(|slope| std::iter::repeat_n(*slope, columns)).collect()
            }
            Mixer::Monotonic(mixer) => mixer.backward(mix, slopes),
        }
    }

    /// Its layers by name.
    pub fn layers(&self) -> Vec<(String, &Layer<R>)> {
        let Mixer::Monotonic(mixer) = self else { return Vec::new() };
        let own = [("first", &mixer.first), ("bias", &mixer.bias), ("second", &mixer.second)];
        let own = own.into_iter().map(|(name, layer)| (format!("mixer.{name}"), layer));
        let value = mixer.value.layers().into_iter();
        own.chain(value.map(|(name, layer)| (format!("mixer.value.{name}"), layer))).collect()
    }

    /// The same, to be changed.
    pub fn layers_mut(&mut self) -> Vec<&mut Layer<R>> {
        let Mixer::Monotonic(mixer) = self else { return Vec::new() };
        let Monotonic { first, bias, second, value, .. } = &mut **mixer;
        [first, bias, second].into_iter().chain(value.layers_mut()).collect()
    }
}

/// Exponential linear unit, and its derivative.
fn elu<R: Real>(x: R) -> (R, R) {
    if x > R::zero() { (x, R::one()) } else { (x.exp() - R::one(), x.exp()) }
}

impl<R: Real> Monotonic<R> {
    fn forward(&self, chosen: &[R], state: &[R], rows: usize) -> Mix<R> {
        let mut mix = Mix::plain(Vec::with_capacity(rows), rows);
        mix.chosen = chosen.to_vec();
        mix.state = state.to_vec();
        self.first.forward(state, &mut mix.first);
        self.bias.forward(state, &mut mix.hidden);
        self.second.forward(state, &mut mix.second);
        self.value.forward(state, &mut mix.tape);
        for row in 0..rows {
            let hidden = &mut mix.hidden[row * WIDTH..][..WIDTH];
            for (column, value) in chosen[row * self.columns..][..self.columns].iter().enumerate() {
                let weights = &mix.first[(row * self.columns + column) * WIDTH..][..WIDTH];
                hidden.iter_mut().zip(weights).for_each(|(h, w)| *h += w.abs() * *value);
            }
            let mut sum = mix.tape.output()[row];
            for (hidden, weight) in hidden.iter().zip(&mix.second[row * WIDTH..]) {
                sum += elu(*hidden).0 * weight.abs();
            }
            mix.values.push(sum);
        }
        mix
    }

    fn backward(&mut self, mix: &mut Mix<R>, slopes: &[R]) -> Vec<R> {
        let sign = |value: R| if value < R::zero() { real::<R>(-1.0) } else { R::one() };
        let mut of_chosen = vec![R::zero(); mix.chosen.len()];
        let mut of_first = vec![R::zero(); mix.first.len()];
        let mut of_hidden = vec![R::zero(); mix.hidden.len()];
        let mut of_second = vec![R::zero(); mix.second.len()];
        for (row, slope) in slopes.iter().enumerate() {
            for lane in 0..WIDTH {
                let place = row * WIDTH + lane;
                let (height, steepness) = elu(mix.hidden[place]);
                let weight = mix.second[place];
                of_second[place] = *slope * height * sign(weight);
                of_hidden[place] = *slope * weight.abs() * steepness;
                for column in 0..self.columns {
                    let (value, place) =
                        (row * self.columns + column, (row * self.columns + column) * WIDTH + lane);
                    let weight = mix.first[place];
                    of_chosen[value] += of_hidden[row * WIDTH + lane] * weight.abs();
                    of_first[place] = of_hidden[row * WIDTH + lane] * mix.chosen[value] * sign(weight);
                }
            }
        }
        self.first.backward(&mix.state, &of_first, None);
        self.bias.backward(&mix.state, &of_hidden, None);
        self.second.backward(&mix.state, &of_second, None);
        self.value.backward(&mut mix.tape, slopes, false);
        of_chosen
    }
}

#[cfg(test)]
mod tests {
    use rand_xoshiro::rand_core::SeedableRng;

    use super::*;
    use crate::learn::nn::check::normal;

    #[test]
    fn the_mixed_value_grows_with_each_value() {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
        let mixer = Mixer::<f64>::monotonic(3, 4, &mut random);
        for _ in 0..200 {
            let (state, mut chosen) = (normal(4, &mut random), normal(3, &mut random));
            let before = mixer.forward(&chosen, &state, 1).values[0];
            for column in 0..3 {
                chosen[column] += 0.5;
                assert!(mixer.forward(&chosen, &state, 1).values[0] >= before);
                chosen[column] -= 0.5;
            }
        }
    }
}
