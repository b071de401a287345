//! What clients send.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

use super::App;
use super::reply::respond;
use crate::api::{Id, Kind, Resource};
use crate::server::Failure;
use crate::server::access::Caller;
use crate::server::engine::{Answer, Ask, Job, RequestKey};

/// Longest name, in characters.
pub(super) const NAME: usize = 255;
/// Longest `Idempotency-Key`.
const KEY: usize = 128;

/// A request whose body was read whole.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) app: App,
    pub(super) caller: Caller,
    pub(super) headers: HeaderMap,
    method: Method,
    path: String,
    query: Option<String>,
    body: Bytes,
}

impl FromRequest<App> for Asked {
    type Rejection = Response;

    async fn from_request(request: Request, app: &App) -> Result<Self, Response> {
        let (parts, body) = request.into_parts();
        let Parts { method, uri, headers, extensions, .. } = parts.clone();
        let Some(caller) = extensions.get::<Caller>().cloned() else {
            return Err(respond(&headers, Err(Failure::Unauthorised)));
        };
        let read = Bytes::from_request(Request::from_parts(parts, body), app).await;
        let body = read.map_err(|error| {
            respond(&headers, Err(Failure::malformed(format!("The body cannot be read: {error}"))))
        })?;
        let (path, query) = (uri.path().to_owned(), uri.query().map(str::to_owned));
        Ok(Self { app: app.clone(), caller, headers, method, path, query, body })
    }
}

impl Asked {
    /// The body as a value of this type.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        let mut source = serde_json::Deserializer::from_slice(&self.body);
        let value = serde_path_to_error::deserialize(&mut source).map_err(|error| at(&error))?;
        source.end().map_err(|error| Failure::malformed(format!("The body: {error}")))?;
        Ok(value)
    }

    /// The body as a resource with this id. A client gives no ids.
    pub(super) fn resource(&self, kind: Kind, id: Id) -> Result<Resource, Failure> {
        let mut track = serde_path_to_error::Track::new();
        let mut source = serde_json::Deserializer::from_slice(&self.body);
        let read =
            Resource::deserialize(kind, serde_path_to_error::Deserializer::new(&mut source, &mut track));
        let mut resource = read.map_err(|error| {
            Failure::malformed(format!("In {}: {error}", place(&track.path().to_string())))
        })?;
        source.end().map_err(|error| Failure::malformed(format!("The body: {error}")))?;
        if !resource.id().as_str().is_empty() && *resource.id() != id {
            return Err(Failure::malformed("In id: the server gives ids"));
        }
        if !(1..=NAME).contains(&resource.name().chars().count()) {
            return Err(Failure::malformed(format!("In name: it has 1 to {NAME} characters")));
        }
        resource.set_id(id);
        Ok(resource)
    }

    /// The parameters of the query.
    pub(super) fn query<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        let uri = format!("/?{}", self.query.as_deref().unwrap_or_default());
        let uri = uri.parse().map_err(|_| Failure::malformed("The query is none"))?;
        let query = axum::extract::Query::<T>::try_from_uri(&uri);
        query.map(|query| query.0).map_err(|error| Failure::malformed(format!("The query: {error}")))
    }

    /// Has a change done, once if it comes with a key, and only if the resource is as `If-Match` says.
    pub(super) async fn change(&self, ask: Ask) -> Result<Answer, Failure> {
        let (mut job, receiver) = Job::new(self.caller.clone(), ask);
        job.if_match = self.header("if-match")?.map(str::to_owned);
        job.key = self.key()?;
        self.app.engine.ask(job, receiver).await
    }

    fn key(&self) -> Result<Option<RequestKey>, Failure> {
        let Some(key) = self.header("idempotency-key")? else { return Ok(None) };
        if self.method != Method::POST {
            return Ok(None);
        }
        if !(1..=KEY).contains(&key.len()) {
            return Err(Failure::malformed(format!("An Idempotency-Key has 1 to {KEY} characters")));
        }
        let mut digest = Sha256::new();
        for part in [self.method.as_str().as_bytes(), self.path.as_bytes(), &self.body] {
            digest.update(part.len().to_le_bytes());
            digest.update(part);
        }
        Ok(Some(RequestKey { key: key.to_owned(), request: digest.finalize().into() }))
    }

    fn header(&self, name: &str) -> Result<Option<&str>, Failure> {
        let value = self.headers.get(name).map(|value| value.to_str());
        value.transpose().map_err(|_| Failure::malformed(format!("The header {name} is no text")))
    }

    pub(super) fn answer(&self, result: Result<Answer, Failure>) -> Response {
        respond(&self.headers, result)
    }
}

fn at(error: &serde_path_to_error::Error<serde_json::Error>) -> Failure {
    Failure::malformed(format!("In {}: {}", place(&error.path().to_string()), error.inner()))
}

fn place(path: &str) -> &str {
    if path == "." { "the body" } else { path }
}

/// Who asks, for what has no body.
impl FromRequestParts<App> for Caller {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Response> {
        let caller = parts.extensions.get::<Self>().cloned();
        caller.ok_or_else(|| respond(&parts.headers, Err(Failure::Unauthorised)))
    }
}
