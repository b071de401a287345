//! Virtual machines of QEMU: by process, by QMP socket, or by libvirt's name for the domain.

use std::env;
use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{FindError, Target};
use crate::sched::Tid;

/// Where libvirt keeps a domain's process id: the system's daemon and, below the runtime directory, a user's own.
const SYSTEM_PIDS: [&str; 2] = ["/run/libvirt/qemu", "/var/run/libvirt/qemu"];
const SESSION_PIDS: &str = "libvirt/qemu/run";

/// The virtual CPUs of the machine with this process id, QMP socket, or libvirt domain name.
///
/// # Errors
/// It is none of these.
pub fn vm(name: &str) -> Result<Target, FindError> {
    if let Ok(pid) = name.parse() {
        return Ok(Target::Vcpus(pid));
    }
    if fs::metadata(name).is_ok_and(|file| file.file_type().is_socket()) {
        return Ok(Target::Qmp(PathBuf::from(name)));
    }
    let pid = pid_files(name).into_iter().find_map(|file| fs::read_to_string(file).ok()?.trim().parse().ok());
    pid.or_else(|| ask_virsh(name)).map(Target::Vcpus).ok_or_else(|| FindError::Unknown {
        kind: "virtual machine",
        name: name.to_owned(),
        hint: "it is no process id and no QMP socket, and libvirt has no running domain of this name"
            .to_owned(),
    })
}

fn pid_files(domain: &str) -> Vec<PathBuf> {
    if domain.contains('/') {
        return Vec::new();
    }
    let session = env::var_os("XDG_RUNTIME_DIR").map(|dir| PathBuf::from(dir).join(SESSION_PIDS));
    let system = SYSTEM_PIDS.iter().map(PathBuf::from);
    system.chain(session).map(|dir| dir.join(format!("{domain}.pid"))).collect()
}

/// A domain whose process id libvirt keeps elsewhere: virsh tells the thread of its first virtual CPU, where virsh is
/// installed; the process is the thread's group.
fn ask_virsh(domain: &str) -> Option<u32> {
    let mut virsh = Command::new("virsh");
    virsh.args(["--quiet", "qemu-monitor-command", domain, r#"{"execute":"query-cpus-fast"}"#]);
    let output = virsh.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let reply: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
    let tid = reply.pointer("/return/0/thread-id")?.as_u64()?;
    let status = fs::read_to_string(format!("/proc/{tid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("Tgid:")?.trim().parse().ok())
}

/// Whether a thread of QEMU is a virtual CPU: `CPU 0/KVM` or `CPU 0/TCG`, as QEMU names them with
/// `-name debug-threads=on` (libvirt always says so).
pub(super) fn is_vcpu(root: &Path, tid: Tid) -> bool {
    let name = fs::read_to_string(root.join(tid.to_string()).join("comm")).unwrap_or_default();
    let number = name.trim_end().strip_prefix("CPU ").and_then(|rest| rest.split_once('/'));
    number.is_some_and(|(number, _)| number.parse::<u32>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_virtual_cpus_among_the_threads_are_a_machines() {
        let root = tempfile::tempdir().unwrap();
        let threads = [
            (7, "qemu-system-x86"),
            (8, "CPU 0/KVM"),
            (9, "CPU 11/TCG"),
            (10, "IO mon_iothread"),
            (11, "CPU x/KVM"),
        ];
        for (tid, name) in threads {
            fs::create_dir_all(root.path().join("7/task").join(tid.to_string())).unwrap();
            fs::create_dir_all(root.path().join(tid.to_string())).unwrap();
            fs::write(root.path().join(tid.to_string()).join("comm"), format!("{name}\n")).unwrap();
        }
        assert_eq!(Target::Vcpus(7).threads(root.path()).unwrap(), [Tid(8), Tid(9)]);
        let error = Target::Vcpus(6).threads(root.path()).unwrap_err().to_string();
        assert_eq!(error, "There is no virtual machine of process 6");
    }

    #[test]
    fn a_machine_is_a_number_a_socket_or_a_domain() {
        assert_eq!(vm("4711").unwrap(), Target::Vcpus(4_711));
        let root = tempfile::tempdir().unwrap();
        let socket = root.path().join("qmp");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        assert_eq!(vm(socket.to_str().unwrap()).unwrap(), Target::Qmp(socket));
        let error = vm("no-such-domain").unwrap_err().to_string();
        assert!(
            error.starts_with("There is no virtual machine no-such-domain: it is no process id"),
            "{error}"
        );
        assert!(pid_files("../../etc/x").is_empty() && pid_files("web").len() >= 2);
    }
}
