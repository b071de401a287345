//! Listeners on threads of their own.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

/// Serves every connection to `path` on a thread of its own until the process ends.
pub(crate) fn serve(path: &Path, session: impl Fn(UnixStream) + Clone + Send + 'static) {
    let listener = UnixListener::bind(path).expect("the socket's directory is ours");
    std::thread::spawn(move || {
        for socket in listener.incoming().map_while(Result::ok) {
            let session = session.clone();
            std::thread::spawn(move || session(socket));
        }
    });
}

/// Reads and never answers.
pub(crate) fn silent(socket: UnixStream) {
    BufReader::new(socket).lines().for_each(drop);
}

/// Closes at once.
pub(crate) fn closing(socket: UnixStream) {
    drop(socket);
}

/// Answers each line with something that is no reply to it.
pub(crate) fn nonsense(socket: UnixStream) {
    const ANSWERS: [&str; 5] =
        ["hello\n", "{}\n", "[]\n", "{\"return\":{},\"id\":999999}\n", "{\"return\":{\"partitions\":7}}\n"];
    let lines = BufReader::new(&socket).lines().map_while(Result::ok);
    for (_, answer) in lines.zip(ANSWERS) {
        if (&socket).write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

/// Accepts a subscription, sends an event that nobody knows and half of another, and closes.
pub(crate) fn half_an_event(socket: UnixStream) {
    let mut line = String::new();
    let read = BufReader::new(&socket).read_line(&mut line);
    let text = concat!(
        "{\"return\":{},\"id\":1}\n",
        "{\"event\":\"moon-rise\",\"data\":{},\"timestamp_ns\":1,\"seq\":1}\n",
        "{\"event\":\"partition-cr"
    );
    if read.is_ok() {
        // The other side may be gone, which is its right.
        let _ = (&socket).write_all(text.as_bytes());
    }
}
