//! Every file of an installation: where it comes from, and where it goes.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::build::{Built, copy_stripped};
use super::installed::Libvirt;
use super::layout::Layout;
use crate::{process, workspace};

/// Where a file comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// A program or module of the build, installed without debugging symbols.
    Binary(&'static str),
    /// A file that the build made.
    Made(&'static str),
    /// A file of the checkout.
    Ours(&'static str),
    /// A template of the checkout, with the places filled in.
    Template(&'static str),
    /// The daemon's configuration of the build, with the driver's own settings behind it.
    Settings(&'static str, &'static str),
    /// A manual page, written as reStructuredText in the checkout.
    Manual(&'static str),
}

/// The folder that a file goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Sbin,
    /// Programs that nobody starts by hand.
    Libexec,
    Driver,
    Config,
    Units,
    /// What the distribution's group may do with the socket.
    DropIn,
    Schemas,
    Manuals,
    Doc,
}

use Origin::{Binary, Made, Manual, Ours, Settings, Template};
use Place::{Config, Doc, Driver, DropIn, Libexec, Manuals, Sbin, Schemas, Units};

/// The name of the package, and of its folder of documents.
pub(super) const PACKAGE: &str = "libvirt-daemon-driver-vman";

const FILES: &[(Origin, Place, &str)] = &[
    (Template("libvirt-driver/packaging/virtvmand.sh.in"), Sbin, "virtvmand"),
    (Binary("src/virtvmand"), Libexec, "virtvmand"),
    (Binary("src/libvirt_driver_vman.so"), Driver, "libvirt_driver_vman.so"),
    (Settings("src/virtvmand.conf", "libvirt-driver/src/vman/virtvmand.conf.in"), Config, "virtvmand.conf"),
    (Made("src/virtvmand.service"), Units, "virtvmand.service"),
    (Made("src/virtvmand.socket"), Units, "virtvmand.socket"),
    (Made("src/virtvmand-ro.socket"), Units, "virtvmand-ro.socket"),
    (Made("src/virtvmand-admin.socket"), Units, "virtvmand-admin.socket"),
    (Ours("libvirt-driver/packaging/socket-group.conf"), DropIn, "group.conf"),
    (Ours("libvirt-driver/schemas/vmandomain.rng"), Schemas, "vmandomain.rng"),
    (Manual("libvirt-driver/docs/virtvmand.rst"), Manuals, "virtvmand.8"),
    (Ours("libvirt-driver/packaging/copyright"), Doc, "copyright"),
    (Ours("docs/libvirt.md"), Doc, "libvirt.md"),
];

/// Folders that the daemon makes files in.
const STATE_DIRS: [&str; 4] = ["lib/libvirt", "cache/libvirt", "log/libvirt", "lib/libvirt/vman"];

/// Puts every file under `root` (which stands for `/`) and returns their places.
///
/// # Errors
/// A file is missing or cannot be written.
pub fn install(built: &Built, root: &Path) -> Result<Vec<PathBuf>> {
    let mut places = Vec::new();
    for (origin, place, name) in FILES {
        let path = folder(built, *place).join(name);
        put(built, *origin, &under(root, &path))
            .with_context(|| format!("Cannot install {}", path.display()))?;
        places.push(path);
    }
    if !built.layout.is_system() {
        for dir in STATE_DIRS {
            fs::create_dir_all(under(root, &built.layout.localstate.join(dir)))?;
        }
        fs::create_dir_all(under(root, &built.layout.runstate.join("libvirt")))?;
    }
    Ok(places)
}

/// Files that belong to the administrator once they are there.
pub(super) fn configuration(layout: &Layout) -> Vec<PathBuf> {
    let files = FILES.iter().filter(|(_, place, _)| *place == Config);
    files.map(|(_, _, name)| layout.sysconf.join("libvirt").join(name)).collect()
}

/// The part of `path` below `root`.
pub(super) fn under(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

fn folder(built: &Built, place: Place) -> PathBuf {
    let Layout { prefix, sysconf, .. } = &built.layout;
    match place {
        Place::Sbin => prefix.join("sbin"),
        Place::Libexec => prefix.join("lib/libvirt-vman"),
        Place::Driver => driver_dir(&built.layout, &built.libvirt),
        Place::Config => sysconf.join("libvirt"),
        Place::Units if built.layout.is_system() => PathBuf::from("/lib/systemd/system"),
        Place::Units => prefix.join("lib/systemd/system"),
        Place::DropIn => folder(built, Place::Units).join("virtvmand.socket.d"),
        Place::Schemas => prefix.join("share/libvirt/schemas"),
        Place::Manuals => prefix.join("share/man/man8"),
        Place::Doc => prefix.join("share/doc").join(PACKAGE),
    }
}

fn driver_dir(layout: &Layout, libvirt: &Libvirt) -> PathBuf {
    layout.prefix.join("lib").join(&libvirt.multiarch).join("libvirt/connection-driver")
}

fn put(built: &Built, origin: Origin, to: &Path) -> Result<()> {
    if let Some(dir) = to.parent() {
        fs::create_dir_all(dir)?;
    }
    let checkout = workspace::root();
    match origin {
        Origin::Binary(path) => copy_stripped(&built.file(path), to)?,
        Origin::Made(path) => write(to, &fs::read(built.file(path))?, 0o644)?,
        Origin::Settings(made, ours) => {
            write(to, settings(built, &built.file(made), &checkout.join(ours))?.as_bytes(), 0o644)?
        }
        Origin::Ours(path) => write(to, &fs::read(checkout.join(path))?, 0o644)?,
        Origin::Template(path) => {
            let text = fs::read_to_string(checkout.join(path))?;
            write(to, filled_in(&text, built)?.as_bytes(), 0o755)?;
        }
        Origin::Manual(path) => {
            let page = process::read(Command::new("rst2man").arg(checkout.join(path)))?;
            write(to, page.as_bytes(), 0o644)?;
        }
    }
    Ok(())
}

/// One file, as the daemon and the driver read the same one.
fn settings(built: &Built, made: &Path, ours: &Path) -> Result<String> {
    let made = fs::read_to_string(made)?;
    let made = if built.layout.is_system() { for_the_group(&made)? } else { made };
    let ours = fs::read_to_string(ours).with_context(|| format!("Cannot read {}", ours.display()))?;
    Ok(format!("{}\n\n{ours}", made.trim()))
}

/// Sockets for the group that the package makes, also without systemd: libvirt's file has the lines as comments.
fn for_the_group(text: &str) -> Result<String> {
    let mut text = text.to_owned();
    for line in ["unix_sock_group = \"libvirt\"", "unix_sock_rw_perms = \"0770\""] {
        let comment = format!("\n#{line}\n");
        if !text.contains(&comment) {
            bail!("libvirt's configuration has no line #{line} any more");
        }
        text = text.replace(&comment, &format!("\n{line}\n"));
    }
    Ok(text)
}

fn filled_in(text: &str, built: &Built) -> Result<String> {
    let daemon = folder(built, Place::Libexec).join("virtvmand");
    let driver = driver_dir(&built.layout, &built.libvirt);
    Ok(text
        .replace("@libvirt_version@", built.libvirt.version())
        .replace("@libvirt_file@", &format!("libvirt.so.{}", built.libvirt.soname_version()?))
        .replace("@libvirt_dir@", &built.libvirt.libdir.display().to_string())
        .replace("@driver_dir@", &driver.display().to_string())
        .replace("@daemon@", &daemon.display().to_string()))
}

/// Replaces the file as a whole, so that a program that runs keeps its old one.
fn write(to: &Path, content: &[u8], mode: u32) -> Result<()> {
    let new = to.with_extension("new");
    fs::write(&new, content)?;
    fs::set_permissions(&new, fs::Permissions::from_mode(mode))?;
    fs::rename(&new, to)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sockets_of_a_package_belong_to_the_group() {
        let text = "# a\n#unix_sock_group = \"libvirt\"\n#unix_sock_rw_perms = \"0770\"\n#other = 1\n";
        let expected = "# a\nunix_sock_group = \"libvirt\"\nunix_sock_rw_perms = \"0770\"\n#other = 1\n";
        assert_eq!(for_the_group(text).unwrap(), expected);
        assert!(for_the_group("nothing").is_err());
    }
}
