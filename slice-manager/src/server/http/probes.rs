//! Health, readiness, figures for Prometheus.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use axum::extract::State;
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use prometheus_client::encoding::{EncodeLabelSet, text::encode};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use super::App;
use crate::api::{Compute, Cpus, Kind};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    method: String,
    route: String,
    status: u16,
}

/// Figures of the routes.
#[derive(Debug)]
pub struct Meters {
    requests: Family<Route, Counter>,
    seconds: Histogram,
}

impl Default for Meters {
    fn default() -> Self {
        Self { requests: Family::default(), seconds: Histogram::new(exponential_buckets(0.000_1, 4.0, 9)) }
    }
}

impl Meters {
    pub(super) fn count(&self, method: &Method, route: Option<&str>, status: StatusCode, took: Duration) {
        // Paths that clients invent are one label.
        let route = route.unwrap_or("none").to_owned();
        let route = Route { method: method.to_string(), route, status: status.as_u16() };
        self.requests.get_or_create(&route).inc();
        self.seconds.observe(took.as_secs_f64());
    }
}

pub(super) async fn health() -> &'static str {
    "ok\n"
}

/// Ready until the server stops.
pub(super) async fn ready(State(app): State<App>) -> Response {
    match *app.stopping.borrow() {
        false => "ok\n".into_response(),
        true => (StatusCode::SERVICE_UNAVAILABLE, "stopping\n").into_response(),
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfKind {
    kind: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfCompute {
    compute: String,
}

type Cores = Family<OfCompute, Gauge<f64, AtomicU64>>;

pub(super) async fn metrics(State(app): State<App>) -> Response {
    let mut registry = Registry::with_prefix("slice_manager");
    registry.register("requests", "Requests by route and status", app.meters.requests.clone());
    let help = "Time from a request to its answer";
    registry.register_with_unit("request_duration", help, Unit::Seconds, app.meters.seconds.clone());
    resources(&app, &mut registry);
    let mut text = String::new();
    match encode(&mut text, &registry) {
        Ok(()) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(header::CONTENT_TYPE, kind)], text).into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

fn resources(app: &App, registry: &mut Registry) {
    let world = app.engine.shared().world();
    let counts = Family::<OfKind, Gauge>::default();
    for kind in Kind::ALL {
        let count = i64::try_from(world.all(*kind).count()).unwrap_or(i64::MAX);
        counts.get_or_create(&OfKind { kind: kind.path() }).set(count);
    }
    registry.register("resources", "Resources by kind", counts);
    let (total, taken) = (Cores::default(), Cores::default());
    for compute in world.each::<Compute>() {
        let labels = OfCompute { compute: compute.id.to_string() };
        let cores = |cpus: Cpus| f64::from(cpus.millicores()) / 1_000.0;
        total.get_or_create(&labels).set(cores(compute.compute_data.quota.cpus.total));
        taken.get_or_create(&labels).set(cores(world.provisioned(&compute.id).0));
    }
    registry.register("compute_cores", "Cores of a compute", total);
    registry.register("compute_provisioned_cores", "Cores that chunks of a compute have", taken);
}
