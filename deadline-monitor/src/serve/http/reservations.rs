//! `/v1/capacity`, `/v1/admission`, `/v1/reservations`.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use serde::Deserialize;
use utoipa::IntoParams;

use super::extract::{Body, Id, Params};
use super::idempotency::Turn;
use super::problem::problem;
use super::{App, created};
use crate::ErrorKind;
use crate::serve::api::{
    AdmissionAnswer, AdmissionRequest, CapacityAnswer, Confirmation, Failure, LeaseState, Problem,
    Reservation, Reservations,
};
use crate::serve::engine::Owner;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Horizon {
    /// For how long ahead, in seconds; 60 by default.
    #[param(minimum = 1, maximum = 14400)]
    horizon_s: Option<u64>,
}

/// What this node can still take, and at which risk.
#[utoipa::path(get, path = "/v1/capacity", tag = "admission", params(Horizon),
    responses((status = 200, body = CapacityAnswer), (status = 400, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn capacity(
    State(app): State<App>,
    Params(horizon): Params<Horizon>,
) -> Result<Json<CapacityAnswer>, Failure> {
    let survey = app.survey().await?;
    Ok(Json(app.engine.ask(move |engine| engine.capacity(horizon.horizon_s, &survey)).await??))
}

/// Whether a request fits. Unless it is a dry run the answer holds it for a while.
#[utoipa::path(post, path = "/v1/admission", tag = "admission", request_body = AdmissionRequest,
    params(("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 128, description = "A repeated request with the same key is done once")),
    responses(
        (status = 200, body = AdmissionAnswer, description = "A dry run, or not admitted"),
        (status = 201, body = AdmissionAnswer, description = "Held", headers(("Location" = String), ("ETag" = String))),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "Too many reservations"),
        (status = 413, body = Problem, content_type = "application/problem+json"),
        (status = 415, body = Problem, content_type = "application/problem+json"),
        (status = 500, body = Problem, content_type = "application/problem+json"),
        (status = 501, body = Problem, content_type = "application/problem+json"),
        (status = 503, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn admit(
    State(app): State<App>,
    Extension(owner): Extension<Owner>,
    headers: HeaderMap,
    body: Body<AdmissionRequest>,
) -> Result<Response, Failure> {
    let mut request = b"/v1/admission ".to_vec();
    request.extend(&body.bytes);
    let ticket = match app.idempotency.turn(&headers, owner.uid, request)? {
        Turn::Done(answer) => {
            let answer = serde_json::from_value(answer);
            return answer.map(answered).map_err(|error| Failure::because(ErrorKind::Internal, &error));
        }
        Turn::Do(ticket) => ticket,
    };
    let survey = app.survey().await?;
    let answer = app.engine.ask(move |engine| engine.admit(owner, &body.value, &survey)).await??;
    let kept =
        serde_json::to_value(&answer).map_err(|error| Failure::because(ErrorKind::Internal, &error))?;
    ticket.done(&kept);
    Ok(answered(answer))
}

fn answered(answer: AdmissionAnswer) -> Response {
    let (id, etag) = (answer.reservation_id, answer.etag.clone());
    let response = Json(answer).into_response();
    match id {
        None => response,
        Some(id) => tagged(etag.as_deref(), created(format!("/v1/reservations/{id}"), response)),
    }
}

fn tagged(etag: Option<&str>, mut response: Response) -> Response {
    if let Some(etag) = etag.and_then(|etag| HeaderValue::from_str(etag).ok()) {
        response.headers_mut().insert(header::ETAG, etag);
    }
    response
}

/// What is held for whom.
#[utoipa::path(get, path = "/v1/reservations", tag = "admission", responses((status = 200, body = Reservations)))]
pub(super) async fn list(State(app): State<App>) -> Result<Json<Reservations>, Failure> {
    Ok(Json(app.engine.ask(|engine| engine.reservations()).await?))
}

/// One reservation.
#[utoipa::path(get, path = "/v1/reservations/{id}", tag = "admission", params(("id" = u64, Path)),
    responses(
        (status = 200, body = Reservation, headers(("ETag" = String))),
        (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn show(State(app): State<App>, Id(id): Id) -> Result<Response, Failure> {
    let reservation = app.engine.ask(move |engine| engine.reservation(id)).await??;
    Ok(tagged(Some(&reservation.etag.clone()), Json(reservation).into_response()))
}

/// Confirms a reservation, which then stays until it is cancelled or a target takes it over.
#[utoipa::path(put, path = "/v1/reservations/{id}", tag = "admission", request_body = Confirmation,
    params(("id" = u64, Path), ("If-Match" = String, Header, description = "The etag of the admission")),
    responses(
        (status = 200, body = Reservation, headers(("ETag" = String))),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "It has expired, or never was"),
        (status = 412, body = Problem, content_type = "application/problem+json", description = "It has changed"),
        (status = 413, body = Problem, content_type = "application/problem+json"),
        (status = 415, body = Problem, content_type = "application/problem+json"),
        (status = 428, body = Problem, content_type = "application/problem+json", description = "If-Match is missing")))]
pub(super) async fn confirm(
    State(app): State<App>,
    Extension(owner): Extension<Owner>,
    Id(id): Id,
    headers: HeaderMap,
    body: Body<Confirmation>,
) -> Result<Response, Failure> {
    let Some(etag) = headers.get(header::IF_MATCH) else {
        let rule = Failure::argument("Confirming needs If-Match with the etag of the admission");
        return Ok(problem(StatusCode::PRECONDITION_REQUIRED, &rule));
    };
    if body.value.state != LeaseState::Confirmed {
        return Err(Failure::argument("A reservation can only be confirmed; to give it back, DELETE it"));
    }
    let etag = etag.to_str().unwrap_or_default().to_owned();
    match app.engine.ask(move |engine| engine.confirm(owner, id, &etag)).await? {
        Ok(reservation) => Ok(tagged(Some(&reservation.etag.clone()), Json(reservation).into_response())),
        Err(failure) if failure.kind == ErrorKind::InvalidState => {
            Ok(problem(StatusCode::PRECONDITION_FAILED, &failure))
        }
        Err(failure) => Err(failure),
    }
}

/// Gives a reservation back.
#[utoipa::path(delete, path = "/v1/reservations/{id}", tag = "admission", params(("id" = u64, Path)),
    responses(
        (status = 204),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn cancel(
    State(app): State<App>,
    Extension(owner): Extension<Owner>,
    Id(id): Id,
) -> Result<StatusCode, Failure> {
    app.engine.ask(move |engine| engine.cancel(owner, id)).await??;
    Ok(StatusCode::NO_CONTENT)
}
