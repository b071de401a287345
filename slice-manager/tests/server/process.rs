//! The program as a process, and a client of few words.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use serde_json::Value;

/// The program under test.
pub(crate) fn program() -> &'static str {
    env!("CARGO_BIN_EXE_slice-manager")
}

/// A running server with a folder of its own.
pub(crate) struct Server {
    child: Mutex<Child>,
    address: SocketAddr,
    dir: Option<tempfile::TempDir>,
    token: String,
    args: Vec<String>,
}

impl Server {
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::start_with("", args)
    }

    /// With these settings.
    pub(crate) fn start_with(config: &str, args: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("config.toml"), config).unwrap();
        Self::spawn(dir, args.iter().map(|arg| (*arg).to_owned()).collect())
    }

    fn spawn(dir: tempfile::TempDir, args: Vec<String>) -> Self {
        let mut command = Command::new(program());
        command.args(["serve", "--listen", "127.0.0.1:0", "--config"]).arg(dir.path().join("config.toml"));
        command.arg("--state").arg(dir.path().join("state")).args(&args);
        command.stdout(Stdio::piped()).stderr(Stdio::inherit()).env("SLICE_MANAGER_LOG", "warn");
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = lines.next().expect("the server says where it listens").unwrap();
        let address =
            first.trim_start_matches("Listening on http://").split('/').next().unwrap().parse().unwrap();
        let token = std::fs::read_to_string(dir.path().join("state/operator.token")).unwrap_or_default();
        Self { child: Mutex::new(child), address, dir: Some(dir), token: token.trim().to_owned(), args }
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.dir.as_ref().expect("the folder is here until the server goes").path().join("state")
    }

    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// SIGKILL.
    pub(crate) fn kill(&self) {
        let mut child = self.child.lock().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Dies if it has not, and comes back on the same files.
    pub(crate) fn killed_and_started(mut self) -> Self {
        self.kill();
        Self::spawn(self.dir.take().expect("the folder is here"), std::mem::take(&mut self.args))
    }

    /// SIGTERM; the exit code.
    pub(crate) fn stop(self) -> Option<i32> {
        let mut child = self.child.lock().unwrap();
        let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
        child.wait().unwrap().code()
    }

    /// Waits until changes that a dead server had begun are ended: a change of each chunk waits for them.
    pub(crate) fn settled(&self) {
        std::thread::sleep(Duration::from_millis(700));
    }

    /// Status and body.
    pub(crate) fn try_send(&self, line: &str, body: &Value) -> io::Result<(u16, Value)> {
        exchange(self.address, &self.token, line, body)
    }

    pub(crate) fn send(&self, token: &str, line: &str, body: &Value) -> (u16, Value) {
        exchange(self.address, token, line, body).unwrap()
    }

    pub(crate) fn get(&self, path: &str) -> (u16, Value) {
        self.send(&self.token, &format!("GET /api/v1.0{path}"), &Value::Null)
    }

    /// A body that is no JSON.
    pub(crate) fn text(&self, path: &str) -> String {
        answer(self.address, &self.token, &format!("GET {path}"), &Value::Null).unwrap().1
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        self.send(&self.token, &format!("POST /api/v1.0{path}"), body)
    }

    pub(crate) fn put(&self, path: &str, body: &Value) -> (u16, Value) {
        self.send(&self.token, &format!("PUT /api/v1.0{path}"), body)
    }

    pub(crate) fn delete(&self, path: &str) -> (u16, Value) {
        self.send(&self.token, &format!("DELETE /api/v1.0{path}"), &Value::Null)
    }

    /// The id of something new.
    pub(crate) fn made(&self, path: &str, body: &Value) -> String {
        let (status, answer) = self.post(path, body);
        assert_eq!(status, 200, "{answer}");
        answer["id"].as_str().unwrap().to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Ok(child) = self.child.get_mut() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn exchange(address: SocketAddr, token: &str, line: &str, body: &Value) -> io::Result<(u16, Value)> {
    let (status, body) = answer(address, token, line, body)?;
    Ok((status, serde_json::from_str(&body).unwrap_or(Value::Null)))
}

fn answer(address: SocketAddr, token: &str, line: &str, body: &Value) -> io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let bearer = if token.is_empty() { String::new() } else { format!("Authorization: Bearer {token}\r\n") };
    let length = body.len();
    write!(
        stream,
        "{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{bearer}Content-Length: {length}\r\n\r\n{body}"
    )?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let broken = || io::Error::other(format!("no answer: {text}"));
    let (head, body) = text.split_once("\r\n\r\n").ok_or_else(broken)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(broken)?;
    Ok((status, body.to_owned()))
}
