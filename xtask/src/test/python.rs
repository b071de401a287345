//! The Python stage: the package as a wheel, its types, its page, its tests, its examples.

use crate::check::cargo;
use crate::python::Python;
use crate::stage::Recorder;
use crate::workspace;

/// Examples that end by themselves, with the arguments that make them short.
const EXAMPLES: [(&str, &[&str]); 3] = [
    ("examples/partitions.py", &["--simulate"]),
    ("examples/deadline_simulation.py", &[]),
    ("examples/slices_notebook.py", &["--episodes", "20"]),
];

/// Runs the stage.
pub(super) fn run(recorder: &mut Recorder) {
    let mut python = None;
    recorder.check("wheel", || {
        python = Some(Python::prepare()?);
        Ok(())
    });
    let Some(python) = python else { return };
    let mut daemon = cargo("build");
    recorder.program("vmand", daemon.args(["--package", "vmand"]));
    let mut tests = python.module("pytest");
    tests.args(["-q", "-p", "no:cacheprovider"]);
    tests.env("AIVIRT_VMAND", workspace::target_dir().join("debug/vmand"));
    recorder.tests("pytest", &mut tests);
    let cache = workspace::target_dir().join("python/mypy");
    recorder.program("mypy", python.module("mypy").arg("--cache-dir").arg(&cache));
    let mut stubtest = python.module("mypy.stubtest");
    stubtest.args(["aivirt", "--mypy-config-file", "pyproject.toml", "--allowlist", "tests/stubtest.txt"]);
    recorder.program("stubtest", stubtest.env("MYPY_CACHE_DIR", &cache));
    recorder.program("page is current", python.command().args(["tools/api_page.py", "--check"]));
    for (example, args) in EXAMPLES {
        recorder.program(example, python.command().arg(workspace::root().join(example)).args(args));
    }
}
