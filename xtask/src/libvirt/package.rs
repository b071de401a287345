//! The Debian package of the driver.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::build::Built;
use super::files::{self, PACKAGE, under};
use crate::{process, workspace};

/// Scripts of the package, from the root of the checkout.
const SCRIPTS: &str = "libvirt-driver/packaging/debian";

/// Makes the package in `out` and returns its path.
///
/// # Errors
/// It was built for a private folder, a file cannot be written, or dpkg's tools fail.
pub fn make(built: &Built, out: &Path) -> Result<PathBuf> {
    if !built.layout.is_system() {
        bail!("A package is made of a build for the system, not for a private folder");
    }
    let work = tempfile::tempdir()?;
    let root = work.path().join("root");
    // dpkg-deb wants the folder that becomes `/` readable for all.
    fs::create_dir(&root)?;
    fs::set_permissions(&root, fs::Permissions::from_mode(0o755))?;
    files::install(built, &root)?;
    let control = root.join("DEBIAN");
    fs::create_dir(&control)?;
    let conffiles: String =
        files::configuration(&built.layout).iter().map(|f| format!("{}\n", f.display())).collect();
    fs::write(control.join("conffiles"), conffiles)?;
    scripts(&control)?;
    fs::write(control.join("control"), control_text(built, &root, work.path())?)?;
    fs::create_dir_all(out).with_context(|| format!("Cannot create {}", out.display()))?;
    let file = out.join(format!("{PACKAGE}_{}_{}.deb", version(built), built.libvirt.architecture));
    let mut deb = Command::new("dpkg-deb");
    process::read(deb.args(["--root-owner-group", "--build"]).arg(&root).arg(&file))?;
    Ok(file)
}

/// Our version, and the libvirt that it was built for.
fn version(built: &Built) -> String {
    format!("{}+libvirt{}", env!("CARGO_PKG_VERSION"), built.libvirt.version())
}

fn scripts(control: &Path) -> Result<()> {
    for name in ["postinst", "prerm", "postrm"] {
        let to = control.join(name);
        fs::copy(workspace::root().join(SCRIPTS).join(name), &to)
            .with_context(|| format!("Cannot copy {SCRIPTS}/{name}"))?;
        fs::set_permissions(&to, fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

fn control_text(built: &Built, root: &Path, work: &Path) -> Result<String> {
    let text = fs::read_to_string(workspace::root().join(SCRIPTS).join("control.in"))?;
    Ok(text
        .replace("@package@", PACKAGE)
        .replace("@version@", &version(built))
        .replace("@architecture@", &built.libvirt.architecture)
        .replace("@libvirt@", built.libvirt.version())
        .replace("@next@", &built.libvirt.next_version()?)
        .replace("@libraries@", &libraries(built, root, work)?))
}

/// The packages of the libraries that the programs are linked with, as dpkg-shlibdeps finds them.
fn libraries(built: &Built, root: &Path, work: &Path) -> Result<String> {
    fs::create_dir(work.join("debian"))?;
    fs::write(
        work.join("debian/control"),
        format!("Source: {PACKAGE}\n\nPackage: {PACKAGE}\nArchitecture: any\n"),
    )?;
    let driver =
        format!("usr/lib/{}/libvirt/connection-driver/libvirt_driver_vman.so", built.libvirt.multiarch);
    let mut shlibdeps = Command::new("dpkg-shlibdeps");
    shlibdeps.arg("-O").arg(under(root, Path::new("/usr/lib/libvirt-vman/virtvmand"))).arg(root.join(driver));
    let text = process::read(shlibdeps.current_dir(work))?;
    match text.lines().find_map(|line| line.strip_prefix("shlibs:Depends=")) {
        Some(packages) => Ok(packages.trim().to_owned()),
        None => bail!("dpkg-shlibdeps found no libraries in the driver"),
    }
}
