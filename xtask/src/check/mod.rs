//! Checks that need no test program: format, lints, documentation, edges between crates, text, licences.

mod licences;
mod text;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use crate::stage::Recorder;
use crate::{assets, edges, process, workspace};

/// Workspaces of their own beside the main one: bare metal, sanitizers, the guard against std.
const OTHER_WORKSPACES: [&str; 3] = ["firmware/qemu-virt", "fuzz", "tests/no_std"];

/// All checks except the header's, which is one of the tests of vman-ffi.
pub fn run(recorder: &mut Recorder) {
    let root = workspace::root();
    recorder.check("text", || text::check(&root));
    recorder.check("edges", || no_forbidden_edge(&root));
    recorder.check("licences", || licences::check(&root));
    deny(recorder);
    for manifest in manifests(&root) {
        let place = manifest.parent().and_then(|dir| dir.strip_prefix(&root).ok()).map(Path::display);
        let name = place.map(|place| format!("fmt {place}")).unwrap_or_default();
        let mut fmt = cargo("fmt");
        recorder.program(name.trim(), fmt.arg("--manifest-path").arg(&manifest).args(["--all", "--check"]));
    }
    let mut clippy = cargo("clippy");
    recorder.program("clippy", clippy.args(["--workspace", "--all-targets", "--", "-Dwarnings"]));
    bare_metal(recorder, &root);
    let mut doc = cargo("doc");
    doc.env("RUSTDOCFLAGS", "-Dwarnings");
    recorder.program("doc", doc.args(["--workspace", "--no-deps"]));
}

/// The comparison of the committed C header with a newly generated one.
pub fn header(recorder: &mut Recorder) {
    if workspace::root().join("vman-ffi/tests/header.rs").is_file() {
        let mut test = cargo("test");
        recorder.tests("header", test.args(["--package", "vman-ffi", "--test", "header"]));
    }
}

/// `cargo SUBCOMMAND` at the root of the checkout.
pub fn cargo(subcommand: &str) -> Command {
    let mut command = Command::new(workspace::cargo());
    command.current_dir(workspace::root()).arg(subcommand);
    command
}

/// Manifests of all workspaces that exist, the main one first.
fn manifests(root: &Path) -> Vec<PathBuf> {
    let others = OTHER_WORKSPACES.iter().map(|dir| root.join(dir).join("Cargo.toml"));
    std::iter::once(root.join("Cargo.toml")).chain(others.filter(|file| file.is_file())).collect()
}

fn no_forbidden_edge(root: &Path) -> Result<()> {
    let mut found = Vec::new();
    for manifest in manifests(root) {
        found.extend(edges::forbidden(&manifest)?);
    }
    if !found.is_empty() {
        bail!("\n    {}", found.join("\n    "));
    }
    Ok(())
}

/// The firmware's images and payloads, as shipped and weakened, for their own target: the main workspace does not hold
/// them.
fn bare_metal(recorder: &mut Recorder, root: &Path) {
    for (name, features) in
        [("clippy firmware/qemu-virt", ""), ("clippy firmware/qemu-virt, weakened", "weaken")]
    {
        match assets::rust_aarch64().and_then(|rust| rust.lint_firmware()) {
            Ok(mut lint) => {
                lint.args(["--workspace", "--locked", "--features", features, "--manifest-path"]);
                recorder.program(name, lint.arg(root.join("firmware/qemu-virt/Cargo.toml")));
            }
            Err(error) => recorder.skip(name, &format!("{error:#}")),
        }
    }
}

fn deny(recorder: &mut Recorder) {
    if process::exists("cargo-deny") {
        recorder
            .program("cargo-deny", cargo("deny").args(["--offline", "check", "bans", "licenses", "sources"]));
    } else {
        recorder.skip(
            "cargo-deny",
            "not installed; run `cargo install cargo-deny` to check duplicates and sources",
        );
    }
}
