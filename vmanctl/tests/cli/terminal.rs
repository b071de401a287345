//! What needs a terminal: raw consoles and the live view.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use nix::pty::{Winsize, openpty};
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{LocalFlags, tcgetattr};
use nix::unistd::Pid;
use serde_json::json;

use crate::fake::{Answer, Fake};

/// vmanctl on a terminal of its own.
struct Session {
    child: Child,
    keyboard: File,
    screen: std::sync::mpsc::Receiver<Vec<u8>>,
    shown: Vec<u8>,
    /// Kept open so that the terminal outlives the program.
    terminal: OwnedFd,
}

impl Session {
    fn start(board: &Fake, args: &str) -> Self {
        let size = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
        let pty = openpty(Some(&size), None).unwrap();
        let copy = || pty.slave.try_clone().unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_vmanctl"))
            .args(args.split_whitespace())
            .arg("--socket")
            .arg(board.socket())
            .env_remove("NO_COLOR")
            .env("TERM", "xterm-256color")
            .stdin(copy())
            .stdout(copy())
            .stderr(copy())
            .spawn()
            .unwrap();
        let keyboard = File::from(pty.master);
        let mut reader = keyboard.try_clone().unwrap();
        let (sender, screen) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = reader.read(&mut buffer) {
                if sender.send(buffer[..length].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self { child, keyboard, screen, shown: Vec::new(), terminal: pty.slave }
    }

    fn wait_for(&mut self, text: &str) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !String::from_utf8_lossy(&self.shown).contains(text) {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.screen.recv_timeout(left) {
                Ok(bytes) => self.shown.extend(bytes),
                Err(_) => panic!("{text:?} is not in {:?}", String::from_utf8_lossy(&self.shown)),
            }
        }
    }

    fn press(&mut self, keys: &[u8]) {
        self.keyboard.write_all(keys).unwrap();
    }

    fn is_raw(&self) -> bool {
        !tcgetattr(&self.terminal).unwrap().local_flags.contains(LocalFlags::ICANON)
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), signal).unwrap();
    }

    /// The exit status; it must end soon and leave the terminal as it was.
    fn end(mut self) -> (Option<i32>, String) {
        let deadline = Instant::now() + Duration::from_secs(20);
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < deadline, "it does not end");
            std::thread::sleep(Duration::from_millis(5));
        };
        assert!(!self.is_raw(), "the terminal was left raw");
        while let Ok(bytes) = self.screen.recv_timeout(Duration::from_millis(50)) {
            self.shown.extend(bytes);
        }
        (status.code(), String::from_utf8_lossy(&self.shown).into_owned())
    }
}

fn console() -> Fake {
    let prompt = json!({ "position": 0, "data": "JCA=", "end": 2 });
    Fake::new(move |_, _| Answer::Stream(vec![prompt.clone()]))
}

#[test]
fn console_is_raw_types_every_key_and_is_left_with_the_escape() {
    let board = console();
    let mut session = Session::start(&board, "console 3");
    session.wait_for("leave it with ^]");
    session.wait_for("$ ");
    assert!(session.is_raw());
    session.press(b"a\x03");
    let deadline = Instant::now() + Duration::from_secs(20);
    while board.requests_without_command().is_empty() {
        assert!(Instant::now() < deadline, "nothing was typed");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(board.requests_without_command(), [json!({ "data": "YQM=" })]);
    session.press(b"\x1d");
    assert_eq!(session.end().0, Some(0));
}

#[test]
fn killed_console_leaves_the_terminal_as_it_was() {
    let board = console();
    let mut session = Session::start(&board, "console 3");
    session.wait_for("$ ");
    session.signal(Signal::SIGTERM);
    assert_eq!(session.end().0, Some(0));
}

#[test]
fn console_of_a_vmand_that_goes_away_leaves_the_terminal_as_it_was() {
    let board = Fake::new(|_, _| Answer::Close);
    let (code, shown) = Session::start(&board, "console 3").end();
    assert_eq!(code, Some(19));
    assert!(shown.contains("vmand closed the connection"), "{shown:?}");
}

#[test]
fn live_view_is_drawn_again_follows_the_size_and_quits() {
    let board = crate::streams::board();
    let mut session = Session::start(&board, "top --interval 100ms");
    session.wait_for("vmanctl top, every 100ms, q quits");
    assert!(session.is_raw());
    session.wait_for("DEPLOYED");
    session.shown.clear();
    session.wait_for("DEPLOYED");
    session.signal(Signal::SIGWINCH);
    session.shown.clear();
    session.wait_for("DEPLOYED");
    session.press(b"q");
    let (code, shown) = session.end();
    assert_eq!(code, Some(0));
    assert!(shown.ends_with("\u{1b}[?1049l"), "the alternate screen was not left: {shown:?}");
}

#[test]
fn colours_are_for_terminals() {
    let board = crate::streams::board();
    let (code, shown) = Session::start(&board, "list").end();
    assert_eq!(code, Some(0));
    assert!(shown.contains("\u{1b}["), "{shown:?}");
    assert!(!board.run("vmanctl list").out.contains('\u{1b}'));
}
