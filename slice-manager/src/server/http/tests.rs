//! The routes over an engine in memory, without sockets.

use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use serde_json::{Value, json};
use tokio::sync::watch;
use tower::ServiceExt as _;

use super::App;
use crate::api::ComputeType;
use crate::backend::Fake;
use crate::server::access::TokenDigest;
use crate::server::engine::{self, EngineHandle};
use crate::server::seal::Seal;
use crate::server::store::Store;

const OPERATOR: &str = "operator-token-for-tests";

struct Site {
    router: Router,
    engine: EngineHandle,
    _dir: tempfile::TempDir,
}

/// An answer: status, entity tag, `Link`, body.
#[derive(Debug)]
struct Got {
    status: u16,
    tag: String,
    link: String,
    kind: String,
    body: Value,
}

impl Site {
    fn new() -> Self {
        Self::with(Some(TokenDigest::of(OPERATOR)))
    }

    fn with(operator: Option<TokenDigest>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let seal = Seal::open(&dir.path().join("key")).unwrap();
        let backends: engine::Backends = vec![(ComputeType::Fake, Box::new(Fake))];
        let engine = engine::start(Store::in_memory().unwrap(), seal, backends).unwrap();
        let (_, stopping) = watch::channel(false);
        let app = App::new(engine.clone(), operator, Duration::from_secs(5), stopping);
        Self { router: app.router(), engine, _dir: dir }
    }

    async fn send(&self, token: &str, line: &str, headers: &[(&str, &str)], body: &str) -> Got {
        let (method, path) = line.split_once(' ').unwrap();
        let path = if path.starts_with("/api") || ["/metrics", "/openapi.json"].contains(&path) {
            path.to_owned()
        } else {
            format!("/api/v1.0{path}")
        };
        let mut request = Request::builder().method(method).uri(path);
        if !token.is_empty() {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let header = |name: &str| {
            let value = response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
            value.unwrap_or_default()
        };
        let (tag, link, kind) = (header("etag"), header("link"), header("content-type"));
        let status = response.status().as_u16();
        let bytes = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Got { status, tag, link, kind, body }
    }

    async fn post(&self, path: &str, body: Value) -> Got {
        self.send(OPERATOR, &format!("POST {path}"), &[], &body.to_string()).await
    }

    async fn put(&self, path: &str, body: Value) -> Got {
        self.send(OPERATOR, &format!("PUT {path}"), &[], &body.to_string()).await
    }

    async fn get(&self, path: &str) -> Got {
        self.send(OPERATOR, &format!("GET {path}"), &[], "").await
    }

    async fn made(&self, path: &str, body: Value) -> String {
        let got = self.post(path, body).await;
        assert_eq!(got.status, 200, "{got:?}");
        got.body["id"].as_str().unwrap().to_owned()
    }

    async fn user(&self, name: &str) -> String {
        self.made("/user", json!({"name": name, "email": format!("{name}@example.org")})).await
    }

    async fn compute(&self, user: &str) -> String {
        self.made(
            "/compute",
            json!({"name": "edge", "user_id": user, "compute_type": "fake", "compute_data": {
            "address": "10.0.0.1", "admin_password": "hunter2",
            "quota": {"cpus": {"total": 8}, "ram": {"total": 16, "units": "GB"}}}}),
        )
        .await
    }

    async fn chunk(&self, user: &str, compute: &str, cpus: u32) -> String {
        self.made("/compute_chunk", chunk(user, compute, cpus)).await
    }

    /// What is said in a refusal.
    async fn refused(&self, line: &str, body: Value, status: u16) -> String {
        let got = self.send(OPERATOR, line, &[], &body.to_string()).await;
        assert_eq!(got.status, status, "{line}: {got:?}");
        got.body["message"].as_str().unwrap().to_owned()
    }
}

fn chunk(user: &str, compute: &str, cpus: u32) -> Value {
    json!({"name": "c", "user_id": user, "compute_id": compute, "username": "u", "password": "s3cret",
        "requirements": {"cpus": {"required": cpus}, "ram": {"required": 1024, "units": "MB"}}})
}

#[tokio::test]
async fn a_slice_is_made_of_chunks_resized_and_taken_apart() {
    let site = Site::new();
    let user = site.user("ann").await;
    let compute = site.compute(&user).await;
    let chunk = site.chunk(&user, &compute, 2).await;
    let other = site.chunk(&user, &compute, 1).await;
    let slice = site.post("/slic3", json!({"name": "s", "user_id": user, "chunk_ids": [chunk]})).await;
    assert_eq!(slice.body["chunks"]["compute_chunk"][0]["id"], chunk.as_str());
    assert_eq!(slice.body["activation_status"], "configured");
    let slice = format!("/slic3/{}", slice.body["id"].as_str().unwrap());
    assert_eq!(site.put(&format!("{slice}/add_chunks"), json!({"chunk_ids": [other]})).await.status, 200);
    let resized = site.put(&format!("/compute_chunk/{chunk}/cpus"), json!({"cpus": {"required": 3.5}})).await;
    assert_eq!((resized.status, &resized.body), (204, &json!("")));
    let quota = &site.get(&format!("/compute/{compute}")).await.body["compute_data"]["quota"];
    assert_eq!((&quota["cpus"]["provisioned"], &quota["ram"]["provisioned"]), (&json!(4.5), &json!(2)));
    let in_use = site.refused(&format!("DELETE /compute_chunk/{chunk}"), json!({}), 409).await;
    assert!(in_use.contains("is used by the slic3"), "{in_use}");
    assert_eq!(site.put(&format!("{slice}/del_chunks"), json!({"chunk_ids": [other]})).await.status, 200);
    assert_eq!(site.send(OPERATOR, &format!("DELETE {slice}"), &[], "").await.status, 204);
    assert_eq!(site.send(OPERATOR, &format!("DELETE /compute_chunk/{chunk}"), &[], "").await.status, 204);
    assert_eq!(site.get(&format!("/compute_chunk/{chunk}")).await.status, 404);
    site.engine.stop();
}

#[tokio::test]
async fn quotas_never_exceed_what_a_compute_has_whoever_asks_at_once() {
    let site = Site::new();
    let user = site.user("ann").await;
    let compute = site.compute(&user).await;
    let body = chunk(&user, &compute, 3).to_string();
    let asked = (0..8).map(|_| site.send(OPERATOR, "POST /compute_chunk", &[], &body));
    let mut made = 0;
    let mut answers = tokio::task::JoinSet::new();
    for ask in asked.collect::<Vec<_>>() {
        let got = ask.await;
        answers.spawn(async move { got.status });
    }
    while let Some(status) = answers.join_next().await {
        let status = status.unwrap();
        assert!(status == 200 || status == 409, "{status}");
        made += u32::from(status == 200);
    }
    assert_eq!(made, 2);
    let said = site.refused("POST /compute_chunk", chunk(&user, &compute, 3), 409).await;
    assert!(said.contains("2 of cores free") && said.contains("3 is asked for"), "{said}");
}

#[tokio::test]
async fn secrets_are_never_shown() {
    let site = Site::new();
    let user = site.user("ann").await;
    let compute = site.compute(&user).await;
    site.chunk(&user, &compute, 1).await;
    for path in ["/compute", "/compute_chunk"] {
        let text = site.get(path).await.body.to_string();
        assert!(
            !text.contains("hunter2") && !text.contains("s3cret") && !text.contains("password"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_repeated_post_with_a_key_is_done_once() {
    let site = Site::new();
    let body = json!({"name": "ann", "email": "a@example.org"}).to_string();
    let key = [("idempotency-key", "k1")];
    let first = site.send(OPERATOR, "POST /user", &key, &body).await;
    let again = site.send(OPERATOR, "POST /user", &key, &body).await;
    assert_eq!((first.status, &first.body), (again.status, &again.body));
    assert_eq!(site.get("/user").await.body.as_array().unwrap().len(), 1);
    let other = site.send(OPERATOR, "POST /user", &key, &body.replace("ann", "bob")).await;
    assert_eq!(other.status, 422, "{other:?}");
}

#[tokio::test]
async fn a_change_that_expects_another_state_is_refused() {
    let site = Site::new();
    let user = site.user("ann").await;
    let compute = site.compute(&user).await;
    let chunk = site.chunk(&user, &compute, 1).await;
    let path = format!("/compute_chunk/{chunk}");
    let tag = site.get(&path).await.tag;
    let line = format!("PUT {path}/cpus");
    let good = site.send(OPERATOR, &line, &[("if-match", &tag)], r#"{"cpus": 2}"#).await;
    assert_eq!(good.status, 204, "{good:?}");
    let stale = site.send(OPERATOR, &line, &[("if-match", &tag)], r#"{"cpus": 3}"#).await;
    assert_eq!((stale.status, stale.body["title"].as_str()), (412, Some("changed")));
    let now = site.get(&path).await;
    assert_eq!(now.body["requirements"]["cpus"]["required"], 2);
    let known = site.send(OPERATOR, &format!("GET {path}"), &[("if-none-match", &now.tag)], "").await;
    assert_eq!(known.status, 304);
}

#[tokio::test]
async fn users_see_and_change_only_what_is_theirs() {
    let site = Site::new();
    let (ann, bob) = (site.user("ann").await, site.user("bob").await);
    let compute = site.compute(&ann).await;
    let token =
        site.post(&format!("/user/{bob}/token"), json!({})).await.body["token"].as_str().unwrap().to_owned();
    let chunk_of_ann = site.chunk(&ann, &compute, 1).await;
    let as_bob = async |line: &str, body: Value| site.send(&token, line, &[], &body.to_string()).await;
    assert_eq!(as_bob("POST /compute_chunk", chunk(&bob, &compute, 1)).await.status, 200);
    assert_eq!(as_bob("POST /compute_chunk", chunk(&ann, &compute, 1)).await.status, 403);
    assert_eq!(as_bob(&format!("GET /compute_chunk/{chunk_of_ann}"), json!({})).await.status, 404);
    assert_eq!(as_bob(&format!("DELETE /compute_chunk/{chunk_of_ann}"), json!({})).await.status, 404);
    assert_eq!(
        as_bob(&format!("PUT /compute_chunk/{chunk_of_ann}/cpus"), json!({"cpus": 1})).await.status,
        404
    );
    assert_eq!(as_bob("GET /compute_chunk", json!({})).await.body.as_array().unwrap().len(), 1);
    assert_eq!(as_bob("POST /user", json!({"name": "eve", "email": "e"})).await.status, 403);
    assert_eq!(as_bob(&format!("DELETE /compute/{compute}"), json!({})).await.status, 403);
    assert_eq!(as_bob(&format!("POST /user/{bob}/token"), json!({})).await.status, 403);
    assert_eq!(site.send("", "GET /user", &[], "").await.status, 401);
    assert_eq!(site.send("wrong", "GET /user", &[], "").await.status, 401);
}

#[tokio::test]
async fn an_open_server_serves_everybody_but_the_pages_of_others() {
    let site = Site::with(None);
    for (headers, status) in [
        (vec![], 200),
        (vec![("host", "127.0.0.1:8480")], 200),
        (vec![("host", "localhost:8480")], 200),
        (vec![("host", "[::1]:8480")], 200),
        (vec![("host", "evil.example.org")], 403),
        (vec![("host", "127.0.0.1:8480"), ("origin", "http://evil.example.org")], 403),
        (vec![("authorization", "Bearer wrong")], 401),
    ] {
        let got = site.send("", "GET /user", &headers, "").await;
        assert_eq!(got.status, status, "{headers:?}: {got:?}");
    }
}

#[tokio::test]
async fn a_token_is_never_answered_twice() {
    let site = Site::new();
    let user = site.user("ann").await;
    let line = format!("POST /user/{user}/token");
    let with_key = site.send(OPERATOR, &line, &[("idempotency-key", "k")], "").await;
    assert_eq!(with_key.status, 400, "{with_key:?}");
    let mut tokens = Vec::new();
    for _ in 0..2 {
        let got = site.send(OPERATOR, &line, &[], "").await;
        tokens.push(got.body["token"].as_str().unwrap().to_owned());
    }
    assert_ne!(tokens[0], tokens[1]);
    for token in tokens {
        assert_eq!(site.send(&token, "GET /user", &[], "").await.status, 200);
    }
}

#[tokio::test]
async fn lists_are_filtered_and_come_in_pages() {
    let site = Site::new();
    for name in ["ann", "bob", "eve"] {
        site.user(name).await;
    }
    assert_eq!(site.get("/user?name=bob").await.body[0]["name"], "bob");
    let first = site.get("/user?limit=2").await;
    assert_eq!(first.body.as_array().unwrap().len(), 2);
    let next = first.link.split_once('<').unwrap().1.split_once('>').unwrap().0;
    let last = site.get(&format!("/user{next}")).await;
    assert_eq!((last.body.as_array().unwrap().len(), last.link.as_str()), (1, ""));
    for query in ["limit=0", "limit=x", "colour=red", "limit=5000"] {
        let said = site.refused(&format!("GET /user?{query}"), json!({}), 400).await;
        assert!(said.contains("query"), "{said}");
    }
}

#[tokio::test]
async fn bad_input_is_refused_with_what_is_wrong_and_where() {
    let site = Site::new();
    let user = site.user("ann").await;
    let compute = site.compute(&user).await;
    let with = |path: &str, value: Value| {
        let mut body = chunk(&user, &compute, 1);
        *body.pointer_mut(path).unwrap() = value;
        body
    };
    for (body, place) in [
        (with("/requirements/cpus/required", json!(-1)), "requirements.cpus"),
        (with("/requirements/ram/units", json!("TB")), "requirements.ram"),
        (with("/name", json!("")), "name"),
        (with("/name", json!(7)), "name"),
        (json!([]), "the body"),
        (json!({"name": "x"}), "the body"),
    ] {
        let said = site.refused("POST /compute_chunk", body, 400).await;
        assert!(said.contains(&format!("In {place}")), "{said}");
    }
    let got = site.send(OPERATOR, "POST /compute_chunk", &[], "{").await;
    assert_eq!(got.status, 400, "{got:?}");
    let problem = [("accept", "application/problem+json")];
    let got = site.send(OPERATOR, "GET /compute_chunk/none", &problem, "").await;
    assert_eq!((got.status, got.kind.as_str()), (404, "application/problem+json"));
    assert_eq!(got.body["type"], "urn:aivirt:slice-manager:not-found");
    let long = site.send(OPERATOR, "POST /user", &[], &" ".repeat(300 << 10)).await;
    assert_eq!(long.status, 400, "{long:?}");
}

#[tokio::test]
async fn what_the_api_has_and_this_server_has_not_answers_501() {
    let site = Site::new();
    for line in [
        "GET /telemetry",
        "POST /slic3_template",
        "GET /ran_topology",
        "GET /box/1/rf_port",
        "POST /network_service_instance/1/scale",
        "POST /ran_infrastructure/1/radio_chunk/validate",
    ] {
        site.refused(line, json!({}), 501).await;
    }
    site.refused("GET /nothing", json!({}), 404).await;
    site.refused("GET /user/1/nothing/at/all", json!({}), 404).await;
    site.refused("PATCH /user", json!({}), 405).await;
}

#[tokio::test]
async fn radio_chunks_and_services_live_below_their_infrastructure() {
    let site = Site::new();
    let user = site.user("ann").await;
    let compute = site.compute(&user).await;
    let ran = site.made("/ran_infrastructure", json!({"name": "r", "user_id": user})).await;
    let other = site.made("/ran_infrastructure", json!({"name": "q", "user_id": user})).await;
    let radio = json!({"name": "rc", "user_id": user, "chunk_topology": {"selectedPhys": [{"id": "phy1"}]}});
    let path = format!("/ran_infrastructure/{ran}/radio_chunk");
    let radio = site.made(&path, radio).await;
    assert_eq!(site.get(&format!("/ran_infrastructure/{other}/radio_chunk/{radio}")).await.status, 404);
    let cores = site.chunk(&user, &compute, 1).await;
    let slice = site.made("/slic3", json!({"name": "s", "user_id": user, "chunk_ids": [radio, cores]})).await;
    let found = site.get("/slic3?phy_id=phy1").await;
    assert_eq!(
        (found.body[0]["id"].as_str(), found.body.as_array().unwrap().len()),
        (Some(slice.as_str()), 1)
    );
    let wifi = json!({"name": "w", "user_id": user, "slic3_id": slice, "wifi_config": {"ssid": "x"}});
    let service = site.made(&format!("{path}/{radio}/radio_service"), wifi.clone()).await;
    let cellular = json!({"name": "w", "user_id": user, "slic3_id": slice, "cellular_config": {"band": 78}});
    let rule = site.refused(&format!("PUT {path}/{radio}/radio_service/{service}"), cellular, 409).await;
    assert!(rule.contains("access-network"), "{rule}");
    let topology = site.get(&format!("{path}/{radio}/chunk_topology")).await;
    assert_eq!(topology.body["selectedPhys"][0]["id"], "phy1");
    site.refused(&format!("DELETE {path}/{radio}"), json!({}), 409).await;
    assert_eq!(
        site.send(OPERATOR, &format!("DELETE {path}/{radio}/radio_service/{service}"), &[], "").await.status,
        204
    );
}

#[tokio::test]
async fn figures_are_served_for_prometheus() {
    let site = Site::new();
    let user = site.user("ann").await;
    site.compute(&user).await;
    let text = site.get("/metrics").await.body.as_str().unwrap().to_owned();
    assert!(text.contains("slice_manager_resources{kind=\"compute\"} 1"), "{text}");
    assert!(text.contains("slice_manager_compute_cores{compute="), "{text}");
    assert!(text.contains("slice_manager_requests_total{"), "{text}");
    assert_eq!(StatusCode::OK.as_u16(), site.get("/metrics").await.status);
}

#[tokio::test]
async fn every_route_of_the_document_is_there_and_its_schemas_know_what_is_answered() {
    let site = Site::new();
    let document = site.send("", "GET /openapi.json", &[], "").await.body;
    assert_eq!(document, super::document(), "served without a token");
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            let path = path.replace(['{', '}'], "");
            if path.ends_with("/events") {
                continue;
            }
            let got = site.send(OPERATOR, &format!("{} {path}", method.to_uppercase()), &[], "").await;
            let rule = got.body["title"].as_str().unwrap_or_default();
            assert!(
                !["unknown-path", "wrong-method", "not-implemented"].contains(&rule),
                "{method} {path}: {got:?}"
            );
        }
    }
    let user = site.user("ann").await;
    let compute = site.compute(&user).await;
    let chunk = site.chunk(&user, &compute, 1).await;
    site.made("/slic3", json!({"name": "s", "user_id": user, "chunk_ids": [chunk]})).await;
    for (kind, schema) in
        [("user", "User"), ("compute", "Compute"), ("compute_chunk", "ComputeChunk"), ("slic3", "SliceView")]
    {
        let properties = document["components"]["schemas"][schema]["properties"].as_object().unwrap();
        let body = site.get(&format!("/{kind}")).await.body[0].clone();
        for member in body.as_object().unwrap().keys() {
            assert!(properties.contains_key(member), "{member} of {kind}");
        }
    }
}
