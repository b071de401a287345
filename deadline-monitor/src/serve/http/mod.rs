//! REST under `/v1`, metrics and health, as an axum router that knows nothing of sockets.

mod access;
mod events;
mod extract;
mod idempotency;
mod metrics;
mod openapi;
mod problem;
mod reservations;
mod system;
mod targets;

#[cfg(test)]
mod tests;

pub use access::{Origin, Token};
pub use openapi::document;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Router, http};
use tokio::sync::{Semaphore, watch};

use super::api::Failure;
use super::config::Limits;
use super::engine::{EngineHandle, Survey};
use crate::ErrorKind;
use idempotency::Idempotency;
use metrics::WebMeters;

/// What every route needs.
#[derive(Clone)]
pub struct App {
    engine: EngineHandle,
    survey: Arc<dyn Fn() -> Survey + Send + Sync>,
    token: Option<Arc<Token>>,
    limits: Arc<Limits>,
    idempotency: Arc<Idempotency>,
    meters: WebMeters,
    streams: Arc<Semaphore>,
    stopping: watch::Receiver<bool>,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// Event streams at a time.
const STREAMS: usize = 64;

impl App {
    /// An interface to the sampler behind `engine`. `survey` looks at all reservations of the machine, and may take
    /// its time; `stopping` turns true when the daemon stops.
    pub fn new(
        engine: EngineHandle,
        survey: impl Fn() -> Survey + Send + Sync + 'static,
        token: Option<Token>,
        limits: Limits,
        stopping: watch::Receiver<bool>,
    ) -> App {
        App {
            engine,
            survey: Arc::new(survey),
            token: token.map(Arc::new),
            limits: Arc::new(limits),
            idempotency: Arc::default(),
            meters: WebMeters::default(),
            streams: Arc::new(Semaphore::new(STREAMS)),
            stopping,
        }
    }

    async fn survey(&self) -> Result<Survey, Failure> {
        let survey = Arc::clone(&self.survey);
        let taken = tokio::task::spawn_blocking(move || survey()).await;
        taken.map_err(|error| Failure::because(ErrorKind::Internal, &error))
    }

    /// All routes. Every request must carry its [`Origin`] as an extension.
    pub fn router(self) -> Router {
        Router::new()
            .route("/v1/targets", get(targets::list).post(targets::add))
            .route("/v1/targets/{id}", get(targets::show).patch(targets::change).delete(targets::release))
            .route("/v1/targets/{id}/history", get(targets::history))
            .route("/v1/events", get(events::stream))
            .route("/v1/capacity", get(reservations::capacity))
            .route("/v1/admission", post(reservations::admit))
            .route("/v1/reservations", get(reservations::list))
            .route(
                "/v1/reservations/{id}",
                get(reservations::show).put(reservations::confirm).delete(reservations::cancel),
            )
            .route("/v1/doctor", get(system::doctor))
            .route("/v1/openapi.json", get(openapi::serve))
            .route("/healthz", get(system::healthz))
            .route("/readyz", get(system::readyz))
            .route("/metrics", get(metrics::serve))
            .fallback(system::unknown_path)
            .method_not_allowed_fallback(system::wrong_method)
            .layer(from_fn_with_state(self.clone(), access::authorise))
            .layer(from_fn_with_state(self.clone(), bounded))
            .with_state(self)
    }
}

/// Every request is counted, and answered in time.
async fn bounded(State(app): State<App>, request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let method = request.method().clone();
    let begin = tokio::time::Instant::now();
    let limit: Duration = app.limits.request_timeout();
    let response = match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            Failure::new(ErrorKind::Timeout, format!("It was not done within {limit:?}")).into_response()
        }
    };
    app.meters.count(&method, path, response.status(), begin.elapsed());
    response
}

fn created(location: String, mut response: Response) -> Response {
    *response.status_mut() = http::StatusCode::CREATED;
    if let Ok(location) = http::HeaderValue::try_from(location) {
        response.headers_mut().insert(http::header::LOCATION, location);
    }
    response
}
