//! `vman.h` is what the sources say. `VMAN_BLESS=1 cargo test -p vman-ffi --test header` rewrites it.

use std::path::{Path, PathBuf};

fn generated() -> String {
    let crate_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config =
        cbindgen::Config::from_file(crate_dir.join("cbindgen.toml")).expect("cbindgen.toml is sound");
    let mut builder = cbindgen::Builder::new().with_config(config);
    // Sources by name, in the order in which a reader meets them; no run of cargo is needed.
    for module in MODULES {
        builder = builder.with_src(crate_dir.join("src").join(format!("{module}.rs")));
    }
    let mut header = Vec::new();
    builder.generate().expect("the sources can be read").write(&mut header);
    String::from_utf8(header).expect("the sources are UTF-8")
}

/// Every module with something exported.
const MODULES: [&str; 17] = [
    "version",
    "status",
    "error",
    "state",
    "client",
    "check",
    "partition",
    "query",
    "console",
    "attach",
    "image",
    "event",
    "plan",
    "agent",
    "arbiter",
    "policy",
    "reservation",
];

fn committed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../bindings/c/include/vman.h")
}

#[test]
fn committed_header_is_what_the_sources_say() {
    let header = generated();
    if std::env::var_os("VMAN_BLESS").is_some() {
        std::fs::write(committed(), &header).expect("the header can be written");
    }
    let committed = std::fs::read_to_string(committed()).expect("vman.h is committed");
    assert!(
        committed == header,
        "vman.h is not what the sources say; run: VMAN_BLESS=1 cargo test -p vman-ffi --test header"
    );
}

#[test]
fn every_exported_function_is_in_the_header() {
    let header = generated();
    let sources =
        std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).expect("there are sources");
    for source in sources {
        let text = std::fs::read_to_string(source.expect("readable").path()).expect("readable");
        let exported = text.split("#[unsafe(no_mangle)]").skip(1).filter_map(|rest| rest.split("fn ").nth(1));
        for name in exported.filter_map(|rest| rest.split('(').next()) {
            assert!(header.contains(&format!("{name}(")), "{name} is not in vman.h");
        }
    }
}

#[test]
fn every_function_is_called_by_a_c_test() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../bindings/c/tests");
    let tests: String = std::fs::read_dir(directory)
        .expect("there are C tests")
        .map(|file| std::fs::read_to_string(file.expect("readable").path()).expect("UTF-8"))
        .collect();
    let header = generated();
    let words =
        header.split(|letter: char| letter != '_' && !letter.is_ascii_alphanumeric() && letter != '(');
    let functions = words.filter_map(|word| word.split_once('(')).map(|(name, _)| name);
    let functions: std::collections::BTreeSet<&str> =
        functions.filter(|name| name.starts_with("vman_") && !name.contains('<')).collect();
    assert!(functions.len() > 40, "{functions:?}");
    for name in functions {
        assert!(
            tests.contains(&format!("{name}(")) || tests.contains(&format!(", {name})")),
            "no C test calls {name}"
        );
    }
}
