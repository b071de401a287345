//! Every command line of the source document, 3.2.1, and its double-dash twin.

use serde_json::{Value, json};

use crate::fake::{Answer, Fake, returns, version};

fn board() -> Fake {
    Fake::new(|command, _| match command {
        "create-partition" => returns(json!({ "id": 3 })),
        "query-version" => returns(version("local")),
        "query-partitions" => returns(json!({ "partitions": [
            { "id": 7, "name": "web", "uuid": "6f1b0000-0000-4000-8000-000000000001", "state": "READY",
              "condition": "running", "secure": false, "cores": [1], "memsize_mib": 64, "memory_base": 0 }
        ]})),
        _ => returns(json!({})),
    })
}

/// What arrives at vmand.
fn sent(line: &str, command: &str) -> Value {
    let board = board();
    let run = board.run(line);
    assert_eq!((run.code, run.err.as_str()), (0, ""), "{line}");
    let [args] = board.requests(command).try_into().unwrap();
    args
}

#[test]
fn create_partition_as_the_source_document_prints_it() {
    let expected = json!({ "cores": 2, "memsize": 1, "secure": false });
    for line in [
        "vmactl create-partition -cores 2 -memsize 1 -secure false",
        "vmanctl create-partition -cores 2 -memsize 1 -secure false",
        "vmanctl create-partition --cores 2 --memsize 1 --secure false",
        "vmanctl create-partition -cores=2 -memsize=1",
        "vmanctl create-partition -memsize 1 -cores 2 -secure=false",
    ] {
        assert_eq!(sent(line, "create-partition"), expected, "{line}");
    }
}

#[test]
fn secure_needs_no_value_and_true_is_one() {
    for line in [
        "vmactl create-partition -secure -cores 1 -memsize 1",
        "vmactl create-partition -cores 1 -memsize 1 -secure true",
        "vmactl create-partition -cores 1 -memsize 1 --secure=true",
    ] {
        assert_eq!(sent(line, "create-partition")["secure"], true, "{line}");
    }
}

#[test]
fn deploy_as_the_source_document_prints_it() {
    let expected =
        json!({ "kernel": "path/to/kernel_image", "dtb": "path/to/device_tree_blob", "partition_id": 3 });
    for line in [
        "vmactl deploy -kernel path/to/kernel_image -dtb path/to/device_tree_blob 3",
        "vmactl deploy 3 -kernel path/to/kernel_image -dtb path/to/device_tree_blob",
        "vmanctl deploy --kernel=path/to/kernel_image 3 --dtb path/to/device_tree_blob",
    ] {
        assert_eq!(sent(line, "deploy"), expected, "{line}");
    }
}

#[test]
fn other_commands_as_the_source_document_prints_them() {
    for command in ["destroy-partition", "reboot", "suspend", "restore"] {
        for program in ["vmactl", "vmanctl"] {
            assert_eq!(sent(&format!("{program} {command} 3"), command), json!({ "id": 3 }));
        }
    }
    assert_eq!(sent("vmactl shutdown 3", "shutdown"), json!({ "id": 3, "mode": "forced" }));
}

#[test]
fn options_of_ours_take_both_spellings_too() {
    let line = "vmanctl create-partition -cores 1 -memsize-mib 512 -name db -shared-with 2 -secure \
                -uuid 6f1b0000-0000-4000-8000-000000000002";
    let expected = json!({
        "cores": 1, "memsize_mib": 512, "secure": true, "name": "db", "shared_with": 2,
        "uuid": "6f1b0000-0000-4000-8000-000000000002"
    });
    assert_eq!(sent(line, "create-partition"), expected);
    let line = "vmanctl shutdown -mode graceful 3 -timeout 1500ms";
    assert_eq!(sent(line, "shutdown"), json!({ "id": 3, "mode": "graceful", "timeout_ms": 1500 }));
    let line = "vmanctl -json deploy 3 -kernel image:sha256:00 -initrd no/such/i -cmdline console=ttyAMA0";
    let expected = json!({
        "kernel": "image:sha256:00", "initrd": "no/such/i", "cmdline": "console=ttyAMA0", "partition_id": 3
    });
    assert_eq!(sent(line, "deploy"), expected);
}

#[test]
fn names_and_uuids_stand_for_ids() {
    for text in ["web", "6f1b0000-0000-4000-8000-000000000001"] {
        assert_eq!(sent(&format!("vmanctl suspend {text}"), "suspend"), json!({ "id": 7 }));
    }
    let run = board().run("vmanctl suspend webb");
    assert_eq!(run.code, 12);
    let expected = "vmanctl: There is no partition with the name or UUID \"webb\": \
                    `vmanctl list` shows those that exist\n";
    assert_eq!(run.err, expected);
}

#[test]
fn files_that_exist_become_absolute_for_a_local_vmand() {
    let kernel = sent("vmanctl deploy -kernel Cargo.toml 3", "deploy")["kernel"].clone();
    let here = std::env::current_dir().unwrap().join("Cargo.toml");
    assert_eq!(kernel.as_str(), here.to_str());
}

#[test]
fn wrong_command_lines_are_told_so_before_vmand_is_asked() {
    let cases = [
        ("vmanctl create-partition -cores two -memsize 1", "'two'"),
        ("vmanctl create-partition -cores -1 -memsize 1", "-1"),
        ("vmanctl create-partition -cores 4294967296 -memsize 1", "4294967296"),
        ("vmanctl create-partition -cores 1 -memsize NaN", "NaN"),
        ("vmanctl create-partition -cores 1 -memsize 18446744073709551616", "18446744073709551616"),
        ("vmanctl create-partition -cores 1", "--memsize"),
        ("vmanctl create-partition -cores 1 -memsize 1 -memsize-mib 1", "cannot be used with"),
        ("vmanctl create-partition -cores 1 -memsize 1 -secure maybe", "maybe"),
        ("vmanctl create-partition -cores 1 -memsize 1 -uuid x", "--uuid"),
        ("vmanctl deploy 3", "--kernel"),
        ("vmanctl deploy -kernel x", "<PARTITION>"),
        ("vmanctl suspend", "<PARTITION>"),
        ("vmanctl suspend 3 4", "'4'"),
        ("vmanctl fly 3", "'fly'"),
        ("vmanctl -corez 3", "-c"),
    ];
    let board = board();
    for (line, named) in cases {
        let run = board.run(line);
        assert_eq!((run.code, run.out.as_str()), (2, ""), "{line}");
        assert!(run.err.contains(named), "{line}: {}", run.err);
    }
    assert!(board.requests("create-partition").is_empty());
}

#[test]
fn silent_connection_times_out() {
    let board = Fake::new(|_, _| Answer::Silence);
    let run = board.run("vmanctl list -timeout 50ms");
    assert_eq!((run.code, run.err.as_str()), (18, "vmanctl: vmand did not answer in time\n"));
}
