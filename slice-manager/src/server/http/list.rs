//! Collections: filters of the dialect, and pages for those who want them.

use axum::extract::Path;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use serde::Deserialize;

use super::body::Asked;
use super::resources::kind;
use crate::World;
use crate::api::{Id, Kind, RadioChunk, Resource, Slice, Typed as _, User};
use crate::server::engine::Answer;
use crate::server::{Failure, view};

/// Longest page.
const PAGE: usize = 1_000;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Filter {
    user_id: Option<Id>,
    name: Option<String>,
    email: Option<String>,
    /// Slices with a radio chunk that has this radio.
    phy_id: Option<String>,
    /// Longest answer; without it all.
    limit: Option<usize>,
    /// Begin behind this id: `Link` of the page before says so.
    cursor: Option<Id>,
}

pub(super) async fn list(Path(path): Path<String>, asked: Asked) -> Response {
    match kind(&path).and_then(|kind| page(&asked, kind, |_| true)) {
        Ok((answer, None)) => asked.answer(Ok(answer)),
        Ok((answer, Some(next))) => with_next(asked.answer(Ok(answer)), &next),
        Err(failure) => asked.answer(Err(failure)),
    }
}

/// Resources that the caller may see and the filter lets through, and the query of the next page if there is one.
pub(super) fn page(
    asked: &Asked,
    kind: Kind,
    belongs: impl Fn(&Resource) -> bool,
) -> Result<(Answer, Option<String>), Failure> {
    let filter: Filter = asked.query()?;
    let limit = match filter.limit {
        Some(limit) if (1..=PAGE).contains(&limit) => limit,
        Some(_) => return Err(Failure::malformed(format!("The query: limit is 1 to {PAGE}"))),
        None => usize::MAX,
    };
    let world = asked.app.engine.shared().world();
    let begin = filter.cursor.clone().unwrap_or_default();
    let wanted = |resource: &&Resource| {
        asked.caller.sees(resource) && belongs(resource) && filter.takes(&world, resource)
    };
    let mut found = world.after(kind, &begin).filter(wanted);
    let shown: Vec<&Resource> = found.by_ref().take(limit).collect();
    let next = found.next().and(shown.last()).map(|last| format!("?limit={limit}&cursor={}", last.id()));
    let body = shown.into_iter().map(|resource| view::render(&world, resource)).collect();
    Ok((Answer { status: 200, body: Some(body) }, next))
}

pub(super) fn with_next(mut response: Response, next: &str) -> Response {
    if let Ok(link) = HeaderValue::try_from(format!("<{next}>; rel=\"next\"")) {
        response.headers_mut().insert(header::LINK, link);
    }
    response
}

impl Filter {
    fn takes(&self, world: &World, resource: &Resource) -> bool {
        let email = || User::of(resource).map(|user| user.email.as_str());
        self.user_id.as_ref().is_none_or(|user| resource.owner() == user)
            && self.name.as_ref().is_none_or(|name| resource.name() == name)
            && self.email.as_ref().is_none_or(|wanted| email() == Some(wanted))
            && self.phy_id.as_ref().is_none_or(|phy| has_radio(world, resource, phy))
    }
}

/// Whether a slice's radio chunk has this radio: a number, a text, or an object with such an `id`.
fn has_radio(world: &World, resource: &Resource, phy: &str) -> bool {
    let ids = Slice::of(resource).into_iter().flat_map(|slice| &slice.chunk_ids);
    let chunks = ids.filter_map(|id| world.find::<RadioChunk>(id).ok());
    chunks.flat_map(|chunk| &chunk.chunk_topology.selected_phys).any(|radio| {
        let id = radio.get("id").unwrap_or(radio);
        match id.as_str() {
            Some(text) => text == phy,
            None => serde_json::to_string(id).is_ok_and(|number| number == phy),
        }
    })
}
