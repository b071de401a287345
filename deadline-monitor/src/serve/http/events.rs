//! `/v1/events`: server-sent events that go on where a reader left off.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Response};
use hyper::body::Frame;
use serde::Deserialize;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::sync::{OwnedSemaphorePermit, watch};
use utoipa::IntoParams;

use super::App;
use super::extract::Params;
use crate::ErrorKind;
use crate::serve::api::{Event, EventName, Failure, Problem};
use crate::serve::engine::{Events, Since};

/// A comment in between, so that both ends notice when the other is gone.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Pieces on their way to a reader that is slow.
const UNDER_WAY: usize = 16;
/// The first piece, so that a reader knows that it is connected.
const HELLO: Bytes = Bytes::from_static(b"retry: 1000\n\n");

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct From {
    /// Begin behind this event of the running daemon; with what happens next unless given.
    since: Option<u64>,
}

/// What happens, as it happens. `Last-Event-ID` goes on where a reader left off; what it missed beyond the daemon's
/// memory is told by an event `missed`.
#[utoipa::path(get, path = "/v1/events", tag = "events",
    params(From, ("Last-Event-ID" = Option<String>, Header, description = "The id of the last event that was read")),
    responses(
        (status = 200, body = String, content_type = "text/event-stream", description = "Each `data` is an Event"),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 503, body = Problem, content_type = "application/problem+json", description = "Too many readers")))]
pub(super) async fn stream(
    State(app): State<App>,
    Params(from): Params<From>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let events = Arc::clone(app.engine.events());
    let seen = match headers.get("last-event-id") {
        Some(id) => after(&events, id.to_str().unwrap_or_default())?,
        None => from.since.unwrap_or_else(|| events.last()),
    };
    let permit = Arc::clone(&app.streams).try_acquire_owned();
    let permit = permit.map_err(|_| Failure::new(ErrorKind::Busy, "Too many read events already"))?;
    let (sender, receiver) = mpsc::channel(UNDER_WAY);
    tokio::spawn(feed(events, seen, sender, app.stopping.clone(), permit));
    let headers = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-store")];
    Ok((headers, Body::new(Pieces(receiver))).into_response())
}

/// The number behind which a reader goes on. After a restart that is the beginning.
fn after(events: &Events, id: &str) -> Result<u64, Failure> {
    let parts =
        id.split_once('-').and_then(|(run, seq)| Some((run.parse::<u64>().ok()?, seq.parse::<u64>().ok()?)));
    let (run, seq) =
        parts.ok_or_else(|| Failure::argument(format!("\"{id}\" is no Last-Event-ID of this daemon")))?;
    Ok(if run == events.run() { seq.min(events.last()) } else { 0 })
}

/// Sends what happened and what happens until the reader is gone or the daemon stops. A reader that is slow is waited
/// for here; the ring of events goes on meanwhile.
async fn feed(
    events: Arc<Events>,
    mut seen: u64,
    sender: Sender<Bytes>,
    mut stopping: watch::Receiver<bool>,
    _permit: OwnedSemaphorePermit,
) {
    let mut bell = events.subscribe();
    if sender.send(HELLO).await.is_err() {
        return;
    }
    loop {
        bell.mark_unchanged();
        let Since { missed, events: new } = events.since(seen);
        let gap = new.first().filter(|_| missed > 0).map(|first| lost(missed, first));
        for event in gap.iter().chain(&new) {
            if sender.send(piece(events.run(), event)).await.is_err() {
                return;
            }
            seen = event.seq;
        }
        tokio::select! {
            changed = bell.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(KEEP_ALIVE) => {
                if sender.send(Bytes::from_static(b": \n\n")).await.is_err() {
                    return;
                }
            }
            () = stopped(&mut stopping) => return,
            () = sender.closed() => return,
        }
    }
}

/// Waits until the daemon stops.
async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // An error means that it has stopped already.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

fn lost(missed: u64, first: &Event) -> Event {
    let detail = format!("{missed} events are no longer remembered");
    let seq = first.seq.saturating_sub(1);
    Event { seq, event: EventName::Missed, target: None, reservation: None, detail, ..first.clone() }
}

fn piece(run: u64, event: &Event) -> Bytes {
    let data = serde_json::to_string(event).unwrap_or_default();
    Bytes::from(format!("id: {run}-{}\nevent: {}\ndata: {data}\n\n", event.seq, event.event.as_str()))
}

/// A body that is sent piece by piece.
struct Pieces(Receiver<Bytes>);

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }
}
