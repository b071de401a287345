//! Chances from scores: what policies and soft messages are made of.

use rand_distr::{Distribution, StandardUniform};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::real::{Real, real};

/// Chances proportional to exp(score) of those that are allowed, 0 of the others; all alike when none is.
pub fn chances<R: Real>(scores: &[R], allowed: impl Fn(usize) -> bool, out: &mut Vec<R>) {
    let mut top = R::neg_infinity();
    for index in (0..scores.len()).filter(|index| allowed(*index)) {
        top = top.max(scores[index]);
    }
    out.clear();
    let weight = |(index, score): (usize, &R)| if allowed(index) { (*score - top).exp() } else { R::zero() };
    out.extend(scores.iter().enumerate().map(weight));
    let mut sum = R::zero();
    out.iter().for_each(|weight| sum += *weight);
    if sum > R::zero() {
        out.iter_mut().for_each(|weight| *weight = *weight / sum);
    } else {
        out.fill(real((scores.len().max(1) as f64).recip()));
    }
}

/// Entropy of chances, nat.
pub fn entropy<R: Real>(chances: &[R]) -> R {
    let mut sum = R::zero();
    chances.iter().filter(|chance| **chance > R::zero()).for_each(|chance| sum -= *chance * chance.ln());
    sum
}

/// An index drawn by its chance.
pub fn draw<R: Real>(chances: &[R], random: &mut Xoshiro256PlusPlus) -> usize {
    let drawn: f64 = StandardUniform.sample(random);
    let mut rest = real::<R>(drawn);
    for (index, chance) in chances.iter().enumerate() {
        if rest < *chance {
            return index;
        }
        rest -= *chance;
    }
    chances.iter().rposition(|chance| *chance > R::zero()).unwrap_or(0)
}

/// log(sum of exp(score)).
pub fn log_sum_exp<R: Real>(scores: &[R]) -> R {
    let top = scores.iter().fold(R::neg_infinity(), |top, score| top.max(*score));
    let mut sum = R::zero();
    scores.iter().for_each(|score| sum += (*score - top).exp());
    top + sum.ln()
}

#[cfg(test)]
mod tests {
    use rand_xoshiro::rand_core::SeedableRng;

    use super::*;

    #[test]
    fn chances_are_those_of_the_formula_and_masks_are_never_drawn() {
        let mut of: Vec<f64> = Vec::new();
        chances(&[0.0f64, 2f64.ln(), 1_000.0], |index| index != 2, &mut of);
        assert!((of[0] - 1.0 / 3.0).abs() < 1e-12 && (of[1] - 2.0 / 3.0).abs() < 1e-12 && of[2] == 0.0);
        assert!((entropy(&of) - (3f64.ln() - 2.0 / 3.0 * 2f64.ln())).abs() < 1e-12);
        assert!((log_sum_exp(&[1_000.0f64, 1_000.0]) - 1_000.0 - 2f64.ln()).abs() < 1e-9);
        let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
        let mut counts = [0.0f64; 3];
        (0..30_000).for_each(|_| counts[draw(&of, &mut random)] += 1.0 / 30_000.0);
        assert!((counts[0] - 1.0 / 3.0).abs() < 0.02 && counts[2] == 0.0, "{counts:?}");
    }
}
