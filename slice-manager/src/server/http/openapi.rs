//! The OpenAPI 3.1 document: schemas from the types themselves, routes by kind.

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value, json};
use utoipa::OpenApi;

use super::body::NAME;
use super::{chunks, reply, resources};
use crate::api::{self, Kind};
use crate::server::{failure, view};

/// Root of the API.
const ROOT: &str = "/api/v1.0";

#[derive(OpenApi)]
#[openapi(components(schemas(
    api::User,
    api::Compute,
    api::PhysicalNetwork,
    api::RanInfrastructure,
    api::ComputeChunk,
    api::NetworkChunk,
    api::RadioChunk,
    api::RadioService,
    api::Slice,
    api::NetworkService,
    api::NetworkServiceInstance,
    api::ChunkIds,
    chunks::CpusBody,
    chunks::RamBody,
    chunks::StorageBody,
    resources::Token,
    failure::Problem,
    view::SliceView,
)))]
struct Schemas;

/// `GET /openapi.json`, for everybody: it says nothing of this server's resources.
pub(super) async fn serve() -> Response {
    reply::json(StatusCode::OK, "application/json", &document())
}

/// The document.
pub fn document() -> Value {
    let mut paths = Map::new();
    for kind in Kind::ALL.iter().copied().filter(|kind| !below_radio(*kind)) {
        let path = format!("{ROOT}/{}", kind.path());
        paths.insert(path.clone(), collection(kind, &[]));
        paths.insert(format!("{path}/{{id}}"), one(kind, &["id"], false));
    }
    radio(&mut paths);
    changes(&mut paths);
    paths.insert(
        "/metrics".into(),
        json!({"get": operation("metrics", "Figures for Prometheus", &[], None, text())}),
    );
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Slice Manager",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Slices, chunks and computes in the dialect of the i2CAT Slice Manager.",
        },
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": schemas(),
        },
    })
}

/// The schemas, with the rule that holds for all names.
fn schemas() -> Value {
    let document = serde_json::to_value(Schemas::openapi()).unwrap_or_default();
    let mut schemas = document["components"]["schemas"].clone();
    for kind in Kind::ALL {
        if let Some(name) = schemas.pointer_mut(&format!("/{}/properties/name", kind.type_name())) {
            name["minLength"] = 1.into();
            name["maxLength"] = NAME.into();
        }
    }
    schemas
}

/// Name of the schema of what is answered for a kind.
const fn answered(kind: Kind) -> &'static str {
    match kind {
        Kind::Slice => "SliceView",
        Kind::User
        | Kind::Compute
        | Kind::PhysicalNetwork
        | Kind::RanInfrastructure
        | Kind::ComputeChunk
        | Kind::NetworkChunk
        | Kind::RadioChunk
        | Kind::RadioService
        | Kind::NetworkService
        | Kind::NetworkServiceInstance => kind.type_name(),
    }
}

const fn below_radio(kind: Kind) -> bool {
    matches!(kind, Kind::RadioChunk | Kind::RadioService)
}

fn radio(paths: &mut Map<String, Value>) {
    let chunks = format!("{ROOT}/ran_infrastructure/{{ran}}/radio_chunk");
    let services = format!("{chunks}/{{chunk}}/radio_service");
    paths.insert(chunks.clone(), collection(Kind::RadioChunk, &["ran"]));
    paths.insert(format!("{chunks}/{{chunk}}"), one(Kind::RadioChunk, &["ran", "chunk"], true));
    let topology = operation(
        "radio_chunk",
        "Radios and links of a chunk",
        &["ran", "chunk"],
        None,
        known("ChunkTopology"),
    );
    paths.insert(format!("{chunks}/{{chunk}}/chunk_topology"), json!({"get": topology}));
    paths.insert(services.clone(), collection(Kind::RadioService, &["ran", "chunk"]));
    paths.insert(
        format!("{services}/{{service}}"),
        one(Kind::RadioService, &["ran", "chunk", "service"], true),
    );
}

fn changes(paths: &mut Map<String, Value>) {
    for (quota, body) in [("cpus", "CpusBody"), ("ram", "RamBody"), ("storage", "StorageBody")] {
        let summary = format!("Another quota: {quota}");
        let put = operation("compute_chunk", &summary, &["id"], Some(body), nothing());
        paths.insert(format!("{ROOT}/compute_chunk/{{id}}/{quota}"), json!({"put": put}));
    }
    for verb in ["add_chunks", "del_chunks"] {
        let put = operation("slic3", verb, &["id"], Some("ChunkIds"), known(answered(Kind::Slice)));
        paths.insert(format!("{ROOT}/slic3/{{id}}/{verb}"), json!({"put": put}));
    }
    let token = operation("user", "A token of a user, shown once", &["id"], None, known("Token"));
    paths.insert(format!("{ROOT}/user/{{id}}/token"), json!({"post": token}));
    let events =
        json!({"200": {"description": "Events as they happen", "content": {"text/event-stream": {}}}});
    paths.insert(
        format!("{ROOT}/events"),
        json!({"get": operation("events", "What happens", &[], None, events)}),
    );
}

fn collection(kind: Kind, above: &[&str]) -> Value {
    let name = kind.path();
    let list = json!({"type": "array", "items": reference(answered(kind))});
    let mut get =
        operation(name, &format!("All of kind {name}"), above, None, body("Those that one may see", &list));
    if let Some(Value::Array(parameters)) = get.get_mut("parameters") {
        parameters.extend(filters());
    }
    let mut post =
        operation(name, &format!("A new {name}"), above, Some(kind.type_name()), known(answered(kind)));
    if let Some(Value::Array(parameters)) = post.get_mut("parameters") {
        let schema = json!({"type": "string", "minLength": 1, "maxLength": 128});
        parameters.push(json!({"name": "Idempotency-Key", "in": "header", "schema": schema}));
    }
    json!({"get": get, "post": post})
}

fn one(kind: Kind, ids: &[&str], replaceable: bool) -> Value {
    let name = kind.path();
    let get = operation(name, &format!("One {name}"), ids, None, known(answered(kind)));
    let delete = operation(name, &format!("A {name} less"), ids, None, nothing());
    let mut item = json!({"get": get, "delete": delete});
    if replaceable {
        let put = operation(
            name,
            &format!("Another content of a {name}"),
            ids,
            Some(kind.type_name()),
            known(answered(kind)),
        );
        item["put"] = put;
    }
    item
}

fn filters() -> Vec<Value> {
    let query = |name: &str, schema: Value| json!({"name": name, "in": "query", "schema": schema});
    let mut filters: Vec<Value> = ["user_id", "name", "email", "phy_id", "cursor"]
        .map(|name| query(name, json!({"type": "string"})))
        .into();
    filters.push(query("limit", json!({"type": "integer", "minimum": 1, "maximum": 1000})));
    filters
}

fn operation(tag: &str, summary: &str, ids: &[&str], sends: Option<&str>, good: Value) -> Value {
    let parameters: Vec<Value> = ids
        .iter()
        .map(|id| json!({"name": id, "in": "path", "required": true, "schema": {"type": "string"}}))
        .collect();
    let mut responses = good;
    for (status, description) in REFUSALS {
        responses[status] = json!({"description": description, "content": {
            "application/json": {"schema": reference("Problem")},
            "application/problem+json": {"schema": reference("Problem")},
        }});
    }
    let mut operation =
        json!({"tags": [tag], "summary": summary, "parameters": parameters, "responses": responses});
    if let Some(schema) = sends {
        let content = json!({"application/json": {"schema": reference(schema)}});
        operation["requestBody"] = json!({"required": true, "content": content});
    }
    operation
}

const REFUSALS: [(&str, &str); 11] = [
    ("400", "Malformed: the detail says what and where"),
    ("401", "No token, or a wrong one"),
    ("403", "Not allowed with this token"),
    ("404", "There is none"),
    ("405", "Not possible here"),
    ("409", "A composition rule is broken, or the back end refused"),
    ("412", "If-Match names another state"),
    ("422", "The Idempotency-Key was used for another request"),
    ("501", "Not implemented by this server"),
    ("503", "Back end or store are not available; nothing was changed"),
    ("504", "Not done in time; it may still be done"),
];

fn reference(schema: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{schema}")})
}

fn known(schema: &str) -> Value {
    body("Done", &reference(schema))
}

fn body(description: &str, schema: &Value) -> Value {
    let tag = json!({"ETag": {"schema": {"type": "string"}}});
    json!({"200": {"description": description, "headers": tag, "content": {"application/json": {"schema": schema}}}})
}

fn nothing() -> Value {
    json!({"204": {"description": "Done"}})
}

fn text() -> Value {
    json!({"200": {"description": "OpenMetrics", "content": {"application/openmetrics-text": {"schema": {"type": "string"}}}}})
}
