//! Who may import whom: each dependency between our crates must be in the table.

use std::path::Path;

use anyhow::{Context, Result};
use cargo_metadata::{Dependency, DependencyKind, Metadata, MetadataCommand, Package};

/// What a crate may import of ours. A crate that is not in the table may not exist.
#[derive(Debug)]
struct Rule {
    /// Name of the crate.
    name: &'static str,
    /// Crates of ours that it may import.
    imports: &'static [&'static str],
    /// Crates of ours that it may import only behind a feature (`optional = true`).
    behind_a_feature: &'static [&'static str],
    /// Crates of ours that its tests, benches and examples may import besides.
    in_tests: &'static [&'static str],
}

const fn rule(name: &'static str, imports: &'static [&'static str]) -> Rule {
    Rule { name, imports, behind_a_feature: &[], in_tests: &[] }
}

/// The table of ARCHITECTURE.md, "Who may import whom".
const RULES: &[Rule] = &[
    rule("vman-core", &[]),
    rule("deadline-monitor", &[]),
    rule("slice-manager", &[]),
    rule("slice-agent", &["slice-manager"]),
    rule("vman-firmware", &["vman-core"]),
    rule("vman-firmware-qemu-virt", &["vman-core", "vman-firmware"]),
    rule("vman-payload", &["vman-firmware-qemu-virt"]),
    rule("vman-sim", &["vman-core", "vman-firmware"]),
    Rule { in_tests: &["vman-sim"], ..rule("vman-ffi", &["vman-core", "deadline-monitor", "slice-agent"]) },
    Rule { behind_a_feature: &["vman-sim"], in_tests: &["vman-sim"], ..rule("vmand", &["vman-core"]) },
    Rule {
        behind_a_feature: &["vman-sim"],
        in_tests: &["vman-sim", "vmand"],
        ..rule("vmanctl", &["vman-core"])
    },
    Rule {
        behind_a_feature: &["vman-sim", "vmand"],
        ..rule("aivirt-python", &["vman-core", "deadline-monitor", "slice-agent"])
    },
    rule("aivirt-node", &[]),
    rule("vman-fuzz", &["vman-core", "vman-firmware", "vman-sim", "deadline-monitor", "slice-agent"]),
    rule("no-std-guard", &["vman-core", "vman-firmware", "slice-agent"]),
    rule("board-suite", &["vman-core"]),
    rule("xtask", &[]),
];

/// Crates that take vman-core without its `std` feature.
const WITHOUT_STD: &[&str] = &["vman-firmware", "vman-firmware-qemu-virt", "no-std-guard"];

/// Reads the metadata of the workspace at `manifest` and returns each edge that the table forbids, as a sentence.
///
/// # Errors
/// cargo cannot read the manifest.
pub fn forbidden(manifest: &Path) -> Result<Vec<String>> {
    let mut command = MetadataCommand::new();
    let metadata = command.manifest_path(manifest).no_deps().exec();
    let metadata = metadata.with_context(|| format!("Cannot read the metadata of {}", manifest.display()))?;
    Ok(forbidden_edges(&metadata))
}

fn forbidden_edges(metadata: &Metadata) -> Vec<String> {
    metadata.packages.iter().flat_map(violations).collect()
}

fn violations(package: &Package) -> Vec<String> {
    let name = package.name.as_str();
    let Some(rule) = RULES.iter().find(|rule| rule.name == name) else {
        return vec![format!("{name} is not in the table of crates")];
    };
    let ours = package.dependencies.iter().filter(|dependency| dependency.path.is_some());
    ours.filter_map(|dependency| Some(format!("{name}: {}", violation(rule, dependency)?))).collect()
}

fn violation(rule: &Rule, dependency: &Dependency) -> Option<String> {
    let target = dependency.name.as_str();
    let in_tests = dependency.kind == DependencyKind::Development;
    if rule.behind_a_feature.contains(&target) && !in_tests {
        return (!dependency.optional).then(|| format!("{target} must be optional, behind a feature"));
    }
    if !(rule.imports.contains(&target) || in_tests && rule.in_tests.contains(&target)) {
        return Some(format!("must not import {target}"));
    }
    let with_std = dependency.uses_default_features || dependency.features.iter().any(|f| f == "std");
    let forbidden = target == "vman-core" && with_std && !in_tests && WITHOUT_STD.contains(&rule.name);
    forbidden.then(|| "must take vman-core without std".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace;

    fn dependency(json: &str) -> Dependency {
        serde_json::from_str(json).unwrap()
    }

    fn edge(target: &str, kind: &str, optional: bool, defaults: bool) -> Dependency {
        dependency(&format!(
            r#"{{"name": "{target}", "source": null, "req": "*", "kind": {kind}, "rename": null,
                 "optional": {optional}, "uses_default_features": {defaults}, "features": [], "target": null,
                 "registry": null, "path": "/here"}}"#
        ))
    }

    fn of(name: &str) -> &'static Rule {
        RULES.iter().find(|rule| rule.name == name).unwrap()
    }

    #[test]
    fn the_workspace_has_no_forbidden_edge() {
        let found = forbidden(&workspace::root().join("Cargo.toml")).unwrap();
        assert_eq!(found, Vec::<String>::new());
    }

    #[test]
    fn an_edge_that_is_not_in_the_table_is_found() {
        let found = violation(of("vman-core"), &edge("vman-sim", "null", false, true));
        assert_eq!(found.as_deref(), Some("must not import vman-sim"));
        assert!(violation(of("vman-core"), &edge("vman-sim", "\"dev\"", false, true)).is_some());
        assert!(violation(of("slice-agent"), &edge("vman-core", "null", false, true)).is_some());
    }

    #[test]
    fn the_simulator_reaches_the_daemon_only_behind_a_feature_or_in_tests() {
        assert!(violation(of("vmand"), &edge("vman-sim", "null", false, true)).is_some());
        assert_eq!(violation(of("vmand"), &edge("vman-sim", "null", true, true)), None);
        assert_eq!(violation(of("vmand"), &edge("vman-sim", "\"dev\"", false, true)), None);
    }

    #[test]
    fn the_firmware_takes_the_core_without_std() {
        assert!(violation(of("vman-firmware"), &edge("vman-core", "null", false, true)).is_some());
        assert_eq!(violation(of("vman-firmware"), &edge("vman-core", "null", false, false)), None);
    }
}
