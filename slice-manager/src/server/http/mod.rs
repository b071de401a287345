//! The routes: `/api/v1.0` in the dialect of the i2CAT Slice Manager, and what every daemon has beside.

mod body;
mod chunks;
mod events;
mod list;
mod openapi;
mod probes;
mod radio;
mod reply;
mod resources;

#[cfg(test)]
mod tests;

pub use openapi::document;
pub use probes::Meters;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post, put};
use tokio::sync::watch;

use super::Failure;
use super::access::{Caller, TokenDigest};
use super::engine::EngineHandle;
use reply::respond;

/// Longest body, in bytes.
const BODY: usize = 256 << 10;

/// What every route needs.
#[derive(Debug, Clone)]
pub struct App {
    engine: EngineHandle,
    operator: Option<TokenDigest>,
    timeout: Duration,
    meters: Arc<Meters>,
    stopping: watch::Receiver<bool>,
}

impl App {
    /// Routes to `engine`. Whoever has the operator's token may do everything; without such a token everybody who
    /// reaches the address may. `stopping` turns true when the server stops.
    pub fn new(
        engine: EngineHandle,
        operator: Option<TokenDigest>,
        timeout: Duration,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        Self { engine, operator, timeout, meters: Arc::default(), stopping }
    }

    /// All routes.
    pub fn router(self) -> Router {
        let api = Router::new()
            .route("/events", get(events::stream))
            .route("/{kind}", get(list::list).post(resources::create))
            .route("/{kind}/{id}", get(resources::show).delete(resources::delete))
            .route("/user/{id}/token", post(resources::token))
            .route("/compute_chunk/{id}/{quota}", put(chunks::resize))
            .route("/slic3/{id}/{verb}", put(chunks::recompose))
            .route("/{group}/{id}/{rest}", axum::routing::any(resources::unknown))
            .merge(radio::routes());
        Router::new()
            .nest("/api/v1.0", api)
            .route("/openapi.json", get(openapi::serve))
            .route("/healthz", get(probes::health))
            .route("/readyz", get(probes::ready))
            .route("/metrics", get(probes::metrics))
            .fallback(resources::unknown_path)
            .method_not_allowed_fallback(resources::wrong_method)
            .layer(DefaultBodyLimit::max(BODY))
            .layer(from_fn_with_state(self.clone(), authorise))
            .layer(from_fn_with_state(self.clone(), bounded))
            .with_state(self)
    }
}

/// Finds out who asks.
async fn authorise(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let open = matches!(request.uri().path(), "/healthz" | "/readyz" | "/openapi.json");
    match caller(&app, request.headers()) {
        Ok(caller) => drop(request.extensions_mut().insert(caller)),
        Err(_) if open => {}
        Err(failure) => return respond(request.headers(), Err(failure)),
    }
    next.run(request).await
}

fn caller(app: &App, headers: &HeaderMap) -> Result<Caller, Failure> {
    let Some(given) = headers.get(header::AUTHORIZATION) else { return nobody(app, headers) };
    let token = given.to_str().ok().and_then(|given| given.strip_prefix("Bearer "));
    let token = token.ok_or(Failure::Unauthorised)?;
    if app.operator == Some(TokenDigest::of(token)) {
        return Ok(Caller::Operator);
    }
    app.engine.shared().caller(token).ok_or(Failure::Unauthorised)
}

/// Without a token everybody may do everything if the server is open; but a page in a browser is not everybody: it can
/// make the browser of somebody on this machine ask, under a name of its own or from its own origin.
fn nobody(app: &App, headers: &HeaderMap) -> Result<Caller, Failure> {
    let name = headers.get(header::HOST).and_then(|host| host.to_str().ok()?.parse::<Authority>().ok());
    let is_ours = name.as_ref().is_none_or(|name| is_own_name(name.host()));
    match app.operator {
        Some(_) => Err(Failure::Unauthorised),
        None if is_ours && !headers.contains_key(header::ORIGIN) => Ok(Caller::Operator),
        None => Err(Failure::Forbidden { reason: "Pages of other origins need a token".into() }),
    }
}

fn is_own_name(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

/// Every request is counted, and answered in time.
async fn bounded(State(app): State<App>, request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let (method, headers, begin) = (request.method().clone(), request.headers().clone(), Instant::now());
    let response = match tokio::time::timeout(app.timeout, next.run(request)).await {
        Ok(response) => response,
        Err(_) => respond(&headers, Err(Failure::Timeout)),
    };
    app.meters.count(&method, path.as_deref(), response.status(), begin.elapsed());
    response
}
