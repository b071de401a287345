//! A vmand that answers what a test tells it to, for what the real one cannot be made to do.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

/// What follows a request.
pub(crate) enum Answer {
    /// A reply: `{"return": ...}` or `{"error": ...}`; the request's id is added.
    Reply(Value),
    /// A reply, then these lines.
    Stream(Vec<Value>),
    /// These bytes.
    Raw(&'static str),
    /// Nothing, ever.
    Silence,
    /// The end of the connection.
    Close,
}

/// A successful reply.
pub(crate) fn returns(value: Value) -> Answer {
    Answer::Reply(json!({ "return": value }))
}

/// A refusal.
pub(crate) fn refuses(class: &str, desc: &str) -> Answer {
    Answer::Reply(json!({ "error": { "class": class, "desc": desc } }))
}

type Handler = dyn Fn(&str, &Value) -> Answer + Send + Sync;

/// The fake: listens until the test ends.
pub(crate) struct Fake {
    directory: tempfile::TempDir,
    requests: Arc<Mutex<Vec<Value>>>,
}

impl Fake {
    /// `handler` gets name and arguments of each command.
    pub(crate) fn new(handler: impl Fn(&str, &Value) -> Answer + Send + Sync + 'static) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(directory.path().join("vmand.sock")).unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (log, handler) = (requests.clone(), Arc::new(handler) as Arc<Handler>);
        std::thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let (log, handler) = (log.clone(), handler.clone());
                std::thread::spawn(move || serve(&socket, &log, &*handler));
            }
        });
        Self { directory, requests }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.directory.path().join("vmand.sock")
    }

    /// Arguments of the requests for `command`, in the order in which they came.
    pub(crate) fn requests(&self, command: &str) -> Vec<Value> {
        let requests = self.requests.lock().unwrap();
        let wanted = requests.iter().filter(|request| request["command"] == command);
        wanted.map(|request| request["args"].clone()).collect()
    }

    /// Runs vmanctl against this fake.
    pub(crate) fn run(&self, line: &str) -> crate::Run {
        crate::run(&format!("{line} --socket {}", self.socket().display()))
    }
}

fn serve(socket: &UnixStream, log: &Mutex<Vec<Value>>, handler: &Handler) {
    for line in BufReader::new(socket).lines().map_while(Result::ok) {
        let request: Value = serde_json::from_str(&line).unwrap();
        log.lock().unwrap().push(request.clone());
        // What is typed into a console has no command.
        let Some(command) = request["command"].as_str() else { continue };
        let with_id = |mut reply: Value| {
            reply["id"] = request["id"].clone();
            format!("{reply}\n")
        };
        let text = match handler(command, &request["args"]) {
            Answer::Reply(reply) => with_id(reply),
            Answer::Stream(lines) => {
                let lines: String = lines.iter().map(|line| format!("{line}\n")).collect();
                with_id(json!({ "return": {} })) + &lines
            }
            Answer::Raw(text) => text.into(),
            Answer::Silence => continue,
            Answer::Close => return drop(socket.shutdown(std::net::Shutdown::Both)),
        };
        let mut writer = socket;
        if writer.write_all(text.as_bytes()).is_err() {
            return;
        }
    }
}

/// A `query-partition` object.
pub(crate) fn partition(id: u32, state: &str) -> Value {
    json!({
        "id": id, "state": state, "condition": "running", "secure": false, "cores": [1, 2],
        "memsize_mib": 1024, "memory_base": 0x8000_0000u64
    })
}

/// A `query-version` object.
pub(crate) fn version(paths: &str) -> Value {
    json!({ "protocol": 1, "version": "9.9", "firmware": "1.0", "paths": paths, "simulated": true })
}

impl Fake {
    /// What was typed into consoles.
    pub(crate) fn requests_without_command(&self) -> Vec<Value> {
        let requests = self.requests.lock().unwrap();
        requests.iter().filter(|request| request["command"].is_null()).cloned().collect()
    }
}
