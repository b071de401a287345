//! Files for a vmand on another machine.

use std::sync::Mutex;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::fake::{Fake, refuses, returns, version};

/// A vmand elsewhere that collects what is put.
fn remote() -> Fake {
    let received = Mutex::new(0);
    Fake::new(move |command, args| match command {
        "query-version" => returns(version("remote")),
        "image-list" => returns(json!({ "images": [], "capacity": 1 << 30, "used": 0 })),
        "image-put" => {
            let mut received = received.lock().unwrap();
            *received += data(args).len();
            returns(json!({ "digest": args["digest"], "size": args["size"], "received": *received }))
        }
        _ => returns(json!({})),
    })
}

fn data(args: &Value) -> Vec<u8> {
    STANDARD.decode(args["data"].as_str().unwrap()).unwrap()
}

fn kernel(bytes: &[u8]) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    file
}

#[test]
fn deploy_uploads_and_names_the_image() {
    let bytes: Vec<u8> = (0..1_200_000u32).map(|n| n.to_le_bytes()[1]).collect();
    let file = kernel(&bytes);
    let board = remote();
    let run = board.run(&format!("vmanctl deploy -kernel {} 3", file.path().display()));
    assert_eq!((run.code, run.out.as_str(), run.err.as_str()), (0, "Partition 3 deployed\n", ""));
    let pieces = board.requests("image-put");
    assert_eq!(pieces.len(), 3);
    assert!(pieces.iter().flat_map(data).eq(bytes));
    let [deploy] = board.requests("deploy").try_into().unwrap();
    let expected = format!("image:sha256:{}", pieces[0]["digest"].as_str().unwrap());
    assert_eq!(deploy, json!({ "kernel": expected, "partition_id": 3 }));
}

#[test]
fn what_is_not_here_is_left_to_the_other_machine() {
    let board = remote();
    board.run("vmanctl deploy -kernel no/such/kernel -dtb image:sha256:00 3");
    assert!(board.requests("image-put").is_empty());
    assert_eq!(board.requests("deploy")[0]["kernel"], "no/such/kernel");
}

#[test]
fn image_put_prints_what_deploy_takes() {
    const DIGEST: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let file = kernel(b"abc");
    let board = remote();
    let put = format!("image put {}", file.path().display());
    assert_eq!(board.run(&format!("vmanctl {put}")).out, format!("image:sha256:{DIGEST}\n"));
    let out = board.run(&format!("vmanctl --json {put}")).out;
    assert_eq!(
        serde_json::from_str::<Value>(&out).unwrap(),
        json!({ "image": format!("image:sha256:{DIGEST}") })
    );
}

#[test]
fn image_delete_takes_both_names() {
    let board = remote();
    for name in ["ab", "image:sha256:ab"] {
        assert_eq!(board.run(&format!("vmanctl image delete {name}")).out, "Image image:sha256:ab deleted\n");
    }
    assert_eq!(board.requests("image-delete"), [json!({ "digest": "ab" }), json!({ "digest": "ab" })]);
}

#[test]
fn files_that_cannot_be_uploaded_are_named() {
    let board = remote();
    let run = board.run("vmanctl image put /nonexistent");
    assert_eq!(run.code, 12);
    assert!(run.err.contains("/nonexistent"), "{}", run.err);
    let run = board.run("vmanctl image put /dev/null");
    assert_eq!(run.code, 11, "{}", run.err);
}

#[test]
fn full_store_is_told() {
    let file = kernel(b"abc");
    let board = Fake::new(|command, _| match command {
        "image-list" => returns(json!({ "images": [], "capacity": 1, "used": 0 })),
        _ => refuses("NoResources", "The store is full"),
    });
    let run = board.run(&format!("vmanctl image put {}", file.path().display()));
    assert_eq!((run.code, run.err.as_str()), (14, "vmanctl: The store is full\n"));
}
