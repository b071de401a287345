//! Refusals as HTTP.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::ErrorKind;
use crate::serve::api::{Failure, Problem};

/// The status that tells a kind.
pub(super) fn status(kind: ErrorKind) -> StatusCode {
    match kind {
        ErrorKind::InvalidArgument => StatusCode::BAD_REQUEST,
        ErrorKind::NotFound => StatusCode::NOT_FOUND,
        ErrorKind::InvalidState | ErrorKind::NoResources | ErrorKind::AlreadyExists => StatusCode::CONFLICT,
        ErrorKind::Busy => StatusCode::SERVICE_UNAVAILABLE,
        ErrorKind::PermissionDenied => StatusCode::FORBIDDEN,
        ErrorKind::Unsupported => StatusCode::NOT_IMPLEMENTED,
        ErrorKind::Timeout => StatusCode::GATEWAY_TIMEOUT,
        ErrorKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// A refusal with a status of its own.
pub(super) fn problem(status: StatusCode, failure: &Failure) -> Response {
    let problem = Problem {
        type_: format!("urn:aivirt:error:{}", failure.kind.name()),
        title: status.canonical_reason().unwrap_or_default().to_owned(),
        status: status.as_u16(),
        kind: failure.kind.name().to_owned(),
        detail: failure.detail.clone(),
    };
    let body = serde_json::to_vec(&problem).unwrap_or_default();
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    if failure.kind == ErrorKind::Busy {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        problem(status(self.kind), &self)
    }
}
