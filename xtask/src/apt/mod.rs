//! Packages of another architecture, fetched with the machine's own apt but without changing the machine.
//!
//! The package lists live in a private directory. The machine's apt sources are read, never written; no foreign
//! architecture is added to dpkg; nothing is installed: packages are unpacked into a folder of ours.

pub mod control;
pub mod source_package;
pub mod sources;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, anyhow, bail};

use crate::process;
use control::Paragraph;
use sources::Source;

/// Lists older than this are fetched again.
const LISTS_MAX_AGE: Duration = Duration::from_secs(24 * 3600);

/// Which kernel series of Debian.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Series {
    /// The release's own kernel.
    #[default]
    Stable,
    /// The newer kernel that Debian backports to the release.
    Backports,
}

impl Series {
    /// Name in paths and messages.
    pub fn name(self) -> &'static str {
        match self {
            Series::Stable => "stable",
            Series::Backports => "backports",
        }
    }
}

/// apt with private lists that know arm64 and the host's architecture.
#[derive(Debug)]
pub struct PrivateApt {
    dir: PathBuf,
    host: String,
    /// Suite that is preferred, and the file that names it.
    backports: Option<(String, PathBuf)>,
}

impl PrivateApt {
    /// Opens the private lists in `dir` and brings them up to date when they are older than a day.
    ///
    /// # Errors
    /// No apt on this machine, no source to derive backports from, or the archive cannot be reached and no older
    /// lists are there.
    pub fn open(dir: &Path, series: Series) -> Result<PrivateApt> {
        if !process::exists("apt-get") {
            bail!("Debian's arm64 packages need apt, which is not on this machine");
        }
        let dir = dir.join(series.name());
        for sub in ["lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(dir.join(sub)).with_context(|| format!("Cannot create {}", dir.display()))?;
        }
        let host = host_architecture()?;
        let backports = match series {
            Series::Stable => None,
            Series::Backports => Some(write_backports(&dir)?),
        };
        let apt = PrivateApt { dir, host, backports };
        apt.update_if_old()?;
        Ok(apt)
    }

    /// The architecture of this machine in dpkg's words.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The version of `package` (`NAME` is arm64, `NAME:ARCH` another) that apt would take.
    ///
    /// # Errors
    /// The archive has no such package.
    pub fn show(&self, package: &str) -> Result<Paragraph> {
        let mut command = self.command("apt-cache");
        let text = process::read(command.args(["show", "--no-all-versions", package]))?;
        control::first_paragraph(&text).ok_or_else(|| anyhow!("apt knows no package {package}"))
    }

    /// Downloads `packages` and unpacks them under `root`.
    ///
    /// # Errors
    /// apt or dpkg-deb fails; the error shows their last lines.
    pub fn unpack(&self, packages: &[String], root: &Path) -> Result<()> {
        let debs = tempfile::tempdir_in(&self.dir).context("Cannot make a folder for downloads")?;
        let mut download = self.command("apt-get");
        process::read(download.arg("download").args(packages).current_dir(debs.path()))?;
        fs::create_dir_all(root)?;
        for entry in fs::read_dir(debs.path())? {
            process::read(Command::new("dpkg-deb").arg("--extract").arg(entry?.path()).arg(root))?;
        }
        Ok(())
    }

    fn update_if_old(&self) -> Result<()> {
        let stamp = self.dir.join("updated");
        if is_younger(&stamp, LISTS_MAX_AGE) {
            return Ok(());
        }
        eprintln!("  apt     private lists for arm64 ({})", self.dir.display());
        match process::read(self.command("apt-get").arg("update")) {
            Ok(_) => fs::write(&stamp, "").context("Cannot write a time stamp"),
            Err(error) if stamp.exists() => {
                eprintln!("warning: package lists stay as they were: {error:#}");
                Ok(())
            }
            Err(error) => Err(error.context("Cannot fetch Debian's package lists for arm64")),
        }
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("LC_ALL", "C").env("DEBIAN_FRONTEND", "noninteractive").args(self.options());
        command
    }

    fn options(&self) -> Vec<String> {
        let dir = self.dir.display();
        let mut options = vec![
            "-qq".to_owned(),
            "-oAPT::Architecture=arm64".to_owned(),
            format!("-oAPT::Architectures=arm64,{}", self.host),
            format!("-oDir::State::Lists={dir}/lists"),
            format!("-oDir::Cache={dir}/cache"),
            "-oAcquire::Languages=none".to_owned(),
            "-oAcquire::IndexTargets::deb::DEP-11::DefaultEnabled=false".to_owned(),
        ];
        if let Some((suite, file)) = &self.backports {
            options.push(format!("-oDir::Etc::SourceList={}", file.display()));
            options.push("-oDir::Etc::SourceParts=/dev/null".to_owned());
            options.push(format!("-oAPT::Default-Release={suite}"));
        }
        options
    }
}

/// Whether `file` exists and was written less than `age` ago.
pub(crate) fn is_younger(file: &Path, age: Duration) -> bool {
    let modified = fs::metadata(file).and_then(|meta| meta.modified());
    modified.is_ok_and(|time| SystemTime::now().duration_since(time).is_ok_and(|since| since < age))
}

fn host_architecture() -> Result<String> {
    let text = process::read(Command::new("dpkg").arg("--print-architecture"))?;
    Ok(text.trim().to_owned())
}

/// Writes a private source file with the backports suite beside the machine's own Debian entries.
fn write_backports(dir: &Path) -> Result<(String, PathBuf)> {
    let codename = codename()?;
    let own = machine_sources(Path::new("/etc/apt"))?;
    let base = own.iter().find(|source| source.suites.contains(&codename));
    let base = base.ok_or_else(|| anyhow!("This machine's apt sources have no suite {codename}"))?;
    let suite = format!("{codename}-backports");
    let text = format!("{}\n{}", base.to_deb822(), base.with_suite(&suite).to_deb822());
    let file = dir.join("private.sources");
    fs::write(&file, text).with_context(|| format!("Cannot write {}", file.display()))?;
    Ok((suite, file))
}

fn codename() -> Result<String> {
    let text = fs::read_to_string("/etc/os-release").context("Cannot read /etc/os-release")?;
    let value = text.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    value
        .map(|v| v.trim_matches('"').to_owned())
        .ok_or_else(|| anyhow!("/etc/os-release has no VERSION_CODENAME"))
}

/// All entries of the machine's own source files under `etc`.
fn machine_sources(etc: &Path) -> Result<Vec<Source>> {
    let parts = fs::read_dir(etc.join("sources.list.d")).into_iter().flatten();
    let mut files: Vec<PathBuf> = parts.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.sort();
    files.insert(0, etc.join("sources.list"));
    let mut sources = Vec::new();
    for file in files.iter().filter(|file| file.is_file()) {
        let text = fs::read_to_string(file).with_context(|| format!("Cannot read {}", file.display()))?;
        match file.extension().and_then(|e| e.to_str()) {
            Some("list") => sources.extend(sources::parse_list(&text)),
            Some("sources") => sources.extend(sources::parse_deb822(&text)),
            _ => {}
        }
    }
    Ok(sources)
}
