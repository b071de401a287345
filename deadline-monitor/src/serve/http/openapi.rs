//! The OpenAPI document, made from the routes and types themselves.

use axum::http::header;
use axum::response::IntoResponse;
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};

use super::{events, metrics, reservations, system, targets};
use crate::serve::api::Event;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "deadline-monitor",
        description = "SCHED_DEADLINE budgets that fit. Times are nanoseconds unless their name says otherwise. Over the Unix \
                       socket the kernel tells who asks; over TCP a bearer token does."
    ),
    paths(
        targets::list, targets::add, targets::show, targets::change, targets::release, targets::history,
        reservations::capacity, reservations::admit, reservations::list, reservations::show, reservations::confirm,
        reservations::cancel, events::stream, system::doctor, system::healthz, system::readyz, metrics::serve, serve,
    ),
    components(schemas(Event)),
    modifiers(&Token),
)]
struct Document;

struct Token;

impl utoipa::Modify for Token {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
        document.components.get_or_insert_default().add_security_scheme("token", scheme);
    }
}

/// The document as JSON.
pub fn document() -> String {
    Document::openapi().to_pretty_json().unwrap_or_default()
}

/// This document.
#[utoipa::path(get, path = "/v1/openapi.json", tag = "system",
    responses((status = 200, body = Object, content_type = "application/json")))]
pub(super) async fn serve() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], document())
}
