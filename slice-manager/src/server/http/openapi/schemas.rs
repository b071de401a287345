//! Schemas. What is sent is strict, what is answered may grow.

use serde_json::{Map, Value, json};

use crate::api::Kind;

/// Name of the schema of what is sent for a kind.
pub(super) fn sent(kind: Kind) -> String {
    format!("new_{}", kind.path())
}

/// Name of the schema of what is answered for a kind.
pub(super) fn answered(kind: Kind) -> String {
    kind.path().to_owned()
}

/// All schemas by name.
pub(super) fn all() -> Map<String, Value> {
    let mut all = parts();
    for kind in Kind::ALL.iter().copied() {
        let (required, optional, given) = members(kind);
        all.insert(sent(kind), object(&required, &optional, true));
        let mut shown: Vec<_> = required.into_iter().chain(optional).chain(given).collect();
        shown.retain(|(name, _)| !matches!(*name, "password" | "chunk_ids"));
        shown.push(("id", text()));
        all.insert(answered(kind), object(&[("id", text())], &shown, false));
    }
    all
}

type Members = Vec<(&'static str, Value)>;

/// Members that must be sent, may be sent, and only the server gives.
fn members(kind: Kind) -> (Members, Members, Members) {
    let owned = |more: Members| -> Members {
        [("name", name()), ("user_id", text())].into_iter().chain(more).collect()
    };
    let any = || json!({});
    match kind {
        Kind::User => (vec![("name", name()), ("email", text())], vec![], vec![]),
        Kind::Compute => (
            owned(vec![("compute_type", known("compute_type")), ("compute_data", known("compute_data"))]),
            vec![("location", any()), ("trusted", flag()), ("available_phy_net", texts())],
            vec![],
        ),
        Kind::PhysicalNetwork => (
            owned(vec![("physical_network_data", known("physical_network_data"))]),
            vec![("data_subnetpool", maybe()), ("mgmt_subnetpool", maybe()), ("local_network_data", any())],
            vec![],
        ),
        Kind::RanInfrastructure => {
            (owned(vec![]), vec![("location", any()), ("ran_infrastructure_data", any())], vec![])
        }
        Kind::ComputeChunk => (
            owned(vec![("compute_id", text()), ("requirements", known("requirements"))]),
            vec![
                ("username", maybe()),
                ("password", maybe()),
                ("description", text()),
                ("availability_zone", maybe()),
                ("available_ext_net", texts()),
            ],
            vec![],
        ),
        Kind::NetworkChunk => (
            owned(vec![
                ("physical_network_id", text()),
                ("requirements", known("network_requirements")),
                ("role", known("network_role")),
                ("tag", integer(u16::MAX.into())),
            ]),
            vec![("compute_chunk_id", maybe()), ("cidr", maybe()), ("os_netowrk_id", maybe())],
            vec![],
        ),
        Kind::RadioChunk => (
            owned(vec![("chunk_topology", known("chunk_topology"))]),
            vec![("ran_infrastructure_id", text()), ("ran_controller_id", maybe())],
            vec![],
        ),
        Kind::RadioService => (
            owned(vec![("slic3_id", text())]),
            vec![
                ("radio_chunk_id", text()),
                ("wifi_config", any()),
                ("selected_root_phy", any()),
                ("cellular_config", any()),
                ("core_id", maybe()),
                ("core_floating_ip", maybe()),
                ("dhcp_id", maybe()),
            ],
            vec![],
        ),
        Kind::Slice => (
            owned(vec![("chunk_ids", texts())]),
            vec![],
            vec![
                ("chunks", json!({"type": "object"})),
                ("activation_status", text()),
                ("radio_service", json!({"type": "array"})),
            ],
        ),
        Kind::NetworkService => (
            owned(vec![]),
            vec![
                ("network_service_data", any()),
                ("cpus", known("cpus")),
                ("ram", known("size")),
                ("storage", known("size")),
            ],
            vec![],
        ),
        Kind::NetworkServiceInstance => (
            owned(vec![("slic3_id", text()), ("network_service_id", text())]),
            vec![
                ("description", text()),
                ("ports", any()),
                ("trusted", flag()),
                ("input_node_id", maybe()),
                ("ns_placement_data", any()),
            ],
            vec![],
        ),
    }
}

fn parts() -> Map<String, Value> {
    let count = json!({"type": "number", "minimum": 0, "maximum": 4_294_967, "multipleOf": 0.001});
    let units = json!({"enum": ["MB", "GB", null]});
    let size_total = object(
        &[("total", integer(1 << 40))],
        &[("provisioned", integer(1 << 40)), ("units", json!({"enum": ["MB", "GB"]}))],
        true,
    );
    let quota = object(
        &[
            ("cpus", object(&[("total", count.clone())], &[("provisioned", count.clone())], true)),
            ("ram", size_total.clone()),
        ],
        &[("storage", size_total)],
        true,
    );
    let required = object(&[("required", count.clone())], &[], true);
    let schemas = [
        (
            "compute_type",
            json!({"enum": ["openstack", "fos", "kubernetes", "cgroup", "podman", "deadline", "fake"]}),
        ),
        ("compute_data", object(&[("quota", quota)], &[], false)),
        (
            "physical_network_data",
            object(
                &[
                    ("bandwidth_total", integer(1 << 40)),
                    (
                        "tag_range",
                        object(
                            &[("init", integer(u16::MAX.into())), ("end", integer(u16::MAX.into()))],
                            &[],
                            true,
                        ),
                    ),
                ],
                &[],
                true,
            ),
        ),
        ("cpus", json!({"oneOf": [required, count]})),
        ("size", object(&[("required", integer(1 << 40))], &[("units", units)], true)),
        (
            "requirements",
            object(&[("cpus", known("cpus")), ("ram", known("size"))], &[("storage", known("size"))], true),
        ),
        (
            "network_requirements",
            object(
                &[(
                    "bandwidth",
                    object(&[("required", integer(1 << 40))], &[("units", json!({"enum": ["MB/s"]}))], true),
                )],
                &[],
                true,
            ),
        ),
        ("network_role", json!({"enum": ["data-network", "access-network", "access-access"]})),
        (
            "chunk_topology",
            object(
                &[("selectedPhys", json!({"type": "array"}))],
                &[("selectedLinks", json!({"type": "array"}))],
                true,
            ),
        ),
        (
            "chunk_ids",
            object(
                &[("chunk_ids", json!({"type": "array", "items": text(), "minItems": 1, "maxItems": 1000}))],
                &[],
                true,
            ),
        ),
        ("cpus_quota", object(&[("cpus", known("cpus"))], &[], true)),
        ("ram_quota", object(&[("ram", known("size"))], &[], true)),
        ("storage_quota", object(&[("storage", known("size"))], &[], true)),
        ("token", object(&[("token", text())], &[], true)),
        (
            "problem",
            object(
                &[
                    ("type", text()),
                    ("title", text()),
                    ("status", json!({"type": "integer"})),
                    ("detail", text()),
                    ("message", text()),
                ],
                &[],
                true,
            ),
        ),
    ];
    schemas.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect()
}

fn object(required: &[(&str, Value)], optional: &[(&str, Value)], is_closed: bool) -> Value {
    let members = |members: &[(&str, Value)]| -> Map<String, Value> {
        members.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect()
    };
    let mut properties = members(required);
    properties.extend(members(optional));
    let names: Vec<&str> = required.iter().map(|(name, _)| *name).collect();
    let mut schema = json!({"type": "object", "properties": properties, "required": names});
    if is_closed {
        schema["additionalProperties"] = false.into();
    }
    schema
}

fn known(schema: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{schema}")})
}

fn name() -> Value {
    json!({"type": "string", "minLength": 1, "maxLength": 255})
}

fn text() -> Value {
    json!({"type": "string"})
}

fn maybe() -> Value {
    json!({"type": ["string", "null"]})
}

fn texts() -> Value {
    json!({"type": "array", "items": text()})
}

fn flag() -> Value {
    json!({"type": "boolean"})
}

fn integer(maximum: u64) -> Value {
    json!({"type": "integer", "minimum": 0, "maximum": maximum})
}
