//! Which vManager commands each libvirt command led to, read from vmand's own log.

use comfy_table::{Table, presets};
use serde::Deserialize;

use crate::demo::transcript::Transcript;

/// Commands of libvirt with those of the vManager, in the order in which they were given.
#[derive(Debug, Default)]
pub(super) struct Trace {
    rows: Vec<(String, Vec<String>)>,
    /// Lines of the log that are known already.
    read: usize,
}

/// The part of a line of vmand's log that names a command.
#[derive(Debug, Deserialize)]
struct Line {
    command: Option<String>,
    message: String,
}

impl Trace {
    /// Notes what is new in `log` as the work of `command`.
    pub(super) fn note(&mut self, command: &str, log: &str) {
        let commands = log.lines().skip(self.read).filter_map(name);
        self.rows.push((command.to_owned(), commands.collect()));
        self.read = log.lines().count();
    }

    /// Shows the table of all commands that change something.
    pub(super) fn show(&self, transcript: &mut Transcript) {
        if self.rows.iter().all(|(_, commands)| commands.is_empty()) {
            transcript.note("vmand's log is not on this machine: no table of its commands");
            return;
        }
        transcript.chapter("What each command became, as vmand's log has it");
        let mut table = Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED).set_header(["client", "vManager"]);
        for (command, commands) in &self.rows {
            let text = if commands.is_empty() { "(no change)".to_owned() } else { commands.join(", ") };
            table.add_row([command.clone(), text]);
        }
        transcript.output(&table.to_string());
    }
}

/// The command of a line, with its refusal if it was refused.
fn name(line: &str) -> Option<String> {
    let line: Line = serde_json::from_str(line).ok()?;
    let command = line.command?;
    Some(if line.message.starts_with("Refused") { format!("{command} (refused)") } else { command })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = r#"{"level":"INFO","message":"vmand starts"}
{"level":"INFO","message":"Done","command":"create-partition"}
{"level":"INFO","message":"Refused: it is READY","command":"shutdown"}
"#;

    #[test]
    fn what_is_new_in_the_log_belongs_to_the_last_command() {
        let mut trace = Trace::default();
        trace.note("define", LOG);
        trace.note("list", LOG);
        let commands = vec!["create-partition".to_owned(), "shutdown (refused)".to_owned()];
        assert_eq!(trace.rows, [("define".to_owned(), commands), ("list".to_owned(), vec![])]);
    }
}
