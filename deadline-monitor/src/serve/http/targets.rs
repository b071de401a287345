//! `/v1/targets`.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use serde::Deserialize;
use utoipa::IntoParams;

use super::extract::{Body, Id, Params};
use super::idempotency::Turn;
use super::{App, created};
use crate::ErrorKind;
use crate::serve::api::{Failure, History, NewTarget, Problem, Settings, TargetPage, TargetView};
use crate::serve::engine::Owner;

/// Targets in one answer.
const PAGE: usize = 100;
const PAGE_MAX: usize = 1_000;
/// Samples in one answer.
const SAMPLES_MAX: usize = 100_000;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Page {
    /// Only targets with a larger id.
    after: Option<u64>,
    /// At most so many, 100 by default.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u64>,
}

/// The targets that are monitored.
#[utoipa::path(get, path = "/v1/targets", tag = "targets", params(Page),
    responses((status = 200, body = TargetPage), (status = 400, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list(
    State(app): State<App>,
    Params(page): Params<Page>,
) -> Result<Json<TargetPage>, Failure> {
    let limit = bounded("limit", page.limit, PAGE, PAGE_MAX)?;
    let after = page.after.unwrap_or(0);
    Ok(Json(app.engine.ask(move |engine| engine.page(after, limit)).await?))
}

fn bounded(name: &str, value: Option<u64>, usual: usize, most: usize) -> Result<usize, Failure> {
    let value = value.map_or(Some(usual), |value| usize::try_from(value).ok());
    let refuse = || Failure::argument(format!("{name} is not between 1 and {most}"));
    value.filter(|value| (1..=most).contains(value)).ok_or_else(refuse)
}

/// Monitors something from now on.
#[utoipa::path(post, path = "/v1/targets", tag = "targets", request_body = NewTarget,
    params(("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 128, description = "A repeated request with the same key is done once")),
    responses(
        (status = 201, body = TargetView, headers(("Location" = String))),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json", description = "Not one's own, or not allowed to this daemon"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "There is no such thread, process, group or reservation"),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "No bandwidth, no quota, pinned, or monitored already"),
        (status = 413, body = Problem, content_type = "application/problem+json"),
        (status = 415, body = Problem, content_type = "application/problem+json"),
        (status = 500, body = Problem, content_type = "application/problem+json"),
        (status = 501, body = Problem, content_type = "application/problem+json"),
        (status = 503, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn add(
    State(app): State<App>,
    Extension(owner): Extension<Owner>,
    headers: HeaderMap,
    body: Body<NewTarget>,
) -> Result<Response, Failure> {
    let mut request = b"/v1/targets ".to_vec();
    request.extend(&body.bytes);
    let ticket = match app.idempotency.turn(&headers, owner.uid, request)? {
        Turn::Done(answer) => {
            let location = format!("/v1/targets/{}", answer["id"]);
            return Ok(created(location, Json(answer).into_response()));
        }
        Turn::Do(ticket) => ticket,
    };
    let view = app.engine.ask(move |engine| engine.add(owner, body.value)).await??;
    let answer =
        serde_json::to_value(&view).map_err(|error| Failure::because(ErrorKind::Internal, &error))?;
    ticket.done(&answer);
    Ok(created(format!("/v1/targets/{}", view.id), Json(answer).into_response()))
}

/// One target and its threads.
#[utoipa::path(get, path = "/v1/targets/{id}", tag = "targets", params(("id" = u64, Path)),
    responses((status = 200, body = TargetView), (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn show(State(app): State<App>, Id(id): Id) -> Result<Json<TargetView>, Failure> {
    Ok(Json(app.engine.ask(move |engine| engine.show(id)).await??))
}

/// Monitors a target in another way; settings that are not named stay.
#[utoipa::path(patch, path = "/v1/targets/{id}", tag = "targets", params(("id" = u64, Path)), request_body = Settings,
    responses(
        (status = 200, body = TargetView),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, body = Problem, content_type = "application/problem+json"),
        (status = 413, body = Problem, content_type = "application/problem+json"),
        (status = 415, body = Problem, content_type = "application/problem+json"),
        (status = 500, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn change(
    State(app): State<App>,
    Extension(owner): Extension<Owner>,
    Id(id): Id,
    body: Body<Settings>,
) -> Result<Json<TargetView>, Failure> {
    Ok(Json(app.engine.ask(move |engine| engine.change(owner, id, &body.value)).await??))
}

/// Lets a target go: its threads are scheduled as before.
#[utoipa::path(delete, path = "/v1/targets/{id}", tag = "targets", params(("id" = u64, Path)),
    responses(
        (status = 204),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn release(
    State(app): State<App>,
    Extension(owner): Extension<Owner>,
    Id(id): Id,
) -> Result<StatusCode, Failure> {
    app.engine.ask(move |engine| engine.release(owner, id)).await??;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Window {
    /// Only samples taken after this moment of the monotonic clock, as `at_ns` tells it.
    since_ns: Option<u64>,
    /// At most so many, the newest; all that are remembered by default.
    #[param(minimum = 1, maximum = 100_000)]
    limit: Option<u64>,
}

/// What was measured of a target lately.
#[utoipa::path(get, path = "/v1/targets/{id}/history", tag = "targets", params(("id" = u64, Path), Window),
    responses(
        (status = 200, body = History),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn history(
    State(app): State<App>,
    Id(id): Id,
    Params(window): Params<Window>,
) -> Result<Json<History>, Failure> {
    let limit = bounded("limit", window.limit, SAMPLES_MAX, SAMPLES_MAX)?;
    let since_ns = window.since_ns.unwrap_or(0);
    Ok(Json(app.engine.ask(move |engine| engine.history(id, since_ns, limit)).await??))
}
