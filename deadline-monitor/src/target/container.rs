//! Containers by id or name: their control groups, as podman, Docker, containerd and CRI-O call them.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::FindError;
use crate::cgroup::{Hierarchies, has_processes, walk};

/// Length of a whole id in hexadecimal digits, and the shortest beginning that is taken for one.
const ID_LENGTH: usize = 64;
const ID_LEAST: usize = 6;
/// What engines put before and behind the id in the name of its group.
const PREFIXES: [&str; 6] = ["libpod-", "docker-", "cri-containerd-", "crio-", "nerdctl-", ""];
const SUFFIX: &str = ".scope";
/// Programs that know names.
const ENGINES: [&str; 2] = ["podman", "docker"];

/// The control group of the container with this id, the beginning of it, or this name.
///
/// Ids are found without any engine. A name is what only its engine knows: podman and docker are asked, where they are
/// installed.
///
/// # Errors
/// There is no such container, or several ids begin so.
pub fn container(name: &str, hierarchies: &Hierarchies) -> Result<PathBuf, FindError> {
    let by_id = if is_id(name) { by_id(name, hierarchies)? } else { None };
    if let Some(group) = by_id {
        return Ok(group);
    }
    let asked = ENGINES.iter().filter_map(|engine| ask(engine, name));
    let by_name = asked.filter_map(|id| by_id_or_none(&id, hierarchies)).next();
    by_name.ok_or_else(|| FindError::Unknown {
        kind: "running container",
        name: name.to_owned(),
        hint: "no control group is named by it as an id, and neither podman nor docker knows it as a running one"
            .to_owned(),
    })
}

fn is_id(name: &str) -> bool {
    (ID_LEAST..=ID_LENGTH).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn by_id_or_none(id: &str, hierarchies: &Hierarchies) -> Option<PathBuf> {
    by_id(id, hierarchies).ok().flatten()
}

fn by_id(beginning: &str, hierarchies: &Hierarchies) -> Result<Option<PathBuf>, FindError> {
    let mut found: Vec<(String, PathBuf)> = Vec::new();
    for mount in hierarchies.mount_points() {
        walk(mount, &mut |directory| {
            let id = directory.file_name().and_then(|name| id_of(name.to_str()?));
            let Some(id) = id.filter(|id| id.starts_with(beginning)) else { return };
            if !found.iter().any(|(known, _)| known == id) && has_tasks(directory) {
                found.push((id.to_owned(), directory.to_owned()));
            }
        });
    }
    if found.len() > 1 {
        let found = found.into_iter().map(|(id, _)| id.chars().take(12).collect()).collect();
        return Err(FindError::Ambiguous { kind: "container", name: beginning.to_owned(), found });
    }
    Ok(found.pop().map(|(_, directory)| directory))
}

/// The id in the name of a container's group.
fn id_of(group: &str) -> Option<&str> {
    let inner = group.strip_suffix(SUFFIX).unwrap_or(group);
    let id = PREFIXES.iter().find_map(|prefix| inner.strip_prefix(prefix))?;
    (id.len() == ID_LENGTH && id.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(id)
}

/// Whether something runs in the group or below: engines leave empty ones in hierarchies that they do not use.
fn has_tasks(directory: &Path) -> bool {
    let mut some = false;
    walk(directory, &mut |directory| some |= has_processes(directory));
    some
}

/// The id of a running container, from the engine that knows its name.
fn ask(engine: &str, name: &str) -> Option<String> {
    let mut command = Command::new(engine);
    command.args(["inspect", "--type", "container", "--format", "{{.Id}}", "--", name]);
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let id = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && is_id(&id)).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cgroup::Group;
    use std::fs;

    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn every_engines_way_to_name_a_group_is_known() {
        let known = [
            "libpod-{}.scope",
            "libpod-{}",
            "docker-{}.scope",
            "{}",
            "crio-{}.scope",
            "cri-containerd-{}.scope",
        ];
        for pattern in known {
            assert_eq!(id_of(&pattern.replace("{}", ID)), Some(ID), "{pattern}");
        }
        for other in ["libpod-conmon-{}.scope", "libpod-{}x", "session-{}.scope"] {
            assert_eq!(id_of(&other.replace("{}", ID)), None, "{other}");
        }
        assert_eq!(id_of("0123456789ab"), None, "engines use whole ids");
    }

    /// Two containers in a tree as podman makes it, one of them without a process.
    fn tree() -> (tempfile::TempDir, Hierarchies) {
        let root = tempfile::tempdir().unwrap();
        let mounts = format!("cgroup2 {} cgroup2 rw 0 0\n", root.path().display());
        fs::create_dir_all(root.path().join("proc/self")).unwrap();
        fs::write(root.path().join("proc/self/mounts"), mounts).unwrap();
        let other = ID.replace("01234567", "01234599");
        for (id, procs) in [(ID, "12\n"), (&other, "13\n")] {
            let group = root.path().join("machine.slice").join(format!("libpod-{id}.scope/container"));
            fs::create_dir_all(&group).unwrap();
            fs::write(group.join("cgroup.procs"), procs).unwrap();
        }
        let hierarchies = Hierarchies::read(&root.path().join("proc"));
        (root, hierarchies)
    }

    #[test]
    fn the_beginning_of_an_id_is_enough_if_it_is_one_containers_only() {
        let (root, hierarchies) = tree();
        let group = container("0123456789", &hierarchies).unwrap();
        assert_eq!(group, root.path().join(format!("machine.slice/libpod-{ID}.scope")));
        let error = container("012345", &hierarchies).unwrap_err().to_string();
        assert!(error.starts_with("Several containers begin with 012345: 01234"), "{error}");
        let error = container("no-such-name", &hierarchies).unwrap_err().to_string();
        assert!(error.starts_with("There is no running container no-such-name: no control group"), "{error}");
        fs::write(group.join("container/cgroup.procs"), "").unwrap();
        assert!(container("0123456789", &hierarchies).is_err());
        assert_eq!(Group::at(root.path()).controller("cpu"), None);
    }
}
