//! `/metrics` for Prometheus.

use std::fmt::Write as _;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use super::App;
use crate::ErrorKind;
use crate::serve::api::Failure;
use crate::serve::engine::{Figures, Meters};

/// What the interface counts of itself.
#[derive(Debug, Clone)]
pub(super) struct WebMeters {
    requests: Family<RequestLabels, Counter>,
    seconds: Histogram,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: String,
    route: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TargetLabel {
    target: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabel {
    kind: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct VersionLabel {
    version: &'static str,
}

impl Default for WebMeters {
    fn default() -> WebMeters {
        let seconds = Histogram::new(exponential_buckets(1e-4, 10_f64.sqrt(), 11));
        WebMeters { requests: Family::default(), seconds }
    }
}

impl WebMeters {
    pub(super) fn count(&self, method: &Method, route: Option<String>, status: StatusCode, took: Duration) {
        let known = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
        // Whoever makes up names must not make up series.
        let method = if known.contains(method) { method.to_string() } else { "other".to_owned() };
        let route = route.unwrap_or_else(|| "none".to_owned());
        self.requests.get_or_create(&RequestLabels { method, route, status: status.as_u16() }).inc();
        self.seconds.observe(took.as_secs_f64());
    }
}

/// All metrics, in the text format of Prometheus or, if asked for, as OpenMetrics.
#[utoipa::path(get, path = "/metrics", tag = "system", responses((status = 200, body = String, content_type = "text/plain")))]
pub(super) async fn serve(State(app): State<App>, headers: HeaderMap) -> Result<Response, Failure> {
    let figures = app.engine.ask(|engine| engine.figures()).await?;
    let text = encode(&figures, app.engine.meters(), &app.meters)
        .map_err(|error| Failure::because(ErrorKind::Internal, &error))?;
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let (kind, text) = if accept.contains("application/openmetrics-text") {
        ("application/openmetrics-text; version=1.0.0; charset=utf-8", text)
    } else {
        ("text/plain; version=0.0.4; charset=utf-8", as_plain_text(&text))
    };
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}

fn encode(figures: &Figures, meters: &Meters, web: &WebMeters) -> Result<String, std::fmt::Error> {
    let mut registry = Registry::with_prefix("vman_deadline");
    let build = Family::<VersionLabel, Gauge>::default();
    build.get_or_create(&VersionLabel { version: env!("CARGO_PKG_VERSION") }).set(1);
    registry.register("build_info", "Version of the daemon, always 1", build);
    register_sums(&mut registry, figures);
    register_targets(&mut registry, figures);
    registry.register(
        "setattr",
        "Budgets asked of the kernel, by how that ended",
        meters.setattr_total.clone(),
    );
    let lag = "How late samples were";
    registry.register_with_unit("sample_lag", lag, Unit::Seconds, meters.sample_lag_seconds.clone());
    let sweep = "How long a round over all targets that were due took";
    registry.register_with_unit("sweep", sweep, Unit::Seconds, meters.sweep_seconds.clone());
    registry.register("http_requests", "Requests, by route and status", web.requests.clone());
    let took = "How long requests took";
    registry.register_with_unit("http_request_duration", took, Unit::Seconds, web.seconds.clone());
    let mut text = String::new();
    encode_registry(&mut text, &registry)?;
    encode_eof(&mut text)?;
    Ok(text)
}

fn register_sums(registry: &mut Registry, figures: &Figures) {
    let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    registry.register("targets", "Targets that are monitored", ConstGauge::new(count(figures.target_count)));
    registry.register("threads", "Threads that are monitored", ConstGauge::new(count(figures.threads)));
    registry.register(
        "reservations",
        "Reservations held for others",
        ConstGauge::new(count(figures.reservations)),
    );
    let bandwidth = Family::<KindLabel, Gauge<f64, AtomicU64>>::default();
    for (kind, cpus) in [
        ("capacity", figures.capacity_cpus),
        ("reserved", figures.reserved_cpus),
        ("held", figures.held_cpus),
        ("shared", figures.shared_cpus),
    ] {
        bandwidth.get_or_create(&KindLabel { kind }).set(cpus);
    }
    registry.register("bandwidth_cpus", "Bandwidth as a number of CPUs, by kind", bandwidth);
    let degraded = Family::<KindLabel, Gauge>::default();
    degraded.get_or_create(&KindLabel { kind: "stretched" }).set(i64::from(figures.stretched));
    degraded.get_or_create(&KindLabel { kind: "files" }).set(i64::from(figures.short_of_files));
    registry.register("degraded", "Whether the daemon does less than it should, by kind", degraded);
    let ratio = "Part of a CPU that sampling took in the last second";
    registry.register("sampler_cpu_ratio", ratio, ConstGauge::new(figures.sampler_cpu_ratio));
    let used = "CPU time that monitored threads used";
    registry.register_with_unit("used", used, Unit::Seconds, ConstCounter::new(figures.used_seconds_total));
    for (name, help, value) in [
        (
            "missed_samples",
            "Samples that were left out because the sampler was late",
            figures.missed_samples_total,
        ),
        ("budget_changes", "Budgets that were changed", figures.changes_total),
        ("refusals", "Budgets that the kernel or a quota refused", figures.refusals_total),
    ] {
        registry.register(name, help, ConstCounter::new(value));
    }
}

fn register_targets(registry: &mut Registry, figures: &Figures) {
    type Gauges = Family<TargetLabel, Gauge<f64, AtomicU64>>;
    let [budget, period, saturated, threads] = std::array::from_fn(|_| Gauges::default());
    let used = Family::<TargetLabel, Counter<f64, AtomicU64>>::default();
    for one in &figures.targets {
        let label = TargetLabel { target: one.id };
        budget.get_or_create(&label).set(one.budget_seconds);
        period.get_or_create(&label).set(one.period_seconds);
        saturated.get_or_create(&label).set(f64::from(u8::from(one.saturated)));
        threads.get_or_create(&label).set(f64::from(u32::try_from(one.threads).unwrap_or(u32::MAX)));
        used.get_or_create(&label).inc_by(one.used_seconds_total);
    }
    let seconds = || Unit::Seconds;
    registry.register_with_unit("target_budget", "Q of all threads of a target", seconds(), budget);
    registry.register_with_unit("target_period", "P of a target", seconds(), period);
    registry.register("target_saturated", "Whether a target wanted more than it had", saturated);
    registry.register("target_threads", "Threads of a target", threads);
    registry.register_with_unit("target_used", "CPU time that a target used", seconds(), used);
}

/// OpenMetrics in the older text format: counters carry `_total` in their descriptions too, units and the end are not
/// told.
fn as_plain_text(open: &str) -> String {
    let counters: Vec<&str> =
        open.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" counter")).collect();
    let mut plain = String::with_capacity(open.len());
    for line in open.lines() {
        let described = line.strip_prefix("# HELP ").or_else(|| line.strip_prefix("# TYPE "));
        match described.and_then(|rest| rest.split_once(' ')) {
            Some((name, rest)) if counters.contains(&name) => {
                let word = line.get(2..6).unwrap_or_default();
                let _ = writeln!(plain, "# {word} {name}_total {rest}");
            }
            None if line.starts_with("# ") => {}
            Some(_) | None => {
                let _ = writeln!(plain, "{line}");
            }
        }
    }
    plain
}
