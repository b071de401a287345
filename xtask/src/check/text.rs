//! What the project's own text must not hold: paths of one machine, addresses of registries, notes left behind.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use crate::process;

/// Generated files that name where their entries come from.
const GENERATED: [&str; 1] = ["Cargo.lock"];

/// A rule and the words that break it. The words are written in parts: this file is checked as well.
const RULES: [(&str, &[&str]); 3] = [
    ("path of one machine", &[concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/")]),
    (
        "address of a registry",
        &[
            concat!("deb.", "debian.org"),
            concat!("security.", "debian.org"),
            concat!("snapshot.", "debian.org"),
            concat!("static.crates", ".io"),
            concat!("index.crates", ".io"),
            concat!("pypi", ".org"),
            concat!("registry.", "npmjs"),
        ],
    ),
    ("note left behind", &[concat!("TO", "DO"), concat!("FIX", "ME")]),
];

/// Checks every file that git knows or would add.
///
/// # Errors
/// git cannot list the files, or a file breaks a rule: each place is named.
pub(super) fn check(root: &Path) -> Result<()> {
    let mut git = Command::new("git");
    git.current_dir(root).args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let files = process::read(&mut git)?;
    let mut found = Vec::new();
    for file in files.split('\0').filter(|file| !file.is_empty()) {
        // A deleted file is still listed until the deletion is staged; a binary file has no text.
        let Ok(text) = fs::read_to_string(root.join(file)) else { continue };
        if !GENERATED.iter().any(|name| file == *name || file.ends_with(&format!("/{name}"))) {
            found.extend(broken(&text).into_iter().map(|(line, rule)| format!("{file}:{line}: {rule}")));
        }
    }
    if !found.is_empty() {
        bail!("\n    {}", found.join("\n    "));
    }
    Ok(())
}

/// Line numbers (from 1) and the rule that each breaks.
fn broken(text: &str) -> Vec<(usize, &'static str)> {
    let rule_of =
        |line: &str| RULES.iter().find(|(_, words)| words.iter().any(|word| stands_alone(line, word)));
    let lines = text.lines().enumerate();
    lines.filter_map(|(index, line)| Some((index + 1, rule_of(line)?.0))).collect()
}

/// Whether `word` occurs as a word, or as the beginning of a path: `a/b` holds no path `/b`.
fn stands_alone(line: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || "_-.~}".contains(c);
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back().is_some_and(is_part);
        let after = !word.ends_with('/') && line[at + word.len()..].chars().next().is_some_and(is_part);
        !before && !after
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_finds_its_words() {
        let path = concat!("see /wo", "rk/x");
        let note = concat!("// TO", "DO: later");
        let host = concat!("http://deb.", "debian.org/debian");
        let text = format!("fine\n{path}\n{note}\n{host}\n");
        let rules: Vec<_> = broken(&text).into_iter().map(|(line, _)| line).collect();
        assert_eq!(rules, [2, 3, 4]);
    }

    #[test]
    fn parts_of_longer_words_and_paths_are_fine() {
        let text = format!("a{}b\n{}s\n", concat!("/wo", "rk/"), concat!("TO", "DO"));
        assert_eq!(broken(&text), []);
    }
}
