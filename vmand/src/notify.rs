//! What systemd is told (`sd_notify`); without systemd nothing happens.

use std::time::Duration;

use sd_notify::NotifyState;

/// vmand listens.
pub fn ready() {
    send(NotifyState::Ready);
}

/// vmand finishes running commands and ends.
pub fn stopping() {
    send(NotifyState::Stopping);
}

/// Tells the watchdog of the unit that the event loop turns, if the unit has one; otherwise never wakes.
pub async fn keep_alive() {
    let Some(period) = sd_notify::watchdog_enabled() else {
        return std::future::pending().await;
    };
    let mut beat = tokio::time::interval((period / 2).max(Duration::from_millis(1)));
    loop {
        beat.tick().await;
        send(NotifyState::Watchdog);
    }
}

fn send(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "systemd cannot be told");
    }
}
