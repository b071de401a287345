//! Resources of all kinds: made, shown, deleted.

use axum::extract::{Path, Request};
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::body::Asked;
use super::reply::respond;
use crate::api::{Id, Kind, Resource};
use crate::compose::CompositionError;
use crate::server::access::{Caller, TokenDigest, new_token};
use crate::server::engine::{Answer, Ask};
use crate::server::{Failure, seal, view};

/// Groups of the API that this server does not have.
const ABSENT: [&str; 8] = [
    "telemetry",
    "ran_topology",
    "configured_ran_topology",
    "box",
    "slic3_template",
    "slic3_type",
    "slic3_instance",
    "openstack_project",
];

/// The kind of a collection directly below the API's root.
pub(super) fn kind(path: &str) -> Result<Kind, Failure> {
    if ABSENT.contains(&path) {
        return Err(Failure::NotImplemented { group: path.into() });
    }
    let nested = [Kind::RadioChunk, Kind::RadioService];
    let found = Kind::from_path(path).filter(|kind| !nested.contains(kind));
    found.ok_or_else(|| Failure::UnknownPath { path: path.into() })
}

pub(super) async fn create(Path(path): Path<String>, asked: Asked) -> Response {
    asked.answer(created(&asked, &path).await)
}

async fn created(asked: &Asked, path: &str) -> Result<Answer, Failure> {
    let resource = asked.resource(kind(path)?, new_id())?;
    asked.change(ask_to_create(resource)).await
}

/// A new resource without its secrets, and these.
pub(super) fn ask_to_create(mut resource: Resource) -> Ask {
    let secrets = seal::take_secrets(&mut resource);
    Ask::Create(Box::new(resource), secrets)
}

pub(super) fn new_id() -> Id {
    Id::new(Uuid::new_v4().to_string())
}

pub(super) async fn show(Path((path, id)): Path<(String, String)>, asked: Asked) -> Response {
    asked.answer(kind(&path).and_then(|kind| shown(&asked, kind, &Id::new(id))))
}

/// A resource that the caller may see.
pub(super) fn shown(asked: &Asked, kind: Kind, id: &Id) -> Result<Answer, Failure> {
    let world = asked.app.engine.shared().world();
    let resource = visible(&asked.caller, &world, kind, id)?;
    Ok(Answer { status: 200, body: Some(view::render(&world, resource)) })
}

pub(super) fn visible<'a>(
    caller: &Caller,
    world: &'a crate::World,
    kind: Kind,
    id: &Id,
) -> Result<&'a Resource, Failure> {
    let found = world.get(kind, id)?;
    match caller.sees(found) {
        true => Ok(found),
        false => Err(CompositionError::NotFound { kind, id: id.clone() }.into()),
    }
}

pub(super) async fn delete(Path((path, id)): Path<(String, String)>, asked: Asked) -> Response {
    asked.answer(match kind(&path) {
        Ok(kind) => asked.change(Ask::Delete(kind, Id::new(id))).await,
        Err(failure) => Err(failure),
    })
}

/// A token with which one acts for a user.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Token {
    token: String,
}

/// `POST /user/{id}/token`: a new token of a user, shown once. An addition to the dialect.
pub(super) async fn token(Path(id): Path<String>, asked: Asked) -> Response {
    asked.answer(given(&asked, Id::new(id)).await)
}

async fn given(asked: &Asked, user: Id) -> Result<Answer, Failure> {
    if asked.caller != Caller::Operator {
        return Err(Failure::Forbidden { reason: "Only the operator gives tokens".into() });
    }
    if asked.headers.contains_key("idempotency-key") {
        // An answer that can be repeated would have to be kept.
        return Err(Failure::malformed("No Idempotency-Key here: a token is shown once and kept nowhere"));
    }
    let token = new_token()?;
    asked.change(Ask::Token(user, TokenDigest::of(&token))).await?;
    Ok(Answer { status: 200, body: serde_json::to_value(Token { token }).ok() })
}

/// Three parts of a path that are none of the routes.
pub(super) async fn unknown(Path((group, ..)): Path<(String, String, String)>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let absent = kind(&group).err().filter(|failure| matches!(failure, Failure::NotImplemented { .. }));
    let scaled = path.ends_with("/scale") || path.ends_with("/reaction");
    let failure = match absent {
        Some(failure) => failure,
        None if group == "network_service_instance" && scaled => Failure::NotImplemented { group: path },
        None => Failure::UnknownPath { path },
    };
    respond(request.headers(), Err(failure))
}

pub(super) async fn unknown_path(request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let group = path.strip_prefix("/api/v1.0/").and_then(|rest| rest.split('/').next()).unwrap_or_default();
    let failure = match kind(group) {
        Err(absent @ Failure::NotImplemented { .. }) => absent,
        Ok(_) | Err(_) => Failure::UnknownPath { path },
    };
    respond(request.headers(), Err(failure))
}

pub(super) async fn wrong_method(request: Request) -> Response {
    respond(request.headers(), Err(Failure::WrongMethod { method: request.method().to_string() }))
}
