//! The interface as other people's programs see it.

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::schemathesis;
use crate::support::{Daemon, Place, Program, Turn, eventually, exchange, has};

/// A port that was free a moment ago.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn metrics(place: &Place) -> String {
    exchange(UnixStream::connect(place.socket()).unwrap(), "GET", "/metrics", "").unwrap().1
}

#[test]
fn promtool_finds_nothing_wrong_with_the_metrics() {
    let name = "promtool_finds_nothing_wrong_with_the_metrics";
    if !has(name, "promtool") {
        return;
    }
    let Some(_turn) = Turn::take(name) else { return };
    let (place, program) = (Place::new(), Program::sleeping());
    let daemon = place.serve(&[]);
    daemon.add(&program, "{}");
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    promtool.stdin.take().unwrap().write_all(metrics(&place).as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A Prometheus that is killed with this value.
struct Prometheus {
    child: Child,
    port: u16,
}

impl Prometheus {
    fn start(place: &Place, scraped: u16) -> Prometheus {
        let port = free_port();
        let config = place.path("prometheus.yml");
        let text = format!(
            "global: {{scrape_interval: 1s}}\nscrape_configs:\n- job_name: deadline-monitor\n  static_configs: [{{targets: ['127.0.0.1:{scraped}']}}]\n"
        );
        fs::write(&config, text).unwrap();
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", place.path("tsdb").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Prometheus { child, port }
    }

    /// The value of an expression with one answer.
    fn value(&self, expression: &str) -> Option<f64> {
        let stream = std::net::TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        let escaped: String = expression.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let (status, body) = exchange(stream, "GET", &format!("/api/v1/query?query={escaped}"), "")?;
        let start = body.find('{').filter(|_| status == 200)?;
        let answer: Value = serde_json::Deserializer::from_str(&body[start..]).into_iter().next()?.ok()?;
        answer["data"]["result"][0]["value"][1].as_str()?.parse().ok()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_real_prometheus_scrapes_the_daemon() {
    let name = "a_real_prometheus_scrapes_the_daemon";
    if !has(name, "prometheus") {
        return;
    }
    let Some(_turn) = Turn::take(name) else { return };
    let (place, port) = (Place::new(), free_port());
    let daemon = place.serve(&["--listen", &format!("127.0.0.1:{port}")]);
    let program = Program::shell("while :; do :; done");
    daemon.add(&program, r#"{"policy":"static","initial_ns":30000000}"#);
    let prometheus = Prometheus::start(&place, port);
    eventually("a scrape", || prometheus.value("up") == Some(1.0));
    eventually("a sample of the target", || prometheus.value("vman_deadline_targets") == Some(1.0));
    assert_eq!(prometheus.value("vman_deadline_target_budget_seconds{target=\"1\"}"), Some(0.03));
    eventually("two samples a while apart", || {
        prometheus
            .value("rate(vman_deadline_target_used_seconds_total[10s])")
            .is_some_and(|rate| (0.15..0.6).contains(&rate))
    });
    assert!(prometheus.value("vman_deadline_sample_lag_seconds_count").is_some_and(|count| count > 0.0));
}

/// The document that is served is compared with what is answered to many generated requests, right and wrong ones.
#[test]
fn the_interface_answers_as_its_openapi_document_says() {
    let name = "the_interface_answers_as_its_openapi_document_says";
    let program = match schemathesis::installed() {
        Ok(program) => program,
        Err(reason) => {
            return println!("SKIPPED: {name}: schemathesis cannot be installed from PyPI: {reason}");
        }
    };
    let Some(_turn) = Turn::take(name) else { return };
    let (place, port, target) = (Place::new(), free_port(), Program::sleeping());
    let token = place.path("token");
    fs::write(&token, "schemathesis-token-1").unwrap();
    fs::set_permissions(&token, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let daemon: Daemon = place.serve(&[
        "--listen",
        &format!("127.0.0.1:{port}"),
        "--token-file",
        token.to_str().unwrap(),
        "--log",
        "warn",
    ]);
    daemon.add(&target, "{}");
    let url = format!("http://127.0.0.1:{port}/v1/openapi.json");
    schemathesis::check(&program, &url, "schemathesis-token-1", "/v1/events", &place.path("."));
    assert_eq!(daemon.ask("GET", "/readyz", "").0, 200);
    // The document tells 501 for what this daemon does not do; a failure of its own is another matter.
    let counted = metrics(&place);
    assert!(!counted.contains("status=\"500\"") && !counted.contains("status=\"504\""), "{counted}");
}
