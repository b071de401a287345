//! Running other programs: a program that fails is shown with its command line and its last lines.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader};
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context, Result, bail};

/// How many lines of a failed program's output are repeated in the error.
const LAST_LINES: usize = 20;

/// The command as one would type it.
pub fn display(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(quote).collect::<Vec<_>>().join(" ")
}

fn quote(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:,@+%~".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.into_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Runs with the terminal's own input and output.
///
/// # Errors
/// The program cannot be started, or it ends with another status than 0.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| cannot_start(command))?;
    if !status.success() {
        bail!("`{}` ended with {status}", display(command));
    }
    Ok(())
}

/// Runs quietly and returns what the program wrote to its standard output.
///
/// # Errors
/// As [`run`]; the error repeats the last lines of both outputs.
pub fn read(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().with_context(|| cannot_start(command))?;
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        let text = stdout + &String::from_utf8_lossy(&output.stderr);
        bail!(failure(command, output.status, &last_lines(text.lines())));
    }
    Ok(stdout)
}

/// Runs and hands each line of both outputs, merged in order, to `line`.
///
/// # Errors
/// As [`read`].
pub fn each_line(command: &mut Command, mut line: impl FnMut(&str)) -> Result<()> {
    let (reader, writer) = io::pipe().context("Cannot make a pipe")?;
    command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
    let mut child = command.spawn().with_context(|| cannot_start(command))?;
    // The command keeps the pipe's writing ends: they must close for the reader to see the end.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut last = VecDeque::with_capacity(LAST_LINES);
    for bytes in BufReader::new(reader).split(b'\n') {
        let text = String::from_utf8_lossy(&bytes?).trim_end_matches('\r').to_owned();
        line(&text);
        if last.len() == LAST_LINES {
            last.pop_front();
        }
        last.push_back(text);
    }
    let status = child.wait().with_context(|| cannot_start(command))?;
    if !status.success() {
        bail!(failure(command, status, &last_lines(last.iter().map(String::as_str))));
    }
    Ok(())
}

/// Whether a program of this name can be found in `PATH`.
pub fn exists(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
}

fn cannot_start(command: &Command) -> String {
    format!("Cannot run `{}`", display(command))
}

fn failure(command: &Command, status: ExitStatus, last: &str) -> String {
    format!("`{}` ended with {status}; its last lines:\n{last}", display(command))
}

fn last_lines<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    let lines: Vec<_> = lines.collect();
    let start = lines.len().saturating_sub(LAST_LINES);
    lines[start..].iter().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_failed_program_is_shown_with_its_command_and_its_last_lines() {
        let error = read(&mut shell("seq 1 30; echo broken >&2; exit 3")).unwrap_err().to_string();
        assert!(error.contains("sh -c 'seq 1 30; echo broken >&2; exit 3'"), "{error}");
        assert!(error.contains("exit status: 3"), "{error}");
        assert!(error.ends_with("    30\n    broken"), "{error}");
        assert!(!error.contains("    11\n"), "{error}");
    }

    #[test]
    fn both_outputs_arrive_line_by_line_in_order() {
        let mut lines = Vec::new();
        each_line(&mut shell("echo a; echo b >&2; echo c"), |line| lines.push(line.to_owned())).unwrap();
        assert_eq!(lines, ["a", "b", "c"]);
    }

    #[test]
    fn a_program_that_does_not_exist_is_named() {
        let error = run(&mut Command::new("no-such-program-here")).unwrap_err();
        assert!(error.to_string().contains("no-such-program-here"));
        assert!(!exists("no-such-program-here"));
        assert!(exists("sh"));
    }
}
