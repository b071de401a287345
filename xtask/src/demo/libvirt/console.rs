//! A person at `virsh console`: types a line, reads the answer, and leaves with Ctrl-].

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::process;

/// What leaves the console.
const ESCAPE: &[u8] = b"\x1d";
/// The simulated guest and Debian's initramfs shell both answer this.
const TYPED: &[u8] = b"\rhelp\r";
/// How long the guest may be silent before the dialogue is taken for ended.
const SILENCE: Duration = Duration::from_secs(2);
/// How long a guest that is never silent is listened to at a time: one that boots on the emulated board.
const LONGEST: Duration = Duration::from_secs(15);
/// How much of a long answer is shown.
const SHOWN_LINES: usize = 15;

/// Types a line into the domain's console and returns what came.
///
/// # Errors
/// virsh does not open the console, or the guest says nothing.
pub(super) fn dialogue(uri: &str, domain: &str) -> Result<String> {
    // virsh wants a terminal: `script` gives it one.
    let mut virsh = Command::new("virsh");
    virsh.args(["-c", uri, "console", domain]);
    let mut script = Command::new("script");
    script.args(["--quiet", "--return", "--command", &process::display(&virsh), "/dev/null"]);
    script.env("LC_ALL", "C").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = script.spawn().context("Cannot run `script`")?;
    let (mut stdin, stdout) =
        (child.stdin.take().context("no input")?, child.stdout.take().context("no output")?);
    let received = chunks(stdout);
    let mut text = until_silent(&received);
    for keys in [TYPED, ESCAPE] {
        // A console that has ended takes none; its last words tell why.
        let _ = stdin.write_all(keys);
        text += &until_silent(&received);
    }
    drop(stdin);
    let status = child.wait()?;
    if !status.success() || !text.contains("Connected to domain") {
        bail!("virsh console ended with {status}:\n{text}");
    }
    Ok(shortened(&text))
}

/// A thread that reads, so that silence can be told from an end.
fn chunks(mut from: impl Read + Send + 'static) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            // Nobody listens any more when the dialogue is over.
            let _ = sender.send(buffer[..count].to_vec());
        }
    });
    receiver
}

fn until_silent(received: &mpsc::Receiver<Vec<u8>>) -> String {
    let (mut bytes, begin) = (Vec::new(), Instant::now());
    while begin.elapsed() < LONGEST
        && let Ok(mut chunk) = received.recv_timeout(SILENCE)
    {
        bytes.append(&mut chunk);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The first lines from the connection on, without what only a terminal understands: before it virsh may complain about a
/// polkit that nobody needs here.
fn shortened(text: &str) -> String {
    let begin = text.find("Connected to domain").unwrap_or(0);
    let clean = text[begin..].replace('\r', "");
    let lines: Vec<_> = clean.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    lines[..lines.len().min(SHOWN_LINES)].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_answer_is_cut_and_empty_lines_go() {
        let text: String = (0..40).map(|n| format!("{n}\r\n\r\n")).collect();
        let shown = shortened(&text);
        assert!(shown.starts_with("0\n1\n") && shown.ends_with("14"), "{shown}");
    }
}
