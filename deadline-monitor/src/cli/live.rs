//! The full-screen view: each thread's use, budget and response, and the chosen one over time.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Sender;
use std::thread;
use std::time::Duration;

use deadline_monitor::monitor::Outcome;
use deadline_monitor::sched::Tid;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style, Stylize};
use ratatui::text::Line;
use ratatui::widgets::{Block, Cell, Paragraph, Row as TableRow, Sparkline, Table, TableState};
use ratatui::{DefaultTerminal, Frame};
use signal_hook::consts::SIGINT;

use super::Result;
use super::rounds::{Row, Sink};

/// Samples of the chosen row that are shown over time.
const HISTORY: usize = 240;
/// Width of the bars that compare use and budget.
const BAR: usize = 20;

/// The view on the terminal.
#[derive(Debug)]
pub(crate) struct Live {
    terminal: DefaultTerminal,
    view: View,
    chosen: Arc<AtomicUsize>,
}

impl Live {
    /// Takes the terminal. `q`, Escape and Ctrl-C become a SIGINT in `signals`.
    pub(crate) fn open(title: String, period: Duration, signals: Sender<i32>) -> Live {
        let chosen = Arc::new(AtomicUsize::new(0));
        let keys = chosen.clone();
        let terminal = ratatui::init();
        thread::spawn(move || {
            while let Ok(event) = event::read() {
                let asks_to_stop = matches!(event, Event::Key(key) if pressed(key, &keys));
                if asks_to_stop && signals.send(SIGINT).is_err() {
                    return;
                }
            }
        });
        Live { terminal, view: View::new(title, period), chosen }
    }
}

/// Whether a key asks to stop; arrows move the choice.
fn pressed(key: KeyEvent, chosen: &AtomicUsize) -> bool {
    let by = |step: isize| {
        let moved = chosen.load(Ordering::Relaxed).saturating_add_signed(step);
        chosen.store(moved, Ordering::Relaxed);
        false
    };
    match (key.code, key.modifiers) {
        (KeyCode::Char('q') | KeyCode::Esc, _) => true,
        (KeyCode::Char('c'), KeyModifiers::CONTROL) => true,
        (KeyCode::Down | KeyCode::Char('j'), _) => by(1),
        (KeyCode::Up | KeyCode::Char('k'), _) => by(-1),
        _ => false,
    }
}

impl Sink for Live {
    fn round(&mut self, rows: &[Row]) -> Result<()> {
        let last = rows.len().saturating_sub(1);
        if self.chosen.load(Ordering::Relaxed) > last {
            self.chosen.store(last, Ordering::Relaxed);
        }
        self.view.update(rows, self.chosen.load(Ordering::Relaxed));
        self.terminal.draw(|frame| self.view.draw(frame))?;
        Ok(())
    }

    fn refused(&mut self, text: &str) {
        self.view.refused = text.to_owned();
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

/// What is on the screen.
#[derive(Debug)]
struct View {
    title: String,
    period: Duration,
    rows: Vec<Row>,
    chosen: usize,
    /// The last refusal.
    refused: String,
    history: BTreeMap<(String, Option<Tid>), VecDeque<u64>>,
}

impl View {
    fn new(title: String, period: Duration) -> View {
        View { title, period, rows: Vec::new(), chosen: 0, refused: String::new(), history: BTreeMap::new() }
    }

    fn update(&mut self, rows: &[Row], chosen: usize) {
        self.rows = rows.to_vec();
        self.chosen = chosen;
        let key = |row: &Row| (row.target.clone(), row.tid);
        let alive: std::collections::BTreeSet<_> = rows.iter().map(key).collect();
        self.history.retain(|key, _| alive.contains(key));
        for row in rows {
            let history = self.history.entry(key(row)).or_default();
            history.push_back(u64::try_from(row.executed.as_micros()).unwrap_or(u64::MAX));
            if history.len() > HISTORY {
                history.pop_front();
            }
        }
    }

    fn draw(&self, frame: &mut Frame<'_>) {
        let areas = Layout::vertical([
            Constraint::Length(2),
            Constraint::Min(4),
            Constraint::Length(6),
            Constraint::Length(2),
        ]);
        let [head, table, below, foot] = areas.areas(frame.area());
        let sum = |of: fn(&Row) -> Duration| self.rows.iter().map(of).sum::<Duration>();
        let (used, budget) = (sum(|row| row.executed), sum(|row| row.budget));
        let share = |time: Duration| time.as_secs_f64() / self.period.as_secs_f64() * 100.0;
        let totals = format!(
            "{} rows, period {:?}: used {:.1} % of a CPU, budgets {:.1} %",
            self.rows.len(),
            self.period,
            share(used),
            share(budget)
        );
        frame.render_widget(
            Paragraph::new(vec![Line::from(self.title.clone()).bold(), Line::from(totals)]),
            head,
        );
        self.table(frame, table);
        self.over_time(frame, below);
        let refused = Line::from(self.refused.clone()).style(Style::new().fg(Color::Red));
        frame.render_widget(Paragraph::new(vec![refused, Line::from("q quit   up/down choose").dim()]), foot);
    }

    fn table(&self, frame: &mut Frame<'_>, area: Rect) {
        let widths = [
            Constraint::Fill(2),
            Constraint::Length(9),
            Constraint::Length(11),
            Constraint::Length(11),
            Constraint::Length(u16::try_from(BAR).unwrap_or(u16::MAX)),
            Constraint::Length(11),
            Constraint::Length(10),
        ];
        let head =
            TableRow::new(["target", "thread", "used", "budget", "used of budget", "response", "state"]);
        let rows = self.rows.iter().map(|row| self.row(row));
        let table = Table::new(rows, widths)
            .header(head.style(Modifier::BOLD))
            .row_highlight_style(Modifier::REVERSED);
        let mut state = TableState::new().with_selected(Some(self.chosen));
        frame.render_stateful_widget(table, area, &mut state);
    }

    fn row(&self, row: &Row) -> TableRow<'static> {
        let thread = row.tid.map_or_else(|| "group".to_owned(), |tid| tid.to_string());
        let part = row.executed.as_secs_f64() / row.budget.as_secs_f64().max(1e-9);
        let waited = row.sample.per_period(self.period).throttled;
        let response = waited.map(|waited| ms(row.executed + waited));
        let state = if row.saturated { "saturated" } else { row.outcome.name() };
        let colour = if row.saturated {
            Color::Red
        } else if matches!(row.outcome, Outcome::Refused | Outcome::Compressed | Outcome::Halved) {
            Color::Yellow
        } else {
            Color::Green
        };
        let texts = [row.target.clone(), thread, ms(row.executed), ms(row.budget)].map(Cell::from);
        let bar = Cell::from(bar(part)).style(Style::new().fg(colour));
        let rest = [Cell::from(response.unwrap_or_else(|| "not known".to_owned())), Cell::from(state)];
        TableRow::new(texts.into_iter().chain([bar]).chain(rest))
    }

    fn over_time(&self, frame: &mut Frame<'_>, area: Rect) {
        let Some(row) = self.rows.get(self.chosen) else { return };
        let history = self.history.get(&(row.target.clone(), row.tid));
        let visible = usize::from(area.width.saturating_sub(2));
        let samples: Vec<u64> = history.into_iter().flatten().copied().collect();
        let samples = samples.get(samples.len().saturating_sub(visible)..).unwrap_or_default();
        let who = row.tid.map_or_else(|| row.target.clone(), |tid| format!("thread {tid}"));
        let block = Block::bordered()
            .title(format!("{who}: use in each period, newest right; top = budget {}", ms(row.budget)));
        let top = u64::try_from(row.budget.as_micros()).unwrap_or(u64::MAX).max(1);
        frame.render_widget(Sparkline::default().block(block).data(samples).max(top), area);
    }
}

fn bar(part: f64) -> String {
    // A use far beyond the budget fills the bar; NaN, of nothing by nothing, leaves it empty.
    let eighths = (part * 10.0).clamp(0.0, 10.0).round();
    let full = (0..10).take_while(|step| f64::from(*step) < eighths).count();
    format!("{}{} {:>4.0} %", "#".repeat(full), ".".repeat(10 - full), part * 100.0)
}

fn ms(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use deadline_monitor::budget::Sample;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    const PERIOD: Duration = Duration::from_millis(100);

    fn row(tid: u32, used: u64, budget: u64, saturated: bool) -> Row {
        let (executed, waited) = (Duration::from_millis(used), Duration::from_millis(3));
        Row {
            at: PERIOD,
            target: "process 7".to_owned(),
            tid: Some(Tid(tid)),
            sample: Sample { executed, throttled: Some(waited), interval: PERIOD },
            executed,
            budget: Duration::from_millis(budget),
            saturated,
            outcome: Outcome::Kept,
        }
    }

    fn screen(view: &View) -> String {
        let mut terminal = Terminal::new(TestBackend::new(110, 20)).unwrap();
        terminal.draw(|frame| view.draw(frame)).unwrap();
        terminal.backend().to_string()
    }

    #[test]
    fn budget_use_saturation_and_response_are_on_the_screen() {
        let mut view = View::new("process 7 | policy saturation".to_owned(), PERIOD);
        view.refused = "Thread 9: No bandwidth left".to_owned();
        view.update(&[row(7, 10, 20, false), row(8, 30, 30, true)], 1);
        let screen = screen(&view);
        for text in [
            "process 7 | policy saturation",
            "2 rows, period 100ms: used 40.0 % of a CPU, budgets 50.0 %",
            "10.00 ms",
            "#####.....   50 %",
            "13.00 ms",
            "saturated",
            "thread 8: use in each period",
            "Thread 9: No bandwidth left",
        ] {
            assert!(screen.contains(text), "{text} is not in\n{screen}");
        }
    }

    #[test]
    fn threads_that_end_leave_the_screen_and_its_history() {
        let mut view = View::new(String::new(), PERIOD);
        view.update(&[row(7, 1, 2, false), row(8, 1, 2, false)], 1);
        view.update(&[row(7, 1, 2, false)], 0);
        assert!(!screen(&view).contains(" 8 ") && view.history.len() == 1);
        for _ in 0..300 {
            view.update(&[row(7, 1, 2, false)], 0);
        }
        assert_eq!(view.history.values().next().unwrap().len(), HISTORY);
    }

    #[test]
    fn keys_stop_and_choose() {
        let chosen = AtomicUsize::new(0);
        let press = |code, modifiers| pressed(KeyEvent::new(code, modifiers), &chosen);
        assert!(
            press(KeyCode::Char('q'), KeyModifiers::NONE) && press(KeyCode::Char('c'), KeyModifiers::CONTROL)
        );
        assert!(!press(KeyCode::Down, KeyModifiers::NONE) && !press(KeyCode::Char('c'), KeyModifiers::NONE));
        assert_eq!(chosen.load(Ordering::Relaxed), 1);
        assert!(!press(KeyCode::Up, KeyModifiers::NONE) && !press(KeyCode::Up, KeyModifiers::NONE));
        assert_eq!(chosen.load(Ordering::Relaxed), 0);
    }
}
