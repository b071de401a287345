//! Pods of Kubernetes by their uid: the groups that the kubelet makes, by the rules of both of its drivers.
//!
//! systemd driver: `kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podUID.slice`, with `_` for each `-` of
//! the uid; cgroupfs driver: `kubepods/burstable/podUID`. Guaranteed pods have no class in between.

use std::path::PathBuf;

use super::FindError;
use crate::cgroup::{Hierarchies, walk};

/// The shortest beginning of a uid that is taken.
const UID_LEAST: usize = 8;

/// The control group of the pod with this uid (`kubectl get pod NAME -o jsonpath={.metadata.uid}`), or a unique
/// beginning of it; all containers of the pod are in it.
///
/// # Errors
/// There is no such pod on this node, or several uids begin so.
pub fn pod(uid: &str, hierarchies: &Hierarchies) -> Result<PathBuf, FindError> {
    let mut found: Vec<(String, PathBuf)> = Vec::new();
    let wanted = uid.replace('_', "-");
    for mount in hierarchies.mount_points().into_iter().filter(|_| wanted.len() >= UID_LEAST) {
        walk(mount, &mut |directory| {
            let name = directory.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let Some(known) = uid_of(name).filter(|known| known.starts_with(&wanted)) else { return };
            if !found.iter().any(|(other, _)| *other == known) {
                found.push((known, directory.to_owned()));
            }
        });
    }
    if found.len() > 1 {
        let found = found.into_iter().map(|(uid, _)| uid).collect();
        return Err(FindError::Ambiguous { kind: "pod", name: uid.to_owned(), found });
    }
    found.pop().map(|(_, directory)| directory).ok_or_else(|| FindError::Unknown {
        kind: "pod",
        name: uid.to_owned(),
        hint: "no control group kubepods*-podUID.slice or kubepods/*/podUID on this node; a pod is named by its uid \
               (kubectl get pod NAME -o jsonpath={.metadata.uid}), at least 8 digits of it"
            .to_owned(),
    })
}

/// The uid in the name of a pod's group.
fn uid_of(group: &str) -> Option<String> {
    let uid = match group.strip_suffix(".slice") {
        Some(slice) => slice.strip_prefix("kubepods-")?.rsplit_once("pod")?.1.replace('_', "-"),
        None => group.strip_prefix("pod")?.to_owned(),
    };
    let is_uid = uid.len() >= UID_LEAST && uid.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    is_uid.then_some(uid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const UID: &str = "1b4e28ba-2fa1-11d2-883f-0016d3cca427";

    #[test]
    fn the_groups_of_both_drivers_and_of_every_class_are_known() {
        let under = UID.replace('-', "_");
        for name in [
            format!("kubepods-burstable-pod{under}.slice"),
            format!("kubepods-besteffort-pod{under}.slice"),
            format!("kubepods-pod{under}.slice"),
            format!("pod{UID}"),
        ] {
            assert_eq!(uid_of(&name).as_deref(), Some(UID), "{name}");
        }
        for name in ["kubepods-burstable.slice", "kubepods.slice", "podman", "user-1000.slice", "pod"] {
            assert_eq!(uid_of(name), None, "{name}");
        }
    }

    #[test]
    fn a_pod_is_found_in_the_tree_of_either_driver() {
        for (driver, path) in [
            (
                "systemd",
                format!(
                    "kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{}.slice",
                    UID.replace('-', "_")
                ),
            ),
            ("cgroupfs", format!("kubepods/burstable/pod{UID}")),
        ] {
            let root = tempfile::tempdir().unwrap();
            fs::create_dir_all(root.path().join("proc/self")).unwrap();
            let mounts = format!("cgroup2 {} cgroup2 rw 0 0\n", root.path().display());
            fs::write(root.path().join("proc/self/mounts"), mounts).unwrap();
            fs::create_dir_all(root.path().join(&path).join("cri-containerd-x.scope")).unwrap();
            let hierarchies = Hierarchies::read(&root.path().join("proc"));
            for name in [UID, "1b4e28ba"] {
                assert_eq!(pod(name, &hierarchies).unwrap(), root.path().join(&path), "{driver}");
            }
            let error = pod("web-0", &hierarchies).unwrap_err().to_string();
            assert!(
                error.starts_with("There is no pod web-0: ") && error.contains("metadata.uid"),
                "{error}"
            );
        }
    }
}
