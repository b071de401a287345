//! Running other programs: a program that fails is shown with its command line and its last lines.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, BufRead, BufReader};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::signal;
use nix::unistd::Pid;

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

/// Runs and hands each line of both outputs, merged in order, to `line`. After `limit` the program and everything
/// that it started is killed.
///
/// # Errors
/// As [`run`] (what the program said, `line` has seen), or the limit was reached.
pub fn each_line_within(command: &mut Command, limit: Duration, mut line: impl FnMut(&str)) -> Result<()> {
    let (reader, writer) = io::pipe().context("Cannot make a pipe")?;
    command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
    let mut child = command.spawn().with_context(|| cannot_start(command))?;
    // The command keeps the pipe's writing ends: they must close for the reader to see the end.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let guard = TimeLimit::start(child.id(), limit);
    for bytes in BufReader::new(reader).split(b'\n') {
        line(String::from_utf8_lossy(&bytes?).trim_end_matches('\r'));
    }
    let status = child.wait().with_context(|| cannot_start(command))?;
    if guard.finish() {
        bail!("`{}` was stopped after {:.0} s", display(command), limit.as_secs_f64());
    }
    if !status.success() {
        bail!("`{}` ended with {status}", display(command));
    }
    Ok(())
}

/// A thread that kills a process and its descendants when the time is up.
struct TimeLimit {
    done: mpsc::Sender<()>,
    thread: thread::JoinHandle<bool>,
}

impl TimeLimit {
    fn start(pid: u32, limit: Duration) -> TimeLimit {
        let (done, wait) = mpsc::channel();
        let thread = thread::spawn(move || {
            let late = wait.recv_timeout(limit) == Err(mpsc::RecvTimeoutError::Timeout);
            if late {
                kill_tree(pid);
            }
            late
        });
        TimeLimit { done, thread }
    }

    /// Ends the watch; tells whether the time was up.
    fn finish(self) -> bool {
        // A thread that has already ended does not receive; its answer says so.
        let _ = self.done.send(());
        self.thread.join().unwrap_or(true)
    }
}

/// Kills children last found first, so that no parent lives to start them again unseen.
fn kill_tree(pid: u32) {
    let children = children_of(pid);
    if let Ok(raw) = i32::try_from(pid) {
        // A process that is gone already needs no signal.
        let _ = signal::kill(Pid::from_raw(raw), signal::Signal::SIGKILL);
    }
    children.into_iter().for_each(kill_tree);
}

fn children_of(pid: u32) -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten();
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter(|candidate| parent_of(*candidate) == Some(pid)).collect()
}

/// The fourth field of /proc/PID/stat, counted from behind the name, which may hold anything.
fn parent_of(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
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
        let mut command = shell("echo a; echo b >&2; echo c");
        each_line_within(&mut command, Duration::from_secs(60), |line| lines.push(line.to_owned())).unwrap();
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
