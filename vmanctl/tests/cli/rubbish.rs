//! Any words at all: an error with its status, never a panic.

use proptest::prelude::*;

use crate::run_words;

const WORDS: [&str; 40] = [
    "create-partition",
    "deploy",
    "destroy-partition",
    "reboot",
    "shutdown",
    "suspend",
    "restore",
    "list",
    "info",
    "host",
    "events",
    "console",
    "top",
    "stats",
    "image",
    "put",
    "delete",
    "version",
    "completions",
    "bash",
    "help",
    "-cores",
    "--memsize",
    "-memsize-mib",
    "-secure",
    "true",
    "-kernel",
    "-dtb",
    "-timeout",
    "1s",
    "-json",
    "--count",
    "-interval",
    "-color",
    "never",
    "3",
    "0",
    "18446744073709551616",
    "--",
    "-",
];

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => proptest::sample::select(WORDS.as_slice()).prop_map(String::from),
        1 => ".{0,12}",
        1 => "-{1,2}[a-z]{0,8}(=.{0,6})?",
    ]
}

proptest! {
    #[test]
    fn any_words_end_with_a_documented_status(
        words in proptest::collection::vec(word(), 0..8).prop_filter("writes files", |words| !words.contains(&"man".into())),
    ) {
        let line = ["vmanctl", "--socket", "/nonexistent/vmand.sock"].into_iter();
        let run = run_words(line.chain(words.iter().map(String::as_str)));
        prop_assert!([0, 2, 19].contains(&run.code), "{:?}", run);
        prop_assert!(run.code != 0 || run.err.is_empty(), "{:?}", run);
        prop_assert!(run.code == 0 || run.out.is_empty(), "{:?}", run);
    }
}
