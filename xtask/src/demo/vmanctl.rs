//! vmanctl as a person would use it, against the demonstration's own vmand.

use std::io::{IsTerminal, Read, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::transcript::Transcript;
use crate::process;

/// How long a console may be silent before something is wrong.
const CONSOLE_LIMIT: Duration = Duration::from_secs(30);

/// The program and the socket it talks to.
#[derive(Debug)]
pub struct Vmanctl {
    /// The program.
    pub program: PathBuf,
    /// The socket of vmand.
    pub socket: PathBuf,
}

/// One step of a partition's life.
#[derive(Debug)]
pub struct Step<'a> {
    /// What the table calls it.
    pub name: &'a str,
    /// The command line.
    pub line: &'a str,
    /// Id or name of the partition.
    pub partition: &'a str,
    /// The state that it must lead to: `READY`, `DEPLOYED`, `SUSPENDED`, `gone`.
    pub expected: &'a str,
}

impl Vmanctl {
    /// Runs one command line and shows it with what it prints.
    ///
    /// # Errors
    /// vmanctl refuses.
    pub fn run(&self, transcript: &mut Transcript, line: &str) -> Result<()> {
        let colour = if std::io::stdout().is_terminal() { "always" } else { "never" };
        let mut command = self.command(&["--color", colour]);
        transcript.run(&format!("vmanctl {line}"), command.args(line.split(' '))).map(drop)
    }

    /// Runs a step that changes `partition`, and asks for its state afterwards.
    ///
    /// # Errors
    /// vmanctl refuses the step or the question, or the state is another than `expected`.
    pub fn step(&self, transcript: &mut Transcript, step: &Step<'_>) -> Result<()> {
        let act = |transcript: &mut Transcript| self.run(transcript, step.line);
        transcript.step(step.name, act, || {
            let state = self.state(step.partition)?;
            if state != step.expected {
                bail!("The partition is {state}, not {}", step.expected);
            }
            Ok(state)
        })
    }

    /// Runs a command line that must be refused, and shows the refusal.
    ///
    /// # Errors
    /// It is not refused.
    pub fn refused(&self, transcript: &mut Transcript, line: &str) -> Result<()> {
        let output = self.command(&["--color", "never"]).args(line.split(' ')).output()?;
        transcript.command(&format!("vmanctl {line}"));
        transcript.output(&String::from_utf8_lossy(&output.stderr));
        match output.status.code() {
            Some(code) if code > 2 => transcript.note(&format!("refused with exit status {code}")),
            _ => bail!("`vmanctl {line}` should be refused, but it ended with {}", output.status),
        }
        Ok(())
    }

    /// Types `line` into the console of `partition` and returns what is printed until `end` appears.
    ///
    /// # Errors
    /// `end` does not appear.
    pub fn type_into_console(&self, partition: &str, line: &str, end: &str) -> Result<String> {
        let mut command = self.command(&["console"]);
        command.arg(partition).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().context("Cannot run vmanctl")?;
        let mut stdin = child.stdin.take().context("vmanctl has no standard input")?;
        let stdout = child.stdout.take().context("vmanctl has no standard output")?;
        writeln!(stdin, "{line}")?;
        let text = read_until(stdout, end);
        // Its end is what is wanted; it has said everything.
        let _ = child.kill();
        let _ = child.wait();
        text.with_context(|| format!("`vmanctl console {partition}`, typed \"{line}\""))
    }

    fn state(&self, partition: &str) -> Result<String> {
        let list = self.json(&["list"])?;
        let partitions =
            list["partitions"].as_array().with_context(|| format!("vmanctl says no list: {list}"))?;
        let id: Option<u64> = partition.parse().ok();
        let is_it =
            |record: &&Value| record["name"] == partition || id.is_some() && record["id"].as_u64() == id;
        let state = partitions.iter().find(is_it).map(|record| record["state"].as_str().unwrap_or_default());
        Ok(state.unwrap_or("gone").to_owned())
    }

    fn json(&self, words: &[&str]) -> Result<Value> {
        let text = process::read(self.command(&["--json"]).args(words))?;
        serde_json::from_str(&text).with_context(|| format!("vmanctl says no JSON: {text}"))
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--socket").arg(&self.socket).args(words);
        command
    }
}

/// Reads on a thread of its own, because a read has no time limit.
fn read_until(mut from: impl Read + Send + 'static, end: &str) -> Result<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            if sender.send(buffer[..length].to_vec()).is_err() {
                break;
            }
        }
    });
    let (begin, mut bytes) = (Instant::now(), Vec::new());
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if text.contains(end) {
            return Ok(text);
        }
        let left = CONSOLE_LIMIT.saturating_sub(begin.elapsed());
        match receiver.recv_timeout(left) {
            Ok(more) => bytes.extend(more),
            Err(_) => bail!("The console did not print \"{end}\", but:\n{text}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn console_text_is_read_until_the_mark_and_its_lack_is_an_error() {
        assert_eq!(read_until("some END more".as_bytes(), "END").unwrap(), "some END more");
        let error = read_until("nothing".as_bytes(), "END").unwrap_err().to_string();
        assert!(error.contains("nothing"), "{error}");
    }
}
