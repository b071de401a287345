//! Source packages, fetched with the machine's own apt but without changing the machine.
//!
//! The machine's entries for binary packages are turned into entries for source packages in a private file.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow, bail};

use super::{LISTS_MAX_AGE, codename, is_younger, machine_sources};
use crate::process;

/// apt with private lists of source packages.
#[derive(Debug)]
pub struct SourceApt {
    dir: PathBuf,
}

impl SourceApt {
    /// Opens the private lists in `dir` and brings them up to date when they are older than a day.
    ///
    /// # Errors
    /// No apt on this machine, no source to derive from, or the archive cannot be reached and no older lists are there.
    pub fn open(dir: &Path) -> Result<SourceApt> {
        if !process::exists("apt-get") {
            bail!("Source packages need apt, which is not on this machine");
        }
        let apt = SourceApt { dir: dir.join("sources") };
        for sub in ["lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(apt.dir.join(sub))
                .with_context(|| format!("Cannot create {}", apt.dir.display()))?;
        }
        fs::write(apt.file(), derived(Path::new("/etc/apt"), &codename()?)?)
            .context("Cannot write apt sources")?;
        apt.update_if_old()?;
        Ok(apt)
    }

    /// Downloads the source of `package` into `into` and returns its description (`.dsc`). When the archive no longer
    /// has `version`, a later Debian revision of the same upstream version is taken.
    ///
    /// # Errors
    /// The archive has neither; the error says what it has.
    pub fn download(&self, package: &str, version: &str, into: &Path) -> Result<PathBuf> {
        let known = self.versions(package)?;
        let version = choose(&known, version).ok_or_else(|| {
            anyhow!(
                "The archive has no source of {package} {version}, only of {}; \
                 bring {package}'s packages up to date with apt",
                if known.is_empty() { "nothing".to_owned() } else { known.join(", ") }
            )
        })?;
        fs::create_dir_all(into)?;
        let mut get = self.command("apt-get");
        get.args(["source", "--download-only", &format!("{package}={version}")]).current_dir(into);
        process::read(&mut get)?;
        let files = fs::read_dir(into)?.filter_map(|entry| Some(entry.ok()?.path()));
        let mut descriptions = files.filter(|path| path.extension().is_some_and(|end| end == "dsc"));
        descriptions.next().ok_or_else(|| anyhow!("apt downloaded no description of {package} {version}"))
    }

    fn versions(&self, package: &str) -> Result<Vec<String>> {
        let text = process::read(self.command("apt-cache").args(["showsrc", "--only-source", package]))?;
        let versions = text.lines().filter_map(|line| line.strip_prefix("Version: "));
        Ok(versions.map(|version| version.trim().to_owned()).collect())
    }

    fn update_if_old(&self) -> Result<()> {
        let stamp = self.dir.join("updated");
        if is_younger(&stamp, LISTS_MAX_AGE) {
            return Ok(());
        }
        eprintln!("  apt     private lists of source packages ({})", self.dir.display());
        match process::read(self.command("apt-get").arg("update")) {
            Ok(_) => fs::write(&stamp, "").context("Cannot write a time stamp"),
            Err(error) if stamp.exists() => {
                eprintln!("warning: package lists stay as they were: {error:#}");
                Ok(())
            }
            Err(error) => Err(error.context("Cannot fetch the lists of source packages")),
        }
    }

    fn file(&self) -> PathBuf {
        self.dir.join("private.sources")
    }

    fn command(&self, program: &str) -> Command {
        let dir = self.dir.display();
        let mut command = Command::new(program);
        command.env("LC_ALL", "C").env("DEBIAN_FRONTEND", "noninteractive").arg("-qq").args([
            format!("-oDir::State::Lists={dir}/lists"),
            format!("-oDir::Cache={dir}/cache"),
            format!("-oDir::Etc::SourceList={}", self.file().display()),
            "-oDir::Etc::SourceParts=/dev/null".to_owned(),
            // apt runs downloads as its own user, who may not read a directory of ours.
            "-oAPT::Sandbox::User=root".to_owned(),
        ]);
        command
    }
}

/// Entries for source packages of every suite of the machine's own release.
fn derived(etc: &Path, codename: &str) -> Result<String> {
    let own = machine_sources(etc)?;
    let of_release =
        own.iter().filter(|source| source.suites.iter().any(|suite| suite.starts_with(codename)));
    let entries: Vec<_> = of_release.map(super::sources::Source::to_deb822_source).collect();
    if entries.is_empty() {
        bail!("This machine's apt sources have no suite {codename}");
    }
    Ok(entries.join("\n"))
}

/// The version itself, or the last one of the same upstream version.
fn choose<'a>(known: &'a [String], wanted: &str) -> Option<&'a str> {
    let exact = known.iter().find(|version| *version == wanted);
    let same = known.iter().rev().find(|version| upstream(version) == upstream(wanted));
    exact.or(same).map(String::as_str)
}

/// `9.0.0` of `1:9.0.0-4+deb12u2`.
pub fn upstream(version: &str) -> &str {
    let version = version.split_once(':').map_or(version, |(_, rest)| rest);
    version.rsplit_once('-').map_or(version, |(upstream, _)| upstream)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_upstream_version_has_neither_epoch_nor_revision() {
        assert_eq!(upstream("9.0.0-4+deb12u2"), "9.0.0");
        assert_eq!(upstream("1:10.0.0-2ubuntu8"), "10.0.0");
        assert_eq!(upstream("3.1"), "3.1");
    }

    #[test]
    fn a_revision_that_is_gone_is_replaced_by_one_of_the_same_upstream_version() {
        let known = ["9.0.0-4+deb12u2".to_owned(), "9.0.0-4+deb12u3".to_owned(), "11.3.0-1".to_owned()];
        assert_eq!(choose(&known, "9.0.0-4+deb12u2"), Some("9.0.0-4+deb12u2"));
        assert_eq!(choose(&known, "9.0.0-4"), Some("9.0.0-4+deb12u3"));
        assert_eq!(choose(&known, "10.0.0-2"), None);
    }

    #[test]
    fn only_the_suites_of_the_release_are_asked_for_sources() {
        let etc = tempfile::tempdir().unwrap();
        let list = "deb http://archive.example/debian bookworm main\ndeb http://other.example tools main\n";
        fs::write(etc.path().join("sources.list"), list).unwrap();
        let text = derived(etc.path(), "bookworm").unwrap();
        assert!(text.contains("Types: deb-src") && !text.contains("other.example"), "{text}");
        assert!(derived(etc.path(), "trixie").is_err());
    }
}
