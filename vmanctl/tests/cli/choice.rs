//! Which target is taken, and what is said when there is none.

use crate::run;

#[test]
fn nobody_at_the_socket_is_told_with_the_path() {
    let run = run("vmanctl list -socket /nonexistent/vmand.sock");
    let expected = "vmanctl: No connection to vmand at /nonexistent/vmand.sock: No such file or directory (os error 2): \
                    is vmand running?\n";
    assert_eq!((run.code, run.err.as_str()), (19, expected));
}

#[test]
fn missing_device_is_told_with_its_path() {
    let run = run("vmanctl list -device /nonexistent/vmanager");
    assert_eq!(run.code, 12, "{}", run.err);
    assert!(run.err.contains("/nonexistent/vmanager"), "{}", run.err);
}

#[test]
fn device_of_another_kind_is_refused() {
    let run = run("vmanctl list -device /dev/null");
    assert_eq!(run.code, 17, "{}", run.err);
    assert!(run.err.contains("/dev/null"), "{}", run.err);
}

#[test]
fn socket_and_device_exclude_each_other() {
    let run = run("vmanctl list -device sim -socket /x");
    assert_eq!(run.code, 2);
    assert!(run.err.contains("cannot be used with"), "{}", run.err);
}

#[test]
fn simulated_board_says_so_and_answers_as_vmand_does() {
    let run = run("vmanctl host -device sim");
    assert_eq!(
        (run.code, run.err.as_str()),
        (0, "vmanctl: this board is simulated, and gone when the command ends\n")
    );
    assert!(run.out.contains("(aarch64, simulated)"), "{}", run.out);
    let run = crate::run("vmanctl create-partition -cores 2 -memsize 1 -secure false -device sim");
    assert_eq!((run.code, run.out.as_str()), (0, "Partition 1 created\n"));
    let run = crate::run("vmanctl create-partition -cores 2000 -memsize 1 -device sim --json");
    let error: serde_json::Value = serde_json::from_str(&run.err).unwrap();
    assert_eq!((run.code, &error["error"]["class"]), (14, &serde_json::json!("NoResources")));
}

#[test]
fn images_need_vmand() {
    let run = run("vmanctl image list -device sim");
    assert_eq!(run.code, 17);
    assert!(run.err.ends_with("image-list needs vmand: connect to its socket\n"), "{}", run.err);
}
