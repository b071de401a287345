//! The document that is served against what is answered to many generated requests, right and wrong ones.

use serde_json::{Value, json};

use crate::process::Server;
use crate::schemathesis;

#[test]
fn the_slice_manager_answers_as_its_openapi_document_says() {
    let name = "the_slice_manager_answers_as_its_openapi_document_says";
    let program = match schemathesis::installed() {
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
    let (url, folder) = (format!("http://{}/openapi.json", server.address()), tempfile::tempdir().unwrap());
    schemathesis::check(&program, &url, server.token(), "/api/v1.0/events", folder.path());
    assert_eq!(server.send("", "GET /readyz", &Value::Null).0, 200);
    let counted = server.text("/metrics");
    assert!(counted.contains("status=\"404\""), "{counted}");
    assert!(!counted.contains("status=\"500\"") && !counted.contains("status=\"504\""), "{counted}");
}
