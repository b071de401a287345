//! The whole program: in process where that is enough, as a process where it is not.
#![allow(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod choice;
mod fake;
mod generated;
mod json;
mod life;
mod real;
mod refusals;
mod rubbish;
mod spelling;
mod streams;
mod terminal;
mod upload;

use std::ffi::OsString;

/// What a command line did.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: u8,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs `vmanctl` (or `vmactl`) in this process; words are separated by blanks.
pub(crate) fn run(line: &str) -> Run {
    run_words(line.split_whitespace())
}

pub(crate) fn run_words<'a>(words: impl IntoIterator<Item = &'a str>) -> Run {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let streams = vmanctl::Streams {
        out: &mut out,
        err: &mut err,
        out_is_terminal: false,
        err_is_terminal: false,
        width: 80,
        out_fd: None,
    };
    let code = vmanctl::run(words.into_iter().map(OsString::from), streams);
    Run { code, out: String::from_utf8(out).unwrap(), err: String::from_utf8(err).unwrap() }
}
