//! `/events`: what happened, as it happens (server-sent events). An addition to the dialect.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

use super::App;
use crate::server::access::Caller;
use crate::server::engine::{Event, Shared};

/// A comment in between, so that both ends notice when the other is gone.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Goes on behind `Last-Event-ID`, else with what happens next. A reader that missed more than is remembered is told
/// so by an event `missed`.
pub(super) async fn stream(State(app): State<App>, caller: Caller, headers: HeaderMap) -> Response {
    let shared = Arc::clone(app.engine.shared());
    let seen = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    let seen = seen.unwrap_or_else(|| shared.events.last());
    let reader = Reader { bell: shared.events.subscribe(), shared, caller, seen, stopping: app.stopping };
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE);
    Sse::new(reader.into_stream()).keep_alive(keep_alive).into_response()
}

struct Reader {
    shared: Arc<Shared>,
    caller: Caller,
    seen: u64,
    bell: tokio::sync::watch::Receiver<u64>,
    stopping: tokio::sync::watch::Receiver<bool>,
}

impl Reader {
    fn into_stream(self) -> impl futures_core::Stream<Item = Result<sse::Event, Infallible>> {
        let (sender, receiver) = tokio::sync::mpsc::channel(16);
        tokio::spawn(self.feed(sender));
        Pieces(receiver)
    }

    async fn feed(mut self, sender: tokio::sync::mpsc::Sender<sse::Event>) {
        loop {
            self.bell.mark_unchanged();
            let (missed, events) = self.shared.events.since(self.seen);
            if missed > 0 {
                let lost = sse::Event::default().event("missed").data(json!({"missed": missed}).to_string());
                if sender.send(lost).await.is_err() {
                    return;
                }
            }
            for event in events {
                self.seen = event.seq;
                if self.sees(&event) && sender.send(piece(&event)).await.is_err() {
                    return;
                }
            }
            tokio::select! {
                changed = self.bell.changed() => if changed.is_err() { return },
                _ = self.stopping.wait_for(|stopping| *stopping) => return,
                () = sender.closed() => return,
            }
        }
    }

    fn sees(&self, event: &Event) -> bool {
        match &self.caller {
            Caller::Operator => true,
            Caller::User(user) => event.is_public || event.user_id == *user,
        }
    }
}

fn piece(event: &Event) -> sse::Event {
    let data = serde_json::to_string(event).unwrap_or_default();
    sse::Event::default().id(event.seq.to_string()).event("change").data(data)
}

struct Pieces(tokio::sync::mpsc::Receiver<sse::Event>);

impl futures_core::Stream for Pieces {
    type Item = Result<sse::Event, Infallible>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        self.0.poll_recv(context).map(|event| event.map(Ok))
    }
}
