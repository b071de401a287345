//! What systemd is told (`sd_notify`); without systemd nothing happens.

use std::time::Duration;

use sd_notify::NotifyState;

/// The daemon listens.
pub(super) fn ready() {
    send(NotifyState::Ready);
}

/// It ends.
pub(super) fn stopping() {
    send(NotifyState::Stopping);
}

/// Tells the watchdog of the unit that all is well whenever `is_well` says so; otherwise never wakes.
pub(super) async fn keep_alive<F: Future<Output = bool>>(mut is_well: impl FnMut() -> F) {
    let Some(period) = sd_notify::watchdog_enabled() else {
        return std::future::pending().await;
    };
    let mut beat = tokio::time::interval((period / 2).max(Duration::from_millis(1)));
    loop {
        beat.tick().await;
        if is_well().await {
            send(NotifyState::Watchdog);
        }
    }
}

fn send(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "systemd cannot be told");
    }
}
