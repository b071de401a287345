//! `cargo xtask libvirt`: the libvirt driver, built for the libvirt of this machine and installed beside it.
//!
//! libvirt's source comes from the machine's own apt, in the installed version; the driver and a small patch are put
//! into it; only the daemon and the driver are compiled, against the installed library ([`tree`], [`build`]).

pub mod build;
pub mod checks;
pub mod files;
pub mod installed;
pub mod layout;
pub mod nova;
pub mod package;
pub mod series;
pub mod session;
pub mod support;
pub mod tree;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};

use crate::check::cargo;
use crate::setup::{self, packages::Need};
use crate::{process, workspace};
use build::Built;
use layout::Layout;

/// The Python that Debian's libvirt binding is made for.
pub(crate) const PYTHON: &str = "/usr/bin/python3";

/// What `libvirt` takes.
#[derive(Debug, Args)]
pub struct LibvirtArgs {
    #[command(subcommand)]
    job: Job,
    /// Install missing packages without asking.
    #[arg(long, global = true)]
    yes: bool,
}

#[derive(Debug, Subcommand)]
enum Job {
    /// Build the daemon and the driver; a second build compiles only what changed.
    Build {
        /// For this folder instead of the system.
        #[arg(long, value_name = "DIR")]
        prefix: Option<PathBuf>,
    },
    /// Build, and install the Debian package; or everything below one folder.
    Install {
        /// Into this folder instead of the system.
        #[arg(long, value_name = "DIR")]
        prefix: Option<PathBuf>,
    },
    /// Build the Debian package and print its path.
    Package {
        /// Folder of the package; without it the build directory.
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
    /// Write the driver as a series of patches for libvirt itself.
    Series {
        /// Folder of the patches.
        #[arg(long, value_name = "DIR", default_value = "libvirt-series")]
        out: PathBuf,
    },
}

/// Does the job.
///
/// # Errors
/// Packages are missing, libvirt's source cannot be fetched, or something does not compile.
pub fn run(args: &LibvirtArgs) -> Result<()> {
    setup::ensure(&[Need::Libvirt], args.yes)?;
    match &args.job {
        Job::Build { prefix } => {
            let built = Built::new(layout(prefix.as_deref())?)?;
            println!("{}", built.build_dir().join("src").display());
            Ok(())
        }
        Job::Install { prefix: Some(prefix) } => install_below(prefix),
        Job::Install { prefix: None } => install_package(&package(&default_out())?),
        Job::Series { out } => {
            series::write(out)?.iter().for_each(|file| println!("{}", file.display()));
            Ok(())
        }
        Job::Package { out } => {
            println!("{}", package(&out.clone().unwrap_or_else(default_out))?.display());
            Ok(())
        }
    }
}

/// The benchmark of the driver, ready to run, with programs built for measuring.
///
/// # Errors
/// Packages are missing, or something does not compile.
pub fn bench() -> Result<Command> {
    setup::ensure(&[Need::Libvirt, Need::LibvirtTests], false)?;
    let built = Built::new(Layout::system())?;
    process::run(cargo("build").args([
        "--release",
        "--quiet",
        "--package",
        "vmand",
        "--package",
        "vman-sim",
    ]))?;
    let release = workspace::target_dir().join("release");
    let mut command = Command::new(PYTHON);
    command.arg(workspace::root().join("libvirt-driver/bench/bench.py"));
    built.tell(&mut command, &release);
    Ok(command)
}

fn layout(prefix: Option<&Path>) -> Result<Layout> {
    prefix.map_or_else(|| Ok(Layout::system()), Layout::private)
}

fn default_out() -> PathBuf {
    workspace::target_dir().join("libvirt")
}

fn package(out: &Path) -> Result<PathBuf> {
    package::make(&Built::new(Layout::system())?, out)
}

/// Installs below `prefix` and says how to go on.
fn install_below(prefix: &Path) -> Result<()> {
    let built = Built::new(Layout::private(prefix)?)?;
    files::install(&built, Path::new("/"))?;
    let prefix = built.layout.prefix.display();
    println!("Installed below {prefix}. To use it:");
    println!(
        "  {prefix}/sbin/virtvmand --daemon     # vmand's socket is named in {prefix}/etc/libvirt/virtvmand.conf"
    );
    println!("  virsh -c '{}' list --all", built.layout.uri());
    Ok(())
}

fn install_package(package: &Path) -> Result<()> {
    let is_root = nix::unistd::geteuid().is_root();
    if !is_root && !process::exists("sudo") {
        bail!("Only root can install it: apt-get install {}", package.display());
    }
    let mut install = Command::new(if is_root { "apt-get" } else { "sudo" });
    if !is_root {
        install.arg("apt-get");
    }
    install.args(["install", "--yes", "--reinstall", "-o", "DPkg::Lock::Timeout=300"]).arg(package);
    process::run(&mut install).context("The package cannot be installed")?;
    println!("Installed. To use it: systemctl start virtvmand.socket; virsh -c vman:///system list --all");
    Ok(())
}
