//! The threads of a virtual machine's CPUs, from QEMU's machine protocol (QMP).

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::sched::Tid;

/// QEMU answers within milliseconds, if it answers at all.
const PATIENCE: Duration = Duration::from_secs(2);
/// Events that may come before the answer.
const LINES_MOST: usize = 100;

/// Why the threads are not known.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nobody listens.
    #[error("Nobody answers")]
    Unreachable {
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The connection broke, or QEMU is busy with another client.
    #[error("The conversation broke off; QMP serves one client at a time")]
    Broken {
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is not QMP, or the command is not known.
    #[error("QMP says: {0}")]
    Unexpected(String),
}

/// The thread of each virtual CPU of the QEMU behind `socket`.
///
/// # Errors
/// QEMU cannot be reached or does not tell.
pub fn vcpu_threads(socket: &Path) -> Result<Vec<Tid>, Error> {
    let stream = UnixStream::connect(socket).map_err(|source| Error::Unreachable { source })?;
    let limit = |stream: &UnixStream| {
        stream.set_read_timeout(Some(PATIENCE)).and_then(|()| stream.set_write_timeout(Some(PATIENCE)))
    };
    limit(&stream).map_err(|source| Error::Broken { source })?;
    let mut talk = Talk { reader: BufReader::new(stream) };
    talk.line()?;
    talk.ask("qmp_capabilities")?;
    let cpus = talk.ask("query-cpus-fast")?;
    let thread = |cpu: &Value| u32::try_from(cpu.get("thread-id")?.as_u64()?).ok().map(Tid);
    let threads = cpus.as_array().map(|cpus| cpus.iter().map(thread).collect::<Option<Vec<_>>>());
    let mut threads = threads.flatten().ok_or_else(|| Error::Unexpected(cpus.to_string()))?;
    threads.sort_unstable();
    Ok(threads)
}

struct Talk {
    reader: BufReader<UnixStream>,
}

impl Talk {
    fn ask(&mut self, command: &str) -> Result<Value, Error> {
        let line = format!("{{\"execute\":\"{command}\"}}\n");
        self.reader.get_mut().write_all(line.as_bytes()).map_err(|source| Error::Broken { source })?;
        for _ in 0..LINES_MOST {
            let mut answer = self.line()?;
            if let Some(answer) = answer.get_mut("return") {
                return Ok(answer.take());
            }
            if answer.get("event").is_none() {
                return Err(Error::Unexpected(answer.to_string()));
            }
        }
        Err(Error::Unexpected("events without end".to_owned()))
    }

    fn line(&mut self) -> Result<Value, Error> {
        let mut line = String::new();
        let length = self.reader.read_line(&mut line).map_err(|source| Error::Broken { source })?;
        if length == 0 {
            return Err(Error::Broken { source: io::ErrorKind::UnexpectedEof.into() });
        }
        serde_json::from_str(&line).map_err(|_| Error::Unexpected(line.trim().to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;
    use std::thread;

    /// A machine that answers each command with the next of these lines.
    fn machine(lines: &'static [&'static str]) -> (tempfile::TempDir, std::path::PathBuf) {
        let root = tempfile::tempdir().unwrap();
        let socket = root.path().join("qmp");
        let listener = UnixListener::bind(&socket).unwrap();
        thread::spawn(move || {
            let mut reader = BufReader::new(listener.accept().unwrap().0);
            reader.get_mut().write_all(b"{\"QMP\": {\"version\": {}, \"capabilities\": []}}\n").unwrap();
            for line in lines {
                reader.read_line(&mut String::new()).unwrap();
                writeln!(reader.get_mut(), "{line}").unwrap();
            }
        });
        (root, socket)
    }

    #[test]
    fn the_threads_of_the_virtual_cpus_are_told() {
        let (_root, socket) = machine(&[
            r#"{"return": {}}"#,
            "{\"event\": \"RESUME\"}\n{\"return\": [{\"cpu-index\": 0, \"thread-id\": 25}, {\"cpu-index\": 1, \"thread-id\": 24}]}",
        ]);
        assert_eq!(vcpu_threads(&socket).unwrap(), [Tid(24), Tid(25)]);
    }

    #[test]
    fn what_is_not_qmp_or_nobody_is_told_apart() {
        let (_root, socket) = machine(&[r#"{"error": {"class": "CommandNotFound"}}"#]);
        assert!(
            matches!(vcpu_threads(&socket), Err(Error::Unexpected(text)) if text.contains("CommandNotFound"))
        );
        let (_root, socket) = machine(&["hello"]);
        assert!(matches!(vcpu_threads(&socket), Err(Error::Unexpected(text)) if text == "hello"));
        let (_root, socket) = machine(&[]);
        assert!(matches!(vcpu_threads(&socket), Err(Error::Broken { .. })));
        assert!(matches!(vcpu_threads(Path::new("/nonexistent")), Err(Error::Unreachable { .. })));
    }
}
