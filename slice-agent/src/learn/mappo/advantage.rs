//! Generalised advantage estimation.

/// How much better than expected steps were, and what followed them.
#[derive(Debug, Clone, PartialEq)]
pub struct Advantages {
    /// Advantage of each step.
    pub advantages: Vec<f32>,
    /// What the critic should have said.
    pub returns: Vec<f32>,
}

/// Of steps of whole episodes, one after another.
pub fn estimate(rewards: &[f32], values: &[f32], last: &[bool], gamma: f64, lambda: f64) -> Advantages {
    let (mut advantage, mut next) = (0.0f64, 0.0f64);
    let mut advantages = vec![0.0; rewards.len()];
    for step in (0..rewards.len()).rev() {
        if last[step] {
            (advantage, next) = (0.0, 0.0);
        }
        let error = f64::from(rewards[step]) + gamma * next - f64::from(values[step]);
        advantage = error + gamma * lambda * advantage;
        next = f64::from(values[step]);
        advantages[step] = narrow(advantage);
    }
    let returns = advantages.iter().zip(values).map(|(advantage, value)| advantage + value).collect();
    Advantages { advantages, returns }
}

/// With mean 0 and deviation 1.
pub(super) fn normalised(values: &[f32]) -> Vec<f32> {
    let count = values.len().max(1) as f64;
    let mean = values.iter().copied().map(f64::from).sum::<f64>() / count;
    let variance = values.iter().map(|value| (f64::from(*value) - mean).powi(2)).sum::<f64>() / count;
    values.iter().map(|value| narrow((f64::from(*value) - mean) / (variance.sqrt() + 1e-8))).collect()
}

#[allow(clippy::cast_possible_truncation, reason = "networks compute in single precision")]
fn narrow(value: f64) -> f32 {
    value as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two episodes; the second must not see the first. gamma 0.5, lambda 0.5.
    #[test]
    fn a_table_by_hand_holds() {
        let of = estimate(&[1.0, 2.0, 4.0], &[0.5, 1.0, 1.0], &[false, true, true], 0.5, 0.5);
        assert_eq!(of.advantages, [1.0 + 0.5 - 0.5 + 0.25, 1.0, 3.0]);
        assert_eq!(of.returns, [1.75, 2.0, 4.0]);
    }

    #[test]
    fn lambda_one_gives_what_followed() {
        let of = estimate(&[0.0, 0.0, 8.0], &[0.3, -0.2, 0.9], &[false, false, true], 0.5, 1.0);
        assert!(of.returns.iter().zip([2.0, 4.0, 8.0]).all(|(a, b)| (a - b).abs() < 1e-6), "{of:?}");
    }

    #[test]
    fn normalised_values_have_mean_zero_and_deviation_one() {
        assert_eq!(normalised(&[1.0, 3.0]), [-1.0, 1.0]);
        assert_eq!(normalised(&[2.0, 2.0]), [0.0, 0.0]);
    }
}
