use std::convert::Infallible;

use axum::body::{Body, to_bytes};
use axum::http::{Request, Response, StatusCode, header};
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::sync::watch;
use tower::ServiceExt as _;

use super::*;
use crate::serve::engine::Owner;
use crate::serve::testing::{ALICE, ROOT, Stage};

const TOKEN: &str = "0123456789abcdef0123";

/// The interface of a sampler on a machine of one's own, and what keeps both alive.
struct Server {
    router: Router,
    stage: Stage,
    stop: watch::Sender<bool>,
}

impl Server {
    fn new() -> Server {
        Server::with(Stage::new())
    }

    fn with(stage: Stage) -> Server {
        stage.begin(1000, 7, &[8]);
        stage.begin(0, 9, &[]);
        let (journal, loaded) = crate::state::Journal::open(&stage.state_file(), stage.procfs()).unwrap();
        let (world, limits, recovery) = (stage.world.clone(), stage.limits.clone(), stage.recovery);
        let make = move || {
            let parts = (world.clone(), world.clone(), world);
            let machine = crate::serve::testing::machine();
            let mut engine = crate::serve::engine::Engine::new(machine, limits, recovery, journal, parts);
            engine.resume(&loaded).map_err(|failure| std::io::Error::other(failure.detail))?;
            Ok::<_, std::io::Error>(engine)
        };
        let (engine, _thread) = EngineHandle::start(false, make).unwrap();
        let (stop, stopping) = watch::channel(false);
        let token = Some(Token::new(TOKEN).unwrap());
        let app = App::new(engine, Survey::default, token, stage.limits.clone(), stopping);
        Server { router: app.router(), stage, stop }
    }

    async fn send(&self, origin: Origin, request: Request<Body>) -> Response<Body> {
        let mut request = request;
        request.extensions_mut().insert(origin);
        let sent: Result<_, Infallible> = self.router.clone().oneshot(request).await;
        sent.unwrap()
    }

    /// As root over the Unix socket.
    async fn ask(&self, method: &str, path: &str, body: &str) -> (StatusCode, Value) {
        self.ask_as(ROOT, method, path, body).await
    }

    async fn ask_as(&self, owner: Owner, method: &str, path: &str, body: &str) -> (StatusCode, Value) {
        let request =
            Request::builder().method(method).uri(path).header(header::CONTENT_TYPE, "application/json");
        let answer =
            self.send(Origin::Local(owner), request.body(Body::from(body.to_owned())).unwrap()).await;
        let status = answer.status();
        (status, value(answer).await)
    }
}

async fn text(answer: Response<Body>) -> String {
    let bytes = to_bytes(answer.into_body(), 1 << 24).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

async fn value(answer: Response<Body>) -> Value {
    let text = text(answer).await;
    serde_json::from_str(&text).unwrap_or(Value::Null)
}

fn get(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).unwrap()
}

const PROCESS: &str = r#"{"target":{"kind":"process","pid":7}}"#;

#[tokio::test]
async fn a_target_goes_through_all_routes() {
    let server = Server::new();
    let request =
        Request::post("/v1/targets").header(header::CONTENT_TYPE, "application/json; charset=utf-8");
    let answer = server.send(Origin::Local(ROOT), request.body(Body::from(PROCESS)).unwrap()).await;
    assert_eq!(
        (answer.status(), &answer.headers()[header::LOCATION]),
        (StatusCode::CREATED, &"/v1/targets/1".parse().unwrap())
    );
    let (status, page) = server.ask("GET", "/v1/targets", "").await;
    assert_eq!(
        (status, &page["total"], &page["targets"][0]["threads"]),
        (StatusCode::OK, &json!(1), &json!(2))
    );
    assert_eq!(server.ask("GET", "/v1/targets/1", "").await.1["settings"]["policy"], "saturation");
    let (status, view) = server.ask("PATCH", "/v1/targets/1", r#"{"policy":"seed","weight":2}"#).await;
    assert_eq!((status, &view["settings"]["policy"]), (StatusCode::OK, &json!("seed")));
    let (status, history) = server.ask("GET", "/v1/targets/1/history?limit=5", "").await;
    assert_eq!((status, &history["period_ns"]), (StatusCode::OK, &json!(100_000_000)));
    assert_eq!(server.ask("DELETE", "/v1/targets/1", "").await, (StatusCode::NO_CONTENT, Value::Null));
    assert_eq!(server.ask("GET", "/v1/targets/1", "").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn pages_follow_one_another() {
    let server = Server::new();
    for tid in [7, 8, 9] {
        let body = format!(r#"{{"target":{{"kind":"thread","tid":{tid}}}}}"#);
        assert_eq!(server.ask("POST", "/v1/targets", &body).await.0, StatusCode::CREATED);
    }
    let (_, first) = server.ask("GET", "/v1/targets?limit=2", "").await;
    assert_eq!((&first["next_after"], first["targets"].as_array().unwrap().len()), (&json!(2), 2));
    let (_, last) = server.ask("GET", "/v1/targets?limit=2&after=2", "").await;
    assert_eq!((&last["next_after"], &last["targets"][0]["id"]), (&Value::Null, &json!(3)));
}

#[tokio::test]
async fn a_reservation_goes_through_all_routes() {
    let server = Server::new();
    let asks = r#"{"kind":"deadline","runtime_ns":10000000,"period_ns":100000000,"cpus":2}"#;
    let (status, answer) = server.ask("POST", "/v1/admission", asks).await;
    assert_eq!(
        (status, &answer["admit"], &answer["reservation_id"]),
        (StatusCode::CREATED, &json!(true), &json!(1))
    );
    let confirm = |etag: &str| {
        let request = Request::put("/v1/reservations/1").header(header::CONTENT_TYPE, "application/json");
        request.header(header::IF_MATCH, etag).body(Body::from(r#"{"state":"confirmed"}"#)).unwrap()
    };
    let (status, _) = server.ask("PUT", "/v1/reservations/1", r#"{"state":"confirmed"}"#).await;
    assert_eq!(status, StatusCode::PRECONDITION_REQUIRED);
    assert_eq!(
        server.send(Origin::Local(ROOT), confirm("\"7\"")).await.status(),
        StatusCode::PRECONDITION_FAILED
    );
    let etag = answer["etag"].as_str().unwrap();
    let confirmed = server.send(Origin::Local(ROOT), confirm(etag)).await;
    assert_eq!(
        (confirmed.status(), confirmed.headers()[header::ETAG].to_str().unwrap()),
        (StatusCode::OK, "\"1-2\"")
    );
    let (_, all) = server.ask("GET", "/v1/reservations", "").await;
    assert_eq!(all["reservations"][0]["state"], "confirmed");
    let taking = r#"{"target":{"kind":"process","pid":9},"reservation":1}"#;
    let (status, view) = server.ask("POST", "/v1/targets", taking).await;
    assert_eq!((status, &view["budget_ns"]), (StatusCode::CREATED, &json!(10_000_000)));
    assert_eq!(server.ask("DELETE", "/v1/reservations/1", "").await.0, StatusCode::NOT_FOUND);
    let (status, dry) = server.ask("POST", "/v1/admission", &asks.replace("}", r#","dry_run":true}"#)).await;
    assert_eq!((status, &dry["reservation_id"]), (StatusCode::OK, &Value::Null));
}

#[tokio::test]
async fn a_repeated_request_with_the_same_key_is_done_once() {
    let server = Server::new();
    let post = |body: &'static str| {
        let request = Request::post("/v1/targets").header(header::CONTENT_TYPE, "application/json");
        request.header("idempotency-key", "a").body(Body::from(body)).unwrap()
    };
    let first = server.send(Origin::Local(ROOT), post(PROCESS)).await;
    let again = server.send(Origin::Local(ROOT), post(PROCESS)).await;
    assert_eq!(again.status(), StatusCode::CREATED);
    assert_eq!(first.headers()[header::LOCATION], again.headers()[header::LOCATION]);
    assert_eq!(value(first).await["id"], value(again).await["id"]);
    let other = server.send(Origin::Local(ROOT), post(r#"{"target":{"kind":"process","pid":9}}"#)).await;
    assert_eq!(value(other).await["detail"], "This Idempotency-Key was used for another request");
    let anothers = server.send(Origin::Local(ALICE), post(PROCESS)).await;
    assert_eq!(anothers.status(), StatusCode::CONFLICT, "keys of users are apart: it is monitored already");
}

#[tokio::test]
async fn every_refusal_is_a_problem_that_names_its_rule() {
    let server = Server::new();
    server.ask("POST", "/v1/targets", PROCESS).await;
    for (method, path, body, status, detail) in [
        ("GET", "/v2", "", 404, "There is no /v2;"),
        ("GET", "/v1/targets/x", "", 404, "\"x\" is not an id"),
        ("GET", "/v1/targets/07", "", 404, "\"07\" is not an id"),
        ("GET", "/v1/targets/9", "", 404, "There is no target 9"),
        ("GET", "/v1/targets?limit=0", "", 400, "limit is not between 1 and 1000"),
        (
            "GET",
            "/v1/targets?limits=1",
            "",
            400,
            "Failed to deserialize query string: limits: unknown field `limits`",
        ),
        ("GET", "/v1/capacity?horizon_s=-1", "", 400, "Failed to deserialize query string"),
        ("GET", "/v1/capacity?horizon_s=0", "", 400, "A horizon of 0 s is not between 1 and 14400 s"),
        ("PUT", "/v1/targets", "", 405, "/v1/targets does not take PUT"),
        ("POST", "/v1/targets", "", 400, "EOF while parsing"),
        (
            "POST",
            "/v1/targets",
            "{\"target\":{\"kind\":\"process\",\"pid\":7}} x",
            400,
            "trailing characters",
        ),
        (
            "POST",
            "/v1/targets",
            r#"{"target":{"kind":"process","pid":-7}}"#,
            400,
            "target: invalid value: integer `-7`",
        ),
        ("POST", "/v1/targets", r#"{"target":{"kind":"pod"}}"#, 400, "target.kind: unknown variant `pod`"),
        (
            "POST",
            "/v1/targets",
            r#"{"target":{"kind":"process","pid":9},"settings":{"weight":"1"}}"#,
            400,
            "settings.weight: invalid type",
        ),
        (
            "POST",
            "/v1/targets",
            r#"{"target":{"kind":"process","pid":9},"settings":{"period_ns":1}}"#,
            400,
            "Runtime of 0ns is below",
        ),
        ("POST", "/v1/targets", r#"{"target":{"kind":"process","pid":99}}"#, 404, "There is no process 99"),
        ("POST", "/v1/targets", PROCESS, 409, "Process 7 is target 1 already"),
        ("PATCH", "/v1/targets/1", r#"{"cap_percent":200}"#, 400, "A cap of 200 % is above"),
        ("POST", "/v1/admission", r#"{"kind":"partition"}"#, 501, "This daemon answers deadline and share"),
        ("PUT", "/v1/reservations/1", r#"{"state":"held"}"#, 428, "Confirming needs If-Match"),
    ] {
        let (found, problem) = server.ask(method, path, body).await;
        assert_eq!(found.as_u16(), status, "{method} {path} {body}: {problem}");
        assert_eq!(problem["status"], status, "{problem}");
        assert!(problem["detail"].as_str().unwrap().starts_with(detail), "{method} {path} {body}: {problem}");
        let kind = problem["kind"].as_str().unwrap();
        assert_eq!(problem["type"], format!("urn:aivirt:error:{kind}"));
    }
}

#[tokio::test]
async fn bodies_of_another_type_or_beyond_the_limit_are_refused() {
    let server = Server::new();
    let plain = Request::post("/v1/targets").body(Body::from(PROCESS)).unwrap();
    assert_eq!(server.send(Origin::Local(ROOT), plain).await.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let long = " ".repeat(server.stage.limits.body_bytes + 1);
    let (status, problem) = server.ask("POST", "/v1/targets", &long).await;
    assert_eq!(
        (status, problem["detail"].as_str().unwrap()),
        (StatusCode::PAYLOAD_TOO_LARGE, "A body is at most 65536 bytes long")
    );
}

#[tokio::test]
async fn a_body_that_never_ends_is_not_waited_for() {
    let mut stage = Stage::new();
    stage.limits.request_timeout_ms = 100;
    let server = Server::with(stage);
    let endless = http_body_util::BodyExt::boxed_unsync(http_body_util::StreamBody::new(Endless));
    let request = Request::post("/v1/targets").header(header::CONTENT_TYPE, "application/json");
    let answer = server.send(Origin::Local(ROOT), request.body(Body::new(endless)).unwrap()).await;
    assert_eq!(answer.status(), StatusCode::GATEWAY_TIMEOUT);
}

/// A stream that has nothing yet, for ever.
struct Endless;

impl futures_core::Stream for Endless {
    type Item = Result<hyper::body::Frame<axum::body::Bytes>, Infallible>;

    fn poll_next(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        std::task::Poll::Pending
    }
}

const LOOPBACK: Origin = Origin::Network { loopback: true };
const REMOTE: Origin = Origin::Network { loopback: false };

#[tokio::test]
async fn over_tcp_a_token_may_everything_and_nobody_may_little() {
    let server = Server::new();
    let request = |method: &str, path: &str, token: Option<&str>| {
        let request = Request::builder().method(method).uri(path).header(header::HOST, "localhost:9470");
        let request = match token {
            Some(token) => request.header(header::AUTHORIZATION, format!("Bearer {token}")),
            None => request,
        };
        request.header(header::CONTENT_TYPE, "application/json").body(Body::from(PROCESS)).unwrap()
    };
    for (origin, method, path, token, status) in [
        (LOOPBACK, "GET", "/v1/targets", None, 200),
        (LOOPBACK, "GET", "/metrics", None, 200),
        (LOOPBACK, "POST", "/v1/targets", None, 401),
        (LOOPBACK, "DELETE", "/v1/targets/1", None, 401),
        (LOOPBACK, "GET", "/v1/targets", Some("wrong"), 401),
        (LOOPBACK, "POST", "/v1/targets", Some(TOKEN), 201),
        (REMOTE, "GET", "/v1/targets", None, 401),
        (REMOTE, "GET", "/metrics", None, 401),
        (REMOTE, "GET", "/healthz", None, 200),
        (REMOTE, "GET", "/readyz", None, 200),
        (REMOTE, "GET", "/v1/targets", Some("0123456789abcdef0124"), 401),
        (REMOTE, "GET", "/v1/targets", Some(TOKEN), 200),
        (REMOTE, "DELETE", "/v1/targets/1", Some(TOKEN), 204),
    ] {
        let answer = server.send(origin, request(method, path, token)).await;
        assert_eq!(answer.status().as_u16(), status, "{origin:?} {method} {path} {token:?}");
        let asks = answer.headers().get(header::WWW_AUTHENTICATE).is_some();
        assert_eq!(asks, status == 401);
        assert!(!text(answer).await.contains(TOKEN));
    }
}

/// A page in a browser can make it ask 127.0.0.1 under the page's own name.
#[tokio::test]
async fn requests_under_another_machines_name_get_nothing_from_loopback() {
    let server = Server::new();
    for (host, status) in
        [("localhost", 200), ("127.0.0.1:9470", 200), ("[::1]:9470", 200), ("evil.example", 403)]
    {
        let request = Request::get("/v1/targets").header(header::HOST, host).body(Body::empty()).unwrap();
        assert_eq!(server.send(LOOPBACK, request).await.status().as_u16(), status, "{host}");
    }
}

#[test]
fn short_tokens_are_refused_and_none_is_shown() {
    assert!(Token::new("short\n").unwrap_err().detail.contains("at least 16"));
    assert!(!format!("{:?}", Token::new(TOKEN).unwrap()).contains(TOKEN));
}

/// Reads until `done` is in what was read.
async fn read_until(body: &mut Body, done: &str) -> String {
    let mut read = String::new();
    while !read.contains(done) {
        let frame = http_body_util::BodyExt::frame(body).await.expect("the stream goes on").unwrap();
        read.push_str(std::str::from_utf8(frame.data_ref().unwrap()).unwrap());
    }
    read
}

#[tokio::test]
async fn events_come_as_they_happen_and_go_on_where_a_reader_left_off() {
    let server = Server::new();
    let mut live = server.send(Origin::Local(ROOT), get("/v1/events")).await.into_body();
    read_until(&mut live, "retry").await;
    server.ask("POST", "/v1/targets", PROCESS).await;
    let first = read_until(&mut live, "target-added").await;
    let id = first.lines().find_map(|line| line.strip_prefix("id: ")).unwrap().to_owned();
    assert!(id.ends_with("-1") && first.contains("\ndata: {\"seq\":1,"), "{first}");
    drop(live);
    server.ask("DELETE", "/v1/targets/1", "").await;
    let again = Request::get("/v1/events").header("last-event-id", &id).body(Body::empty()).unwrap();
    let mut again = server.send(Origin::Local(ROOT), again).await.into_body();
    let read = read_until(&mut again, "target-released").await;
    assert!(!read.contains("target-added"), "{read}");
    let other = Request::get("/v1/events").header("last-event-id", "1-99").body(Body::empty()).unwrap();
    let mut other = server.send(Origin::Local(ROOT), other).await.into_body();
    assert!(
        read_until(&mut other, "target-released").await.contains("target-added"),
        "another run's id begins anew"
    );
    let wrong = Request::get("/v1/events").header("last-event-id", "seven").body(Body::empty()).unwrap();
    assert_eq!(server.send(Origin::Local(ROOT), wrong).await.status(), StatusCode::BAD_REQUEST);
    server.stop.send_replace(true);
    while http_body_util::BodyExt::frame(&mut again).await.is_some() {}
    assert_eq!(
        server.send(Origin::Local(ROOT), get("/readyz")).await.status(),
        StatusCode::SERVICE_UNAVAILABLE
    );
}

#[tokio::test]
async fn a_reader_who_missed_too_much_is_told() {
    let mut stage = Stage::new();
    stage.limits.events = 16;
    let server = Server::with(stage);
    for _ in 0..20 {
        let (_, view) = server.ask("POST", "/v1/targets", PROCESS).await;
        server.ask("DELETE", &format!("/v1/targets/{}", view["id"]), "").await;
    }
    let mut body = server.send(Origin::Local(ROOT), get("/v1/events?since=0")).await.into_body();
    let read = read_until(&mut body, "\"seq\":40").await;
    assert!(
        read.contains("event: missed\ndata: {\"seq\":24,") && read.contains("24 events are no longer"),
        "{read}"
    );
}

#[tokio::test]
async fn metrics_are_counted_and_come_in_both_formats() {
    let server = Server::new();
    server.ask("POST", "/v1/targets", PROCESS).await;
    server.ask("GET", "/nowhere/at/all", "").await;
    let plain = text(server.send(Origin::Local(ROOT), get("/metrics")).await).await;
    for line in [
        "vman_deadline_targets 1",
        "vman_deadline_threads 2",
        "# TYPE vman_deadline_setattr_total counter",
        "vman_deadline_setattr_total{result=\"ok\"} 2",
        "vman_deadline_target_budget_seconds{target=\"1\"} 0.02",
        "vman_deadline_http_requests_total{method=\"POST\",route=\"/v1/targets\",status=\"201\"} 1",
        "vman_deadline_http_requests_total{method=\"GET\",route=\"none\",status=\"404\"} 1",
    ] {
        assert!(plain.lines().any(|found| found == line), "{line} is not in\n{plain}");
    }
    assert!(!plain.contains("# EOF") && !plain.contains("# UNIT"));
    let open = Request::get("/metrics").header(header::ACCEPT, "application/openmetrics-text; version=1.0.0");
    let open = text(server.send(Origin::Local(ROOT), open.body(Body::empty()).unwrap()).await).await;
    assert!(open.ends_with("# EOF\n") && open.contains("# TYPE vman_deadline_setattr counter"));
}

/// Every route of the router is in the document, and every reference in the document leads somewhere.
#[tokio::test]
async fn the_openapi_document_is_whole() {
    let server = Server::new();
    let document = value(server.send(Origin::Local(ROOT), get("/v1/openapi.json")).await).await;
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let mut operations = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            operations += 1;
            let request =
                Request::builder().method(method.to_uppercase().as_str()).uri(path.replace("{id}", "1"));
            let status =
                server.send(Origin::Local(ROOT), request.body(Body::empty()).unwrap()).await.status();
            let told = operation["responses"].get(status.as_str()).is_some();
            assert!(told, "{method} {path} answers {status}, which the document does not tell");
        }
    }
    assert_eq!(operations, 18);
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(document.pointer(reference).is_some(), "{reference} leads nowhere");
    }
}

/// Bodies that are nearly right, and bodies that are anything.
fn body() -> impl Strategy<Value = String> {
    let number = prop_oneof![
        any::<u64>().prop_map(|n| json!(n)),
        any::<i64>().prop_map(|n| json!(n)),
        any::<f64>().prop_map(|n| json!(n)),
        (0..200_000_000_u64).prop_map(|n| json!(n)),
        Just(json!(null)),
        Just(json!(7)),
    ];
    let key = prop::sample::select(vec![
        "period_ns",
        "deadline_ns",
        "initial_ns",
        "sampling_ns",
        "window",
        "overhead_percent",
        "cap_percent",
        "floor_ns",
        "weight",
        "runtime_ns",
        "cpus",
        "horizon_s",
        "lease_ms",
        "memory_bytes",
        "pid",
        "tid",
    ]);
    let settings = prop::collection::hash_map(key.clone(), number.clone(), 0..5).prop_map(|map| json!(map));
    let target = prop_oneof![
        (number.clone(), prop::sample::select(vec!["process", "thread", "cgroup"]))
            .prop_map(|(id, kind)| json!({ "kind": kind, "pid": id.clone() })),
        Just(json!({ "kind": "process", "pid": 7 })),
        Just(json!({ "kind": "thread", "tid": 9 })),
        any::<String>().prop_map(|path| json!({ "kind": "cgroup", "path": path })),
    ];
    let asks = (prop::sample::select(vec!["deadline", "share", "partition"]), settings.clone()).prop_map(
        |(kind, map)| {
            let mut map = map.as_object().cloned().unwrap_or_default();
            map.insert("kind".into(), json!(kind));
            Value::Object(map)
        },
    );
    prop_oneof![
        (target, settings.clone())
            .prop_map(|(target, settings)| json!({ "target": target, "settings": settings }).to_string()),
        settings.prop_map(|settings| settings.to_string()),
        asks.prop_map(|asks| asks.to_string()),
        any::<String>(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    /// Whatever is sent is answered, and never by a failure of ours; what is refused is a problem.
    #[test]
    fn no_body_breaks_the_daemon(bodies in prop::collection::vec((body(), 0..4_usize), 1..12)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let server = Server::new();
            for (body, route) in &bodies {
                let (method, path) = [
                    ("POST", "/v1/targets"), ("PATCH", "/v1/targets/1"), ("POST", "/v1/admission"), ("PUT", "/v1/reservations/1"),
                ][*route];
                let (status, answer) = server.ask(method, path, body).await;
                assert!(status.as_u16() < 500 || status == StatusCode::NOT_IMPLEMENTED, "{body}: {status} {answer}");
                assert!(status.is_success() || answer["detail"].is_string(), "{body}: {answer}");
            }
            assert_eq!(server.ask("GET", "/v1/targets", "").await.0, StatusCode::OK);
            assert!(server.stage.world.inner().kernel.total() <= crate::serve::testing::machine().capacity());
        });
    }
}
