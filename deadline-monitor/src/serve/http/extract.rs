//! What routes take out of a request, with refusals that name the rule.

use axum::body::to_bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::de::DeserializeOwned;

use super::App;
use super::problem::problem;
use crate::serve::api::{Failure, parse};

/// A JSON body, and the bytes that it was.
pub(super) struct Body<T> {
    pub(super) value: T,
    pub(super) bytes: Vec<u8>,
}

impl<T: DeserializeOwned> FromRequest<App> for Body<T> {
    type Rejection = Response;

    async fn from_request(request: Request, app: &App) -> Result<Body<T>, Response> {
        let kind = request
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok())
            .unwrap_or_default();
        let essence = kind.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/json") {
            let rule = Failure::argument(format!("A body of type \"{kind}\" is not application/json"));
            return Err(problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, &rule));
        }
        let most = app.limits.body_bytes;
        let bytes = to_bytes(request.into_body(), most).await.map_err(|error| unreadable(&error, most))?;
        parse(&bytes)
            .map(|value| Body { value, bytes: bytes.to_vec() })
            .map_err(|failure| failure.into_response())
    }
}

fn unreadable(error: &axum::Error, most: usize) -> Response {
    let causes = std::iter::successors(std::error::Error::source(error), |error| error.source());
    if causes.into_iter().any(<dyn std::error::Error>::is::<http_body_util::LengthLimitError>) {
        let rule = Failure::argument(format!("A body is at most {most} bytes long"));
        return problem(StatusCode::PAYLOAD_TOO_LARGE, &rule);
    }
    Failure::argument(format!("The body did not arrive: {error}")).into_response()
}

/// Parameters behind the question mark.
pub(super) struct Params<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequestParts<App> for Params<T> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Params<T>, Response> {
        let wrong = |error: axum::extract::rejection::QueryRejection| {
            Failure::argument(error.body_text()).into_response()
        };
        Query::try_from_uri(&parts.uri).map(|Query(params)| Params(params)).map_err(wrong)
    }
}

/// The number in a path.
pub(super) struct Id(pub(super) u64);

impl FromRequestParts<App> for Id {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Id, Response> {
        let path = Path::<String>::from_request_parts(parts, app).await;
        let text = path.map(|Path(text)| text).unwrap_or_default();
        // Digits only: "+7" and "007" are not how an id is written.
        let number = text.parse::<u64>().ok().filter(|number| number.to_string() == text);
        number.map(Id).ok_or_else(|| Failure::not_found(format!("\"{text}\" is not an id")).into_response())
    }
}
