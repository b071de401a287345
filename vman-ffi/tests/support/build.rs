//! Builds the libraries with cargo and the programs with the C compiler.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the repository")
}

/// Where `libvman.a`, `libvman.so` or `vmand` is. `cargo test` does not build them, so this does, all in one run with
/// the features that `cargo xtask demo` builds them with; the paths are what cargo reports, wherever the target
/// directory is.
pub(crate) fn artifact(name: &str) -> PathBuf {
    static BUILT: OnceLock<Vec<PathBuf>> = OnceLock::new();
    let built = BUILT.get_or_init(artifacts);
    let wanted = |path: &&PathBuf| path.file_name().is_some_and(|found| found == name);
    built.iter().find(wanted).unwrap_or_else(|| panic!("cargo built no {name}: {built:?}")).clone()
}

/// Runs `cargo build` and gives the files that it made.
fn artifacts() -> Vec<PathBuf> {
    let output = Command::new(env!("CARGO"))
        .args(["build", "--message-format=json-render-diagnostics"])
        .args(["--package", "vman-ffi", "--package", "vmand", "--package", "vmanctl"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", text(&output));
    let messages = serde_json::Deserializer::from_slice(&output.stdout).into_iter::<serde_json::Value>();
    let files = messages.map_while(Result::ok).flat_map(|message| {
        let files = message["filenames"].as_array().cloned().unwrap_or_default();
        files.into_iter().filter_map(|file| file.as_str().map(PathBuf::from)).collect::<Vec<_>>()
    });
    files.collect()
}

/// Both outputs of a program.
pub(crate) fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), output.stderr.as_slice()].concat()).into_owned()
}

/// Compiles and links one program of `bindings/c` against the static library, without a single warning.
pub(crate) fn program(source: &str, scratch: &Path) -> PathBuf {
    let source = root().join("bindings/c").join(source);
    let program = scratch.join(source.file_stem().expect("a file"));
    let mut compiler = match source.extension().is_some_and(|extension| extension == "cpp") {
        true => Command::new("g++"),
        false => {
            let mut gcc = Command::new("gcc");
            gcc.args(["-std=c11", "-D_POSIX_C_SOURCE=200809L"]);
            gcc
        }
    };
    compiler
        .args(["-Wall", "-Wextra", "-Werror", "-pedantic", "-Wshadow=compatible-local", "-g", "-O1", "-I"])
        .arg(root().join("bindings/c/include"))
        .arg("-I")
        .arg(scratch)
        .arg(source)
        .arg(artifact("libvman.a"))
        .args(["-lpthread", "-ldl", "-lm", "-lgcc_s", "-o"])
        .arg(&program);
    let output = compiler.output().expect("the C compiler runs");
    assert!(output.status.success(), "{compiler:?}\n{}", text(&output));
    program
}

/// Whether a program is installed.
pub(crate) fn has(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

/// Runs a program, under valgrind where it is installed: no invalid access, nothing definitely or possibly lost.
pub(crate) fn run(program: &Path, arguments: &[&Path]) -> String {
    let mut command = if has("valgrind") {
        let mut valgrind = Command::new("valgrind");
        valgrind.args(["--quiet", "--error-exitcode=9", "--leak-check=full", "--track-fds=no"]).arg(program);
        valgrind
    } else {
        println!("SKIPPED: valgrind: {} runs without it: valgrind is not installed", program.display());
        Command::new(program)
    };
    let output = command.args(arguments).output().expect("the program runs");
    assert!(output.status.success(), "{}: {}\n{}", program.display(), output.status, text(&output));
    text(&output)
}
