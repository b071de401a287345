//! The libvirt stage: the driver built for this machine's libvirt, tested through the stock client.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use crate::assets::cache::directory;
use crate::check::cargo;
use crate::libvirt::build::Built;
use crate::libvirt::layout::Layout;
use crate::libvirt::{PYTHON, checks, files, nova, package, series, support};
use crate::stage::Recorder;
use crate::{process, workspace};

use super::Depth;

/// The tests, from the root of the checkout.
const TESTS: &str = "libvirt-driver/tests";

/// Runs the stage.
pub(super) fn run(recorder: &mut Recorder, depth: Depth) {
    let mut built = None;
    recorder.check("build", || {
        built = Some(Built::new(Layout::system())?);
        process::run(cargo("build").args(["--quiet", "--package", "vmand", "--package", "vman-sim"]))
    });
    let Some(built) = built else { return };
    checks_of_the_tree(recorder, &built);
    recorder.tests("the tables against libvirt's own driver", all(&built).args(["--driver", "test"]));
    if nix::unistd::geteuid().is_root() {
        clients(recorder, &built);
    } else {
        recorder.skip("libvirt clients", "the system's virtvmand runs as root; run the stage as root");
    }
    recorder.check("a private folder", private_folder);
    if depth == Depth::Full {
        recorder.check("the series for libvirt builds and passes libvirt's own checks", series::check);
    }
}

/// Stock clients against a daemon of the tests' own.
fn clients(recorder: &mut Recorder, built: &Built) {
    recorder.tests("virsh and libvirt-python", &mut all(built));
    package_life(recorder, built);
    nova_classes(recorder, built);
}

/// The package, installed, used and removed in a copy of this machine's root.
fn package_life(recorder: &mut Recorder, built: &Built) {
    let mut file = PathBuf::new();
    recorder.check("package", || {
        file = package::make(built, &workspace::target_dir().join("libvirt"))?;
        Ok(())
    });
    if !file.as_os_str().is_empty() {
        let mut test = pytest(built, PYTHON);
        recorder.tests("the package", test.env("PACKAGE", &file).arg(format!("{TESTS}/test_package.py")));
    }
}

/// libvirt's own checks of a driver: names, access checks, and its rules of style on our files.
fn checks_of_the_tree(recorder: &mut Recorder, built: &Built) {
    let source = built.source_dir();
    recorder.check("libvirt's check of a driver's names", || checks::driver_names(&source));
    recorder.check("libvirt's check of access rules", || checks::access_rules(&source));
    recorder.check("the support table of docs/libvirt.md", || support::check(&workspace::root()));
    recorder.check("libvirt's syntax check", || checks::syntax_check(&source));
}

/// All tests but those that need something of their own.
fn all(built: &Built) -> Command {
    let mut command = pytest(built, PYTHON);
    command.arg(format!("--ignore={TESTS}/nova")).arg(format!("--ignore={TESTS}/test_package.py")).arg(TESTS);
    command
}

/// Python's test runner with everything that the tests ask the environment for.
fn pytest(built: &Built, python: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(python);
    command.current_dir(workspace::root());
    built.tell(&mut command, &workspace::target_dir().join("debug"));
    command.args(["-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short", "--no-header"]);
    command
}

/// Nova's classes against our daemon.
fn nova_classes(recorder: &mut Recorder, built: &Built) {
    let mut python = PathBuf::new();
    recorder.check("Nova's environment", || {
        python = nova::python()?;
        Ok(())
    });
    if python.as_os_str().is_empty() {
        return;
    }
    let mut test = pytest(built, &python);
    // Nova turns libvirt's event loop by itself.
    test.args(["--own-loop", "-W", "ignore::DeprecationWarning"]).arg(format!("{TESTS}/nova"));
    recorder.tests("Nova's own classes", &mut test);
}

/// Installs below a folder and asks the daemon there for its version: a place that is compiled in wrongly is not
/// found. The folder is always the same one, as it is a part of what the build's tree is kept under.
fn private_folder() -> Result<()> {
    let prefix = directory()?.join("libvirt-prefix");
    let built = Built::new(Layout::private(&prefix)?)?;
    files::install(&built, Path::new("/"))?;
    let text = process::read(Command::new(prefix.join("sbin/virtvmand")).arg("--version"))?;
    fs::remove_dir_all(&prefix)?;
    if !text.contains(built.libvirt.version()) {
        bail!("The installed daemon says `{text}`");
    }
    Ok(())
}
