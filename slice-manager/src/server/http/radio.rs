//! Radio chunks below their infrastructure, radio services below their chunk.

use axum::Router;
use axum::extract::Path;
use axum::response::Response;
use axum::routing::{get, post};

use super::App;
use super::body::Asked;
use super::list::{page, with_next};
use super::resources::{ask_to_create, new_id, shown, visible};
use crate::api::{Id, Kind, RadioChunk, RadioService, Resource, Typed as _};
use crate::compose::CompositionError;
use crate::server::Failure;
use crate::server::engine::{Answer, Ask};

/// Ids of a path, from the infrastructure down.
type Ids = Path<Vec<String>>;

pub(super) fn routes() -> Router<App> {
    let chunks = "/ran_infrastructure/{ran}/radio_chunk";
    let services = "/ran_infrastructure/{ran}/radio_chunk/{chunk}/radio_service";
    Router::new()
        .route(chunks, get(list_chunks).post(create_chunk))
        .route(&format!("{chunks}/validate"), post(not_implemented))
        .route(&format!("{chunks}/{{chunk}}"), get(show).put(replace).delete(delete))
        .route(&format!("{chunks}/{{chunk}}/chunk_topology"), get(topology))
        .route(services, get(list_services).post(create_service))
        .route(&format!("{services}/{{service}}"), get(show).put(replace).delete(delete))
}

async fn not_implemented(asked: Asked) -> Response {
    asked.answer(Err(Failure::NotImplemented { group: "radio_chunk/validate".into() }))
}

/// What the last id of a path names, if everything above it is right.
fn target(asked: &Asked, ids: &[String]) -> Result<(Kind, Id), Failure> {
    let ids: Vec<Id> = ids.iter().map(Id::new).collect();
    let world = asked.app.engine.shared().world();
    let mut last = None;
    let kinds = [Kind::RanInfrastructure, Kind::RadioChunk, Kind::RadioService];
    for (index, (kind, id)) in kinds.into_iter().zip(&ids).enumerate() {
        let found = visible(&asked.caller, &world, kind, id)?;
        if index > 0 && above(found) != ids.get(index - 1) {
            return Err(CompositionError::NotFound { kind, id: id.clone() }.into());
        }
        last = Some((kind, id.clone()));
    }
    last.ok_or_else(|| Failure::UnknownPath { path: "radio".into() })
}

/// What a radio chunk or service lies below.
fn above(resource: &Resource) -> Option<&Id> {
    let chunk = RadioChunk::of(resource).map(|chunk| &chunk.ran_infrastructure_id);
    chunk.or_else(|| RadioService::of(resource).map(|service| &service.radio_chunk_id))
}

/// A body below the path's last id, which it may repeat.
fn below(asked: &Asked, above: &Id, kind: Kind, id: Id) -> Result<Resource, Failure> {
    let mut resource = asked.resource(kind, id)?;
    if let Some(said) = self::above(&resource).filter(|said| !said.as_str().is_empty() && *said != above) {
        return Err(Failure::malformed(format!("The path says {above} and the body says {said}")));
    }
    if let Resource::RadioChunk(chunk) = &mut resource {
        chunk.ran_infrastructure_id = above.clone();
    }
    if let Resource::RadioService(service) = &mut resource {
        service.radio_chunk_id = above.clone();
    }
    Ok(resource)
}

fn inside(asked: &Asked, ids: &[String], kind: Kind) -> Response {
    let listed = target(asked, ids)
        .and_then(|(_, above)| page(asked, kind, |resource| self::above(resource) == Some(&above)));
    match listed {
        Ok((answer, next)) => {
            let response = asked.answer(Ok(answer));
            next.into_iter().fold(response, |response, next| with_next(response, &next))
        }
        Err(failure) => asked.answer(Err(failure)),
    }
}

async fn list_chunks(Path(ids): Ids, asked: Asked) -> Response {
    inside(&asked, &ids, Kind::RadioChunk)
}

async fn list_services(Path(ids): Ids, asked: Asked) -> Response {
    inside(&asked, &ids, Kind::RadioService)
}

async fn create_chunk(Path(ids): Ids, asked: Asked) -> Response {
    asked.answer(create(&asked, &ids, Kind::RadioChunk).await)
}

async fn create_service(Path(ids): Ids, asked: Asked) -> Response {
    asked.answer(create(&asked, &ids, Kind::RadioService).await)
}

async fn create(asked: &Asked, ids: &[String], kind: Kind) -> Result<Answer, Failure> {
    let (_, above) = target(asked, ids)?;
    let resource = below(asked, &above, kind, new_id())?;
    asked.change(ask_to_create(resource)).await
}

async fn show(Path(ids): Ids, asked: Asked) -> Response {
    asked.answer(target(&asked, &ids).and_then(|(kind, id)| shown(&asked, kind, &id)))
}

async fn replace(Path(ids): Ids, asked: Asked) -> Response {
    asked.answer(replaced(&asked, &ids).await)
}

async fn replaced(asked: &Asked, ids: &[String]) -> Result<Answer, Failure> {
    let (kind, id) = target(asked, ids)?;
    let above = ids.len().checked_sub(2).and_then(|index| ids.get(index)).map(Id::new).unwrap_or_default();
    let resource = below(asked, &above, kind, id)?;
    asked.change(Ask::Replace(Box::new(resource))).await
}

async fn delete(Path(ids): Ids, asked: Asked) -> Response {
    asked.answer(match target(&asked, &ids) {
        Ok((kind, id)) => asked.change(Ask::Delete(kind, id)).await,
        Err(failure) => Err(failure),
    })
}

async fn topology(Path(ids): Ids, asked: Asked) -> Response {
    let found = target(&asked, &ids).and_then(|(kind, id)| {
        let world = asked.app.engine.shared().world();
        let chunk = visible(&asked.caller, &world, kind, &id)?;
        let topology = RadioChunk::of(chunk).map(|chunk| chunk.chunk_topology.clone());
        Ok(Answer { status: 200, body: serde_json::to_value(topology).ok() })
    });
    asked.answer(found)
}
