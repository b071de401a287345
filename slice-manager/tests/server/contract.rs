//! The document that is served against what is answered to many generated requests, right and wrong ones.

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use crate::process::Server;

/// The checker, in a virtual environment of Python that is kept between runs.
fn schemathesis() -> Result<PathBuf, String> {
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
    run(Command::new(directory.join("bin/pip")).args(["install", "--quiet", "schemathesis==4.32.5"]))?;
    Ok(program)
}

#[test]
fn the_slice_manager_answers_as_its_openapi_document_says() {
    let name = "the_slice_manager_answers_as_its_openapi_document_says";
    let program = match schemathesis() {
        Ok(program) => program,
        Err(reason) => {
            return println!("SKIPPED: {name}: schemathesis cannot be installed from PyPI: {reason}");
        }
    };
    let server = Server::start(&[]);
    let user = server.made("/user", &json!({"name": "ann", "email": "e"}));
    server.made(
        "/compute",
        &json!({"name": "edge", "user_id": user, "compute_type": "fake",
        "compute_data": {"quota": {"cpus": {"total": 8}, "ram": {"total": 16}}}}),
    );
    let checks = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
                  response_schema_conformance";
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(program)
        .args(["run", "--header", &format!("Authorization: Bearer {}", server.token())])
        .args(["--exclude-path", "/api/v1.0/events", "--max-examples", "15", "--seed", "1"])
        .args(["--phases", "examples,coverage,fuzzing", "--checks", checks])
        .args(["--request-timeout", "10", "--generation-database", "none", "--no-color"])
        .arg(format!("http://{}/openapi.json", server.address()))
        .current_dir(folder.path())
        .output()
        .unwrap();
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    assert_eq!(server.send("", "GET /readyz", &Value::Null).0, 200);
}
