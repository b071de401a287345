//! What a demonstration shows: each step as it happens, and at the end a table of step, state and time.

use std::process::Command;
use std::time::{Duration, Instant};

use anstream::println;
use anstyle::{AnsiColor, Style};
use anyhow::{Context, Result};
use comfy_table::{Cell, CellAlignment, Color, Table, presets};

use crate::process;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// The steps of one demonstration.
#[derive(Debug, Default)]
pub struct Transcript {
    steps: Vec<Step>,
}

#[derive(Debug)]
struct Step {
    name: String,
    state: String,
    time: Duration,
}

impl Transcript {
    /// Begins with a headline.
    pub fn new(title: &str) -> Transcript {
        println!("{BOLD}{title}{BOLD:#}\n");
        Transcript::default()
    }

    /// A part of the demonstration.
    pub fn chapter(&mut self, title: &str) {
        println!("\n{BOLD}{title}{BOLD:#}");
    }

    /// A line that explains.
    pub fn note(&mut self, text: &str) {
        text.lines().for_each(|line| println!("  {DIM}{line}{DIM:#}"));
    }

    /// A command line, as a person would type it.
    pub fn command(&mut self, line: &str) {
        println!("  {BOLD}$ {line}{BOLD:#}");
    }

    /// What a program printed.
    pub fn output(&mut self, text: &str) {
        text.trim_end().lines().for_each(|line| println!("    {line}"));
    }

    /// Does one step and takes its time; then `state` asks for the state that it led to.
    ///
    /// # Errors
    /// What `act` or `state` says, with the step's name.
    pub fn step(
        &mut self,
        name: &str,
        act: impl FnOnce(&mut Transcript) -> Result<()>,
        state: impl FnOnce() -> Result<String>,
    ) -> Result<()> {
        let begin = Instant::now();
        act(self).with_context(|| format!("Step \"{name}\""))?;
        let time = begin.elapsed();
        let state = state().with_context(|| format!("State after step \"{name}\""))?;
        self.done(name, &state, time);
        Ok(())
    }

    /// A step that was done elsewhere, the state that it led to and its time.
    pub fn done(&mut self, name: &str, state: &str, time: Duration) {
        let style = Style::new().fg_color(Some(colours(state).0.into())).bold();
        println!("    {style}{state}{style:#} {DIM}{}{DIM:#}", duration(time));
        self.steps.push(Step { name: name.to_owned(), state: state.to_owned(), time });
    }

    /// Does one step that leads to no state.
    ///
    /// # Errors
    /// As [`Transcript::step`].
    pub fn stateless_step(
        &mut self,
        name: &str,
        act: impl FnOnce(&mut Transcript) -> Result<()>,
    ) -> Result<()> {
        self.step(name, act, || Ok("done".to_owned()))
    }

    /// Runs a program, shown as `line`, and shows what it prints.
    ///
    /// # Errors
    /// The program fails.
    pub fn run(&mut self, line: &str, command: &mut Command) -> Result<String> {
        self.command(line);
        let text = process::read(command)?;
        self.output(&text);
        Ok(text)
    }

    /// Ends with the table of all steps.
    pub fn finish(self) {
        let mut table = Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED).set_header(["step", "state", "time"]);
        for step in &self.steps {
            let state = Cell::new(&step.state).fg(colours(&step.state).1);
            let time = Cell::new(duration(step.time)).set_alignment(CellAlignment::Right);
            table.add_row([Cell::new(&step.name), state, time]);
        }
        let total: Duration = self.steps.iter().map(|step| step.time).sum();
        println!("\n{table}");
        println!("{DIM}{} steps, {}{DIM:#}", self.steps.len(), duration(total));
    }
}

/// The colour of a state, in the words of either crate.
fn colours(state: &str) -> (AnsiColor, Color) {
    match state {
        "DEPLOYED" => (AnsiColor::Green, Color::DarkGreen),
        "SUSPENDED" => (AnsiColor::Yellow, Color::DarkYellow),
        "READY" => (AnsiColor::Cyan, Color::DarkCyan),
        _ => (AnsiColor::White, Color::Reset),
    }
}

/// Three significant figures at most: `850 µs`, `12.3 ms`, `4.56 s`.
fn duration(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds < 0.001 {
        format!("{:.0} µs", seconds * 1e6)
    } else if seconds < 1.0 {
        format!("{:.1} ms", seconds * 1e3)
    } else {
        format!("{seconds:.2} s")
    }
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;

    #[test]
    fn a_failed_step_is_named_and_does_not_enter_the_table() {
        let mut transcript = Transcript::new("test");
        transcript.step("first", |_| Ok(()), || Ok("READY".to_owned())).unwrap();
        let error = transcript.stateless_step("second", |_| bail!("no")).unwrap_err();
        assert_eq!(format!("{error:#}"), "Step \"second\": no");
        assert_eq!(transcript.steps.len(), 1);
    }

    #[test]
    fn times_are_short() {
        assert_eq!(duration(Duration::from_micros(850)), "850 µs");
        assert_eq!(duration(Duration::from_micros(12_345)), "12.3 ms");
        assert_eq!(duration(Duration::from_millis(4_561)), "4.56 s");
    }
}
