//! Health, the doctor, and what is none of the routes.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri};
use axum::response::Response;

use super::App;
use super::problem::problem;
use crate::ErrorKind;
use crate::serve::api::{Doctor, Failure, Problem};

/// The sampler answers within this, or it is not ready.
const PROMPT: Duration = Duration::from_secs(2);

/// What works here, and what to do where it does not.
#[utoipa::path(get, path = "/v1/doctor", tag = "system", responses((status = 200, body = Doctor)))]
pub(super) async fn doctor(State(app): State<App>) -> Result<Json<Doctor>, Failure> {
    let survey = app.survey().await?;
    Ok(Json(app.engine.ask(move |engine| engine.doctor(&survey)).await?))
}

/// The daemon runs.
#[utoipa::path(get, path = "/healthz", tag = "system", responses((status = 200, body = String, content_type = "text/plain")))]
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// The sampler answers, so that requests can be done.
#[utoipa::path(get, path = "/readyz", tag = "system",
    responses(
        (status = 200, body = String, content_type = "text/plain"),
        (status = 503, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn readyz(State(app): State<App>) -> Result<&'static str, Failure> {
    let busy = |rule: &str| Failure::new(ErrorKind::Busy, rule);
    if *app.stopping.borrow() {
        return Err(busy("The daemon stops"));
    }
    let asked = tokio::time::timeout(PROMPT, app.engine.ask(|_| ())).await;
    asked.map_err(|_| busy("The sampler does not answer"))??;
    Ok("ready\n")
}

pub(super) async fn unknown_path(uri: Uri) -> Failure {
    Failure::not_found(format!("There is no {}; /v1/openapi.json tells what there is", uri.path()))
}

pub(super) async fn wrong_method(method: Method, uri: Uri) -> Response {
    let rule = Failure::new(ErrorKind::InvalidArgument, format!("{} does not take {method}", uri.path()));
    problem(StatusCode::METHOD_NOT_ALLOWED, &rule)
}
