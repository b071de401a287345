//! Help, completion scripts, manual pages.

use std::process::Command;

use crate::{run, run_words};

#[test]
fn help_and_version_are_results() {
    for line in ["vmanctl --help", "vmanctl -h", "vmanctl help deploy", "vmanctl deploy -h", "vmanctl -help"]
    {
        let run = run(line);
        assert_eq!((run.code, run.err.as_str()), (0, ""), "{line}");
        assert!(run.out.contains("Usage: vmanctl"), "{line}: {}", run.out);
    }
    for line in ["vmactl --version", "vmactl -V"] {
        assert_eq!(run(line).out, concat!("vmactl ", env!("CARGO_PKG_VERSION"), "\n"));
    }
}

#[test]
fn nothing_to_do_shows_the_help_as_an_error() {
    let run = run("vmanctl");
    assert_eq!((run.code, run.out.as_str()), (2, ""));
    assert!(run.err.contains("create-partition"));
}

#[test]
fn completion_scripts_know_commands_and_options() {
    for shell in ["bash", "zsh", "fish"] {
        let run = run(&format!("vmanctl completions {shell}"));
        assert_eq!((run.code, run.err.as_str()), (0, ""));
        for word in ["create-partition", "memsize-mib", "completions"] {
            assert!(run.out.contains(word), "{shell}: {word}");
        }
    }
    assert_eq!(run("vmanctl completions csh").code, 2);
}

/// The shells themselves read the scripts, where they are installed; bash is everywhere.
#[test]
fn bash_completes_a_command() {
    let directory = tempfile::tempdir().unwrap();
    let script = directory.path().join("vmanctl.bash");
    std::fs::write(&script, run("vmanctl completions bash").out).unwrap();
    let program = format!(
        "source {}; COMP_WORDS=(vmanctl dest); COMP_CWORD=1; _vmanctl vmanctl dest vmanctl; echo \"${{COMPREPLY[@]}}\"",
        script.display()
    );
    let output = Command::new("bash").args(["--norc", "-c", &program]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "destroy-partition\n", "{output:?}");
}

#[test]
fn manual_has_a_page_for_every_command() {
    let directory = tempfile::tempdir().unwrap();
    let run = run_words(["vmanctl", "man", directory.path().to_str().unwrap()]);
    assert_eq!((run.code, run.err.as_str()), (0, ""));
    for page in ["vmanctl.1", "vmanctl-create-partition.1", "vmanctl-deploy.1", "vmanctl-image-put.1"] {
        let text = std::fs::read_to_string(directory.path().join(page)).unwrap();
        assert!(text.contains(".TH") && text.contains(".SH SYNOPSIS"), "{page}");
    }
    let names = std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(names.into_iter().all(|name| !name.to_string_lossy().contains("help")));
    let text = std::fs::read_to_string(directory.path().join("vmanctl.1")).unwrap();
    assert!(text.contains("23 AlreadyExists"), "exit status");
}

#[test]
fn directory_that_cannot_be_made_is_named() {
    let run = run("vmanctl man /dev/null/x");
    assert_eq!(
        run.err,
        "vmanctl: Directory /dev/null/x cannot be written to: Not a directory (os error 20)\n"
    );
}

/// The guide knows every command and every exit status.
#[test]
fn guide_is_complete() {
    let guide = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/vmanctl.md")).unwrap();
    for command in
        vmanctl::args::command("vmanctl").get_subcommands().filter(|command| command.get_name() != "help")
    {
        assert!(guide.contains(command.get_name()), "{}", command.get_name());
    }
    for kind in vman_core::ErrorKind::ALL {
        let row = format!("| {} | {} | ", vmanctl::exit::code(*kind), kind.name());
        assert!(guide.contains(&row), "{row}");
    }
}
