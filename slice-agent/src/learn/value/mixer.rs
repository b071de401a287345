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

/// What a mix leaves for the way back, and the memory of both ways.
#[derive(Debug, Clone)]
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
    of_first: Vec<R>,
    of_hidden: Vec<R>,
    of_second: Vec<R>,
}

impl<R: Real> Default for Mix<R> {
    fn default() -> Mix<R> {
        let none = Vec::new;
        Mix {
            values: none(),
            rows: 0,
            chosen: none(),
            state: none(),
            first: none(),
            hidden: none(),
            second: none(),
            tape: Tape::new(),
            of_first: none(),
            of_hidden: none(),
            of_second: none(),
        }
    }
}

impl<R: Real> Mix<R> {
    /// Remembers what is mixed.
    fn begin(&mut self, chosen: &[R], rows: usize) {
        self.rows = rows;
        self.values.clear();
        replace(&mut self.chosen, chosen);
    }
}

/// Makes `to` a copy of `from`.
fn replace<R: Copy>(to: &mut Vec<R>, from: &[R]) {
    to.clear();
    to.extend_from_slice(from);
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

    /// Takes over the weights of a mixer of the same kind.
    pub fn copy_weights(&mut self, from: &Mixer<R>) {
        if let (Mixer::Monotonic(own), Mixer::Monotonic(from)) = (self, from) {
            own.first.copy_weights(&from.first);
            own.bias.copy_weights(&from.bias);
            own.second.copy_weights(&from.second);
            own.value.copy_weights(&from.value);
        }
    }

    /// Mixes `rows` rows of values.
    pub fn forward(&self, chosen: &[R], state: &[R], rows: usize, mix: &mut Mix<R>) {
        mix.begin(chosen, rows);
        match self {
            Mixer::None => mix.values.extend_from_slice(chosen),
            Mixer::Sum => {
                let columns = chosen.len() / rows.max(1);
                let sum = |row: &[R]| row.iter().fold(R::zero(), |sum, value| sum + *value);
                mix.values.extend(chosen.chunks_exact(columns.max(1)).map(sum));
            }
            Mixer::Monotonic(mixer) => mixer.forward(chosen, state, rows, mix),
        }
    }

    /// Writes the derivative by the chosen values into `of_chosen`, from that by the mixed ones; adds the gradient of its
    /// own weights.
    pub fn backward(&mut self, mix: &mut Mix<R>, slopes: &[R], of_chosen: &mut Vec<R>) {
        of_chosen.clear();
        match self {
            Mixer::None => of_chosen.extend_from_slice(slopes),
            Mixer::Sum => {
                let columns = mix.chosen.len() / mix.rows.max(1);
                slopes.iter().for_each(|slope| of_chosen.extend(std::iter::repeat_n(*slope, columns)));
            }
            Mixer::Monotonic(mixer) => mixer.backward(mix, slopes, of_chosen),
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

    /// Calls `visit` with each of them, to be changed.
    pub fn each_mut(&mut self, visit: &mut dyn FnMut(&mut Layer<R>)) {
        let Mixer::Monotonic(mixer) = self else { return };
        let Monotonic { first, bias, second, value, .. } = &mut **mixer;
        [first, bias, second].into_iter().for_each(&mut *visit);
        value.each_mut(visit);
    }
}

/// Exponential linear unit, and its derivative.
fn elu<R: Real>(x: R) -> (R, R) {
    if x > R::zero() { (x, R::one()) } else { (x.exp() - R::one(), x.exp()) }
}

impl<R: Real> Monotonic<R> {
    fn forward(&self, chosen: &[R], state: &[R], rows: usize, mix: &mut Mix<R>) {
        replace(&mut mix.state, state);
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
    }

    fn backward(&mut self, mix: &mut Mix<R>, slopes: &[R], of_chosen: &mut Vec<R>) {
        let sign = |value: R| if value < R::zero() { real::<R>(-1.0) } else { R::one() };
        let Mix { of_first, of_hidden, of_second, .. } = mix;
        of_chosen.resize(mix.chosen.len(), R::zero());
        // Every element of these is written below.
        of_first.resize(mix.first.len(), R::zero());
        of_hidden.resize(mix.hidden.len(), R::zero());
        of_second.resize(mix.second.len(), R::zero());
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
        self.first.backward(&mix.state, of_first, None);
        self.bias.backward(&mix.state, of_hidden, None);
        self.second.backward(&mix.state, of_second, None);
        self.value.backward(&mut mix.tape, slopes, false);
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
        let mut mix = Mix::default();
        let mut mixed = |chosen: &[f64], state: &[f64]| {
            mixer.forward(chosen, state, 1, &mut mix);
            mix.values[0]
        };
        for _ in 0..200 {
            let (state, mut chosen) = (normal(4, &mut random), normal(3, &mut random));
            let before = mixed(&chosen, &state);
            for column in 0..3 {
                chosen[column] += 0.5;
                assert!(mixed(&chosen, &state) >= before);
                chosen[column] -= 0.5;
            }
        }
    }
}
