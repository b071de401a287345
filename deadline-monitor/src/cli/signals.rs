//! Signals as messages.

use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::iterator::Signals;

use super::Result;

/// What a program that is wrapped gets passed on.
pub(crate) const PASSED: [i32; 6] = [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2];

/// Receives [`PASSED`] and SIGCHLD from now on; none of them ends this program any more. Through the other end signals
/// can be made, for instance by a key.
pub(crate) fn receive() -> Result<(Sender<i32>, Receiver<i32>)> {
    let mut signals = Signals::new(PASSED.into_iter().chain([SIGCHLD]))?;
    let (sender, receiver) = mpsc::channel();
    let own = sender.clone();
    thread::spawn(move || signals.forever().try_for_each(|signal| own.send(signal)));
    Ok((sender, receiver))
}
