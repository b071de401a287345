//! Answers.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;

use super::super::engine::Answer;
use super::super::{Failure, view};

/// An answer with its entity tag, or a refusal: as RFC 9457 has it for those who accept that, else as the i2CAT dialect
/// has it. Both bodies are the same.
pub(super) fn respond(asked: &HeaderMap, result: Result<Answer, Failure>) -> Response {
    match result {
        Ok(answer) => done(asked, answer),
        Err(failure) => refused(asked, &failure),
    }
}

fn done(asked: &HeaderMap, answer: Answer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let Some(body) = answer.body else { return status.into_response() };
    let tag = view::entity_tag(&body);
    if asked.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return with_tag(StatusCode::NOT_MODIFIED.into_response(), &tag);
    }
    with_tag(json(status, "application/json", &body), &tag)
}

fn with_tag(mut response: Response, tag: &str) -> Response {
    if let Ok(tag) = HeaderValue::from_str(tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

fn refused(asked: &HeaderMap, failure: &Failure) -> Response {
    let status = StatusCode::from_u16(failure.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let accepts = asked.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let kind = match accepts.contains("application/problem+json") {
        true => "application/problem+json",
        false => "application/json",
    };
    let mut response = json(status, kind, &failure.problem());
    match status {
        StatusCode::UNAUTHORIZED => {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        StatusCode::SERVICE_UNAVAILABLE => {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        _ => {}
    }
    response
}

pub(super) fn json(status: StatusCode, kind: &'static str, body: &impl Serialize) -> Response {
    // What is answered has a JSON form: it was read from one, or is made of texts and numbers.
    let body = serde_json::to_string(body).unwrap_or_default();
    (status, [(header::CONTENT_TYPE, kind)], body).into_response()
}
