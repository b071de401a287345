//! A bar with the figures of the latest episodes, and on request a small plot for each method.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::Failure;
use super::folder::Line;

/// Episodes that the figures of the bar are means of.
const LATEST: usize = 50;
/// Columns of a plot.
const COLUMNS: usize = 60;
const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The bar.
pub(super) struct Progress {
    bar: ProgressBar,
    plots: Vec<(&'static str, ProgressBar)>,
    state: Mutex<State>,
    /// Episodes that a column of a plot stands for.
    episodes_of_column: u32,
}

#[derive(Default)]
struct State {
    latest: VecDeque<Line>,
    /// Sum and count of conflicts by method and column.
    columns: Vec<Vec<(f64, f64)>>,
}

impl Progress {
    /// A bar for `total` episodes; `plot` adds a plot for each of `methods`.
    pub(super) fn new(total: u64, methods: &[&'static str], plot: bool) -> Result<Progress, Failure> {
        let all = MultiProgress::new();
        let mut plots = Vec::new();
        for method in methods.iter().filter(|_| plot) {
            let line = all.add(ProgressBar::new_spinner());
            line.set_style(ProgressStyle::with_template("{msg}")?);
            plots.push((*method, line));
        }
        let bar = all.add(ProgressBar::new(total));
        bar.set_style(ProgressStyle::with_template(
            "training {bar:25} {pos}/{len} episodes, {eta} left  {msg}",
        )?);
        let episodes = total / methods.len().max(1) as u64;
        let episodes_of_column = u32::try_from(episodes / COLUMNS as u64).unwrap_or(u32::MAX).max(1);
        let state = State { columns: vec![Vec::new(); plots.len()], ..State::default() };
        Ok(Progress { bar, plots, state: Mutex::new(state), episodes_of_column })
    }

    /// An episode was done.
    pub(super) fn add(&self, method: &str, line: &Line) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.latest.len() == LATEST {
            state.latest.pop_front();
        }
        state.latest.push_back(*line);
        self.bar.inc(1);
        if self.bar.is_hidden() {
            return;
        }
        self.bar.set_message(figures(&state.latest));
        if let Some(index) = self.plots.iter().position(|(known, _)| *known == method) {
            self.plot(&mut state.columns[index], index, line);
        }
    }

    fn plot(&self, columns: &mut Vec<(f64, f64)>, index: usize, line: &Line) {
        let column = usize::try_from(line.episode / self.episodes_of_column).unwrap_or(0).min(2 * COLUMNS);
        if columns.len() <= column {
            columns.resize(column + 1, (0.0, 0.0));
        }
        columns[column].0 += f64::from(line.conflicts);
        columns[column].1 += 1.0;
        let (method, plot) = &self.plots[index];
        plot.set_message(format!("{:>10} {}", method, sparkline(columns)));
    }

    /// Nothing more will come.
    pub(super) fn finish(&self) {
        self.plots.iter().for_each(|(_, plot)| plot.finish());
        self.bar.finish_and_clear();
    }
}

/// Means of the latest episodes.
fn figures(latest: &VecDeque<Line>) -> String {
    let mean = |of: fn(&Line) -> f64| latest.iter().map(of).sum::<f64>() / latest.len() as f64;
    let (conflicts, latency) = (mean(|line| f64::from(line.conflicts)), mean(|line| line.latency_ms));
    format!("reward {:.1}, conflicts {conflicts:.1}, latency {latency:.1} ms", mean(|line| line.reward))
}

/// Means as blocks, the greatest with the highest.
fn sparkline(columns: &[(f64, f64)]) -> String {
    let means: Vec<_> = columns.iter().map(|(sum, count)| sum / count.max(1.0)).collect();
    let most = means.iter().copied().fold(0.0, f64::max);
    let block = |mean: &f64| {
        let part = if most > 0.0 { mean / most } else { 0.0 };
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 7")]
        BLOCKS[((part * 7.0).round() as usize).min(7)]
    };
    let last = means.last().copied().unwrap_or(0.0);
    format!("{} {last:.1} conflicts (most {most:.1})", means.iter().map(block).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sparkline_falls_with_the_means() {
        assert_eq!(sparkline(&[(40.0, 2.0), (10.0, 1.0), (0.0, 3.0)]), "█▅▁ 0.0 conflicts (most 20.0)");
        assert_eq!(sparkline(&[(0.0, 1.0)]), "▁ 0.0 conflicts (most 0.0)");
    }
}
