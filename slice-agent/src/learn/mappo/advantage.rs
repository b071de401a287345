//! Generalised advantage estimation.

/// Writes how much better than expected steps of whole episodes, one after another, were, and what the critic should have
/// said of them.
pub fn estimate(
    rewards: &[f32],
    values: &[f32],
    last: &[bool],
    (gamma, lambda): (f64, f64),
    advantages: &mut Vec<f32>,
    returns: &mut Vec<f32>,
) {
    let (mut advantage, mut next) = (0.0f64, 0.0f64);
    advantages.resize(rewards.len(), 0.0);
    for step in (0..rewards.len()).rev() {
        if last[step] {
            (advantage, next) = (0.0, 0.0);
        }
        let error = f64::from(rewards[step]) + gamma * next - f64::from(values[step]);
        advantage = error + gamma * lambda * advantage;
        next = f64::from(values[step]);
        advantages[step] = narrow(advantage);
    }
    returns.clear();
    returns.extend(advantages.iter().zip(values).map(|(advantage, value)| advantage + value));
}

/// Makes their mean 0 and their deviation 1.
pub(super) fn normalise(values: &mut [f32]) {
    let count = values.len().max(1) as f64;
    let mean = values.iter().copied().map(f64::from).sum::<f64>() / count;
    let variance = values.iter().map(|value| (f64::from(*value) - mean).powi(2)).sum::<f64>() / count;
    let deviation = variance.sqrt() + 1e-8;
    values.iter_mut().for_each(|value| *value = narrow((f64::from(*value) - mean) / deviation));
}

#[allow(clippy::cast_possible_truncation, reason = "networks compute in single precision")]
fn narrow(value: f64) -> f32 {
    value as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn estimated(rewards: [f32; 3], values: [f32; 3], last: [bool; 3], lambda: f64) -> (Vec<f32>, Vec<f32>) {
        let (mut advantages, mut returns) = (vec![9.0; 7], vec![9.0; 7]);
        estimate(&rewards, &values, &last, (0.5, lambda), &mut advantages, &mut returns);
        (advantages, returns)
    }

    /// Two episodes; the second must not see the first. gamma 0.5, lambda 0.5.
    #[test]
    fn a_table_by_hand_holds() {
        let (advantages, returns) = estimated([1.0, 2.0, 4.0], [0.5, 1.0, 1.0], [false, true, true], 0.5);
        assert_eq!(advantages, [1.0 + 0.5 - 0.5 + 0.25, 1.0, 3.0]);
        assert_eq!(returns, [1.75, 2.0, 4.0]);
    }

    #[test]
    fn lambda_one_gives_what_followed() {
        let (_, returns) = estimated([0.0, 0.0, 8.0], [0.3, -0.2, 0.9], [false, false, true], 1.0);
        assert!(returns.iter().zip([2.0, 4.0, 8.0]).all(|(a, b)| (a - b).abs() < 1e-6), "{returns:?}");
    }

    #[test]
    fn normalised_values_have_mean_zero_and_deviation_one() {
        for (mut values, expected) in [([1.0, 3.0], [-1.0, 1.0]), ([2.0, 2.0], [0.0, 0.0])] {
            normalise(&mut values);
            assert_eq!(values, expected);
        }
    }
}
