//! The checker of interfaces against their OpenAPI documents, for the tests of every daemon that serves one.

use std::path::{Path, PathBuf};
use std::process::Command;

const VERSION: &str = "4.32.5";
/// Statuses are those of the document. That some of them, like 501, are errors of a server is no fault of itself.
const CHECKS: &str = "status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance";

/// The program in a virtual environment of Python that is kept between runs; installed if it can be, else the reason.
pub(crate) fn installed() -> Result<PathBuf, String> {
    let base = std::env::var_os("AIVIRT_CACHE").map(PathBuf::from);
    let base = base.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache/aivirt")));
    let directory = base.ok_or("there is no cache directory")?.join("schemathesis");
    let program = directory.join("bin/schemathesis");
    if program.exists() {
        return Ok(program);
    }
    let run = |command: &mut Command| match command.output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            Err(String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or("it fails").to_owned())
        }
        Err(error) => Err(error.to_string()),
    };
    run(Command::new("python3").args(["-m", "venv"]).arg(&directory))?;
    run(Command::new(directory.join("bin/pip")).args([
        "install",
        "--quiet",
        &format!("schemathesis=={VERSION}"),
    ]))?;
    Ok(program)
}

/// Sends many generated requests, right and wrong ones, to what the document at `url` describes, but not to `without`,
/// whose answers never end. It leaves its files in `folder`.
///
/// # Panics
/// An answer is none of those in the document.
pub(crate) fn check(program: &Path, url: &str, token: &str, without: &str, folder: &Path) {
    let output = Command::new(program)
        .args(["run", "--header", &format!("Authorization: Bearer {token}")])
        .args(["--exclude-path", without, "--max-examples", "15", "--seed", "1"])
        .args(["--phases", "examples,coverage,fuzzing", "--checks", CHECKS])
        .args(["--request-timeout", "10", "--generation-database", "none", "--no-color"])
        .arg(url)
        .current_dir(folder)
        .output()
        .expect("it was installed");
    let told = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&told));
}
