//! Control groups on this machine: where the hierarchies of both versions are mounted, and one group in all of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Version of a control group hierarchy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// A hierarchy for each controller.
    V1,
    /// One hierarchy.
    V2,
}

/// The mounted hierarchies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hierarchies {
    unified: Option<PathBuf>,
    /// Mount points of version 1 by controller.
    controllers: BTreeMap<String, PathBuf>,
}

impl Hierarchies {
    /// Those that the procfs at `root` lists; none if it cannot be read.
    pub fn read(root: &Path) -> Hierarchies {
        Self::parse(&fs::read_to_string(root.join("self/mounts")).unwrap_or_default())
    }

    fn parse(mounts: &str) -> Hierarchies {
        let mut found = Hierarchies::default();
        for line in mounts.lines() {
            let fields: Vec<_> = line.split(' ').collect();
            match fields[..] {
                [_, point, "cgroup2", ..] => found.unified = found.unified.or_else(|| Some(point.into())),
                [_, point, "cgroup", options, ..] => {
                    let names = options.split(',').map(|name| name.strip_prefix("name=").unwrap_or(name));
                    names.for_each(|name| drop(found.controllers.insert(name.to_owned(), point.into())));
                }
                _ => {}
            }
        }
        // Options of every mount, not controllers.
        for option in ["rw", "ro", "relatime", "nosuid", "nodev", "noexec", "xattr"] {
            found.controllers.remove(option);
        }
        found
    }

    /// Mount point of version 2.
    pub fn unified(&self) -> Option<&Path> {
        self.unified.as_deref()
    }

    /// Mount point of a controller of version 1.
    pub fn controller(&self, name: &str) -> Option<&Path> {
        self.controllers.get(name).map(PathBuf::as_path)
    }

    /// Every mount point once, version 2 first.
    pub fn mount_points(&self) -> Vec<&Path> {
        let mut points: Vec<&Path> = self.controllers.values().map(PathBuf::as_path).collect();
        points.sort_unstable();
        points.dedup();
        self.unified.as_deref().into_iter().chain(points).collect()
    }

    /// The group that has the directory `path` in one of the hierarchies.
    pub fn group(&self, path: &Path) -> Group {
        let points = self.mount_points();
        let relative = points.iter().find_map(|point| path.strip_prefix(point).ok());
        Group {
            hierarchies: relative.map_or_else(Hierarchies::default, |_| self.clone()),
            relative: relative.unwrap_or(Path::new("")).to_owned(),
            path: path.to_owned(),
        }
    }

    /// The group of a process, in version 2 or else in the hierarchy of CPU time, from its `cgroup` file below `root`.
    pub fn group_of(&self, root: &Path, pid: u32) -> Option<Group> {
        let text = fs::read_to_string(root.join(pid.to_string()).join("cgroup")).ok()?;
        let path = |name: &str| {
            text.lines().find_map(|line| {
                let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
                controllers.split(',').any(|one| one == name).then(|| path.trim_start_matches('/'))
            })
        };
        let v1 = ["cpu", "cpuacct", "pids"].into_iter().find_map(|name| {
            let directory = self.controller(name)?.join(path(name)?);
            directory.is_dir().then_some(directory)
        });
        let directory = v1.or_else(|| Some(self.unified()?.join(path("")?)))?;
        Some(self.group(&directory))
    }
}

/// Groups deeper than this are nobody's.
const DEPTH_MOST: u32 = 12;

/// Visits the group at `directory` and all below it.
pub fn walk(directory: &Path, visit: &mut impl FnMut(&Path)) {
    walk_within(directory, DEPTH_MOST, visit);
}

fn walk_within(directory: &Path, depth: u32, visit: &mut impl FnMut(&Path)) {
    visit(directory);
    for entry in fs::read_dir(directory).into_iter().flatten().flatten().filter(|_| depth > 0) {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            walk_within(&entry.path(), depth - 1, visit);
        }
    }
}

/// Whether processes are in the group itself; those of groups below it do not count.
pub fn has_processes(directory: &Path) -> bool {
    let list =
        ["cgroup.procs", "tasks"].iter().find_map(|list| fs::read_to_string(directory.join(list)).ok());
    list.is_some_and(|list| !list.trim().is_empty())
}

/// The CPUs that a thread's cpuset leaves it, as the kernel writes them; `None` without a cpuset.
pub fn cpus_of(tid: crate::sched::Tid) -> Option<String> {
    let procfs = Path::new("/proc");
    let hierarchies = Hierarchies::read(procfs);
    let relative = fs::read_to_string(procfs.join(tid.to_string()).join("cpuset")).ok()?;
    let relative = relative.trim().trim_start_matches('/').to_owned();
    let v1 = hierarchies.controller("cpuset").map(|mount| mount.join(&relative).join("cpuset.cpus"));
    let v2 = hierarchies.unified().map(|mount| mount.join(&relative).join("cpuset.cpus.effective"));
    v1.into_iter().chain(v2).find_map(|file| fs::read_to_string(file).ok())
}

/// One control group, in all hierarchies where it has a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    hierarchies: Hierarchies,
    relative: PathBuf,
    path: PathBuf,
}

impl Group {
    /// A directory that is in no mounted hierarchy, such as one of a test; read as version 2.
    pub fn at(path: &Path) -> Group {
        Hierarchies::default().group(path)
    }

    /// A group in hierarchies of version 1 below `root`, which are made.
    #[cfg(test)]
    pub(crate) fn under(root: &Path, controllers: &[&str], name: &str) -> Group {
        let mut hierarchies = Hierarchies::default();
        for controller in controllers {
            fs::create_dir_all(root.join(controller).join(name)).unwrap();
            hierarchies.controllers.insert((*controller).to_owned(), root.join(controller));
        }
        let first = controllers.first().copied().unwrap_or_default();
        hierarchies.group(&root.join(first).join(name))
    }

    /// The directory that it was named by.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its directory in version 2, if it has one.
    pub fn unified(&self) -> Option<PathBuf> {
        let Some(mount) = self.hierarchies.unified() else {
            return self.hierarchies.controllers.is_empty().then(|| self.path.clone());
        };
        Some(mount.join(&self.relative)).filter(|directory| directory.is_dir())
    }

    /// Its directory in the hierarchy of a controller of version 1, if it has one.
    pub fn controller(&self, name: &str) -> Option<PathBuf> {
        let directory = self.hierarchies.controller(name)?.join(&self.relative);
        directory.is_dir().then_some(directory)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "tmpfs /sys/fs/cgroup tmpfs rw 0 0\n\
        cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,nosuid,cpu,cpuacct 0 0\n\
        cgroup /sys/fs/cgroup/systemd cgroup rw,name=systemd 0 0\n\
        cgroup2 /sys/fs/cgroup/unified cgroup2 rw,relatime 0 0\n";

    #[test]
    fn both_versions_are_found_by_their_mounts() {
        let found = Hierarchies::parse(MOUNTS);
        assert_eq!(found.unified(), Some(Path::new("/sys/fs/cgroup/unified")));
        assert_eq!(found.controller("cpuacct"), Some(Path::new("/sys/fs/cgroup/cpu,cpuacct")));
        assert_eq!(found.controller("rw"), None);
        assert_eq!(found.mount_points().len(), 3);
        let group = found.group(Path::new("/sys/fs/cgroup/systemd/a/b"));
        assert_eq!(group.relative, Path::new("a/b"));
    }

    #[test]
    fn this_process_is_in_a_group() {
        let found = Hierarchies::read("/proc".as_ref());
        let group = found.group_of("/proc".as_ref(), std::process::id());
        assert_eq!(group.is_some(), !found.mount_points().is_empty(), "{found:?}");
    }

    #[test]
    fn a_directory_outside_every_hierarchy_is_read_as_version_2() {
        let root = tempfile::tempdir().unwrap();
        let group = Group::at(root.path());
        assert_eq!((group.unified().as_deref(), group.controller("cpu")), (Some(root.path()), None));
    }
}
