//! Poisson counts from 32 random bits: Walker's alias table, one look-up a sample.

use std::sync::Arc;

/// The largest mean that a table is made for.
pub(super) const LARGEST_MEAN: f64 = 1e6;

/// Where the alias of a column lies, and how much of the column is its own.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Column {
    own: u32,
    alias: u32,
}

/// The counts of one mean. Each has its probability to 2^-20 or better, counts less likely than 2^-40 of the most
/// likely one do not come.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PoissonTable {
    lowest: u32,
    /// Bits of a draw that choose the column; at least 1.
    bits: u32,
    columns: Arc<[Column]>,
}

impl PoissonTable {
    /// A table for `mean`, from 0 to [`LARGEST_MEAN`].
    pub(super) fn new(mean: f64) -> PoissonTable {
        let (lowest, weights) = weights(mean);
        let bits = weights.len().next_power_of_two().trailing_zeros().max(1);
        PoissonTable { lowest, bits, columns: aliases(weights, 1 << bits).into() }
    }

    /// The count for these random bits.
    #[inline(always)]
    pub(crate) fn sample(&self, random: u32) -> u32 {
        let index = random >> (32 - self.bits);
        let column = self.columns[index as usize];
        let own = (random << self.bits) < column.own;
        self.lowest + if own { index } else { column.alias }
    }
}

/// The lowest count, and relative weights from it on.
fn weights(mean: f64) -> (u32, Vec<f64>) {
    const LEAST: f64 = 1.0 / (1u64 << 40) as f64;
    let middle = mean.floor();
    let (mut below, mut above) = (Vec::new(), Vec::new());
    let (mut weight, mut count) = (1.0, middle);
    while count >= 0.0 && weight > LEAST {
        below.push(weight);
        weight *= count / mean.max(f64::MIN_POSITIVE);
        count -= 1.0;
    }
    let lowest = count + 1.0;
    (weight, count) = (1.0, middle + 1.0);
    while weight * mean / count > LEAST {
        weight *= mean / count;
        above.push(weight);
        count += 1.0;
    }
    below.reverse();
    below.extend(above);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to LARGEST_MEAN")]
    (lowest as u32, below)
}

/// Walker's and Vose's table of `size` columns.
fn aliases(mut weights: Vec<f64>, size: usize) -> Vec<Column> {
    let sum: f64 = weights.iter().sum();
    weights.resize(size, 0.0);
    weights.iter_mut().for_each(|weight| *weight *= size as f64 / sum);
    let whole = |index| Column { own: u32::MAX, alias: u32::try_from(index).unwrap_or(u32::MAX) };
    let mut columns: Vec<_> = (0..size).map(whole).collect();
    let (mut small, mut large): (Vec<_>, Vec<_>) = (0..size).partition(|index| weights[*index] < 1.0);
    while let (Some(low), Some(&high)) = (small.pop(), large.last()) {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 2^32")]
        let own = (weights[low] * 4_294_967_296.0) as u32;
        columns[low] = Column { own, alias: columns[high].alias };
        weights[high] -= 1.0 - weights[low];
        if weights[high] < 1.0 {
            large.pop();
            small.push(high);
        }
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sums over evenly spread draws: the table's own law, without chance.
    fn law(mean: f64) -> Vec<f64> {
        let table = PoissonTable::new(mean);
        let mut law = vec![0.0; 400];
        let step = 1 << 11;
        for random in (1 << 10..=u32::MAX).step_by(step) {
            law[table.sample(random) as usize] += step as f64 / 4_294_967_296.0;
        }
        law
    }

    #[test]
    fn counts_have_the_probabilities_of_poisson() {
        for mean in [0.0, 0.01, 1.3, 7.5, 37.6, 150.0] {
            let law = law(mean);
            let mut probability = f64::exp(-mean);
            for (count, part) in law.iter().enumerate() {
                assert!((part - probability).abs() < 2e-4, "{mean}: {count} has {part}, not {probability}");
                probability *= mean / (count + 1) as f64;
            }
        }
    }

    #[test]
    fn large_means_have_their_mean_and_variance() {
        let table = PoissonTable::new(LARGEST_MEAN);
        let (mut sum, mut squares, mut count) = (0.0, 0.0, 0.0);
        for random in (1 << 9..=u32::MAX).step_by(1 << 10) {
            let away = f64::from(table.sample(random)) - LARGEST_MEAN;
            (sum, squares, count) = (sum + away, squares + away * away, count + 1.0);
        }
        assert!((sum / count).abs() < 5.0, "{}", sum / count);
        assert!((squares / count / LARGEST_MEAN - 1.0).abs() < 0.02, "{}", squares / count);
    }
}
