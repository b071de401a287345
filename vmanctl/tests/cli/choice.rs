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
