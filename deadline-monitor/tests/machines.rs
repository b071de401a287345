//! Virtual machines: emulated ones, those of KVM, and domains of libvirt.
#![allow(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use std::fs::{self, File};
use std::io::BufReader;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use deadline_monitor::recording::Recording;
use deadline_monitor::sched::Tid;
use deadline_monitor::target::Target;
use nix::unistd::Uid;

mod common;
use common::{Balance, Program, Turn, eventually, has, is_reserved, monitor};

/// A firmware that is a jump to itself at the reset vector, so that the first CPU spins from the first moment on; the
/// others wait.
fn firmware(dir: &Path) -> PathBuf {
    const FIRMWARE_BYTES: usize = 64 << 10;
    const RESET_VECTOR: usize = FIRMWARE_BYTES - 16;
    let mut firmware = vec![0_u8; FIRMWARE_BYTES];
    firmware[RESET_VECTOR..RESET_VECTOR + 2].copy_from_slice(&[0xeb, 0xfe]);
    let path = dir.join("firmware");
    fs::write(&path, firmware).unwrap();
    path
}

/// A machine of QEMU with two CPUs.
fn machine(dir: &Path, accelerator: &str) -> Program {
    let qmp = format!("unix:{},server=on,wait=off", dir.join("qmp").display());
    let mut qemu = Command::new("qemu-system-x86_64");
    qemu.args(["-accel", accelerator, "-cpu", "qemu64", "-smp", "2", "-m", "32", "-display", "none"]);
    qemu.args(["-nodefaults", "-qmp", &qmp, "-name", "guest=dm-target,debug-threads=on", "-bios"]);
    Program::start(qemu.arg(firmware(dir)).stderr(Stdio::null()))
}

fn threads(target: &Target) -> Vec<Tid> {
    target.threads("/proc".as_ref()).unwrap_or_default()
}

/// Attaches to the machine by a name of it and tells that its virtual CPUs are reserved while that runs, the one that
/// spins with most of the period, and its other threads are not.
fn is_reserved_by(pid: u32, name: &str, dir: &Path, mut attach: Command) {
    let (vcpus, all) = (Target::Vcpus(pid), Target::Process(pid));
    let record = dir.join("record.jsonl");
    attach.args(["--vm", name, "--period", "50ms", "--record"]).arg(&record);
    let mut attach = Program::start(&mut attach);
    eventually("two reserved virtual CPUs", || threads(&vcpus).into_iter().all(is_reserved));
    let reserved = threads(&all).into_iter().filter(|tid| is_reserved(*tid)).count();
    assert!(reserved == 2 && threads(&all).len() > 2, "{reserved} of {:?}", threads(&all));
    eventually("a budget of most of the period for the CPU that spins", || {
        let recording = Recording::read(BufReader::new(File::open(&record).unwrap()));
        let budgets =
            recording.iter().flat_map(|recording| recording.entries.iter().map(|entry| entry.budget_ns));
        budgets.max().is_some_and(|most| most >= 35_000_000)
    });
    assert!(attach.stop().success());
    assert!(!threads(&all).into_iter().any(is_reserved));
}

fn is_reserved_with(accelerator: &str) {
    let (dir, balance) = (tempfile::tempdir().unwrap(), Balance::begin());
    let qemu = machine(dir.path(), accelerator);
    let vcpus = Target::Vcpus(qemu.id());
    eventually("two virtual CPUs", || threads(&vcpus).len() == 2 && dir.path().join("qmp").exists());
    for name in [qemu.id().to_string(), dir.path().join("qmp").display().to_string()] {
        is_reserved_by(qemu.id(), &name, dir.path(), monitor(&["attach"]));
    }
    balance.is_even();
}

#[test]
fn the_virtual_cpus_of_a_machine_are_reserved_and_its_other_threads_are_not() {
    let test = "the_virtual_cpus_of_a_machine_are_reserved_and_its_other_threads_are_not";
    let Some(_turn) = Turn::take_if_allowed(test) else { return };
    if has(test, "qemu-system-x86_64") {
        is_reserved_with("tcg,thread=multi");
    }
}

#[test]
fn the_virtual_cpus_of_a_machine_of_kvm_are_reserved() {
    let test = "the_virtual_cpus_of_a_machine_of_kvm_are_reserved";
    let Some(_turn) = Turn::take_if_allowed(test) else { return };
    if let Err(error) = File::options().read(true).write(true).open("/dev/kvm") {
        return println!("SKIPPED: {test}: /dev/kvm cannot be used here: {error}");
    }
    if has(test, "qemu-system-x86_64") {
        is_reserved_with("kvm");
    }
}

/// A libvirt of a user's own, with its files in a directory of its own. Root's would be the whole system's.
struct Libvirt {
    dir: tempfile::TempDir,
    daemon: Option<Program>,
}

/// `nobody` in Debian; any user without rights would do.
const USER: u32 = 65_534;
const DOMAIN: &str = "dm-target";

impl Libvirt {
    fn start() -> Libvirt {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o755)).unwrap();
        for own in ["run", "home"] {
            fs::create_dir(dir.path().join(own)).unwrap();
            chown(dir.path().join(own), Some(USER), Some(USER)).unwrap();
        }
        let mut libvirt = Libvirt { dir, daemon: None };
        let mut daemon = libvirt.command("libvirtd");
        libvirt.daemon = Some(Program::start(daemon.args(["--timeout", "60"]).stderr(Stdio::null())));
        eventually("libvirt's socket", || libvirt.runtime().join("libvirt/libvirt-sock").exists());
        libvirt
    }

    fn runtime(&self) -> PathBuf {
        self.dir.path().join("run")
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let home = self.dir.path().join("home");
        command.uid(USER).gid(USER).env("XDG_RUNTIME_DIR", self.runtime()).env("HOME", &home);
        for variable in ["XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME"] {
            command.env(variable, home.join(variable));
        }
        command
    }

    fn virsh(&self, args: &[&str]) -> Result<(), String> {
        let output = self.command("virsh").args(["-c", "qemu:///session"]).args(args).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ");
        if output.status.success() { Ok(()) } else { Err(said) }
    }

    /// Starts the domain and returns its process.
    fn domain(&self) -> Result<u32, String> {
        let xml = format!(
            "<domain type='qemu'><name>{DOMAIN}</name><memory unit='MiB'>32</memory><vcpu>2</vcpu>\
             <os><type arch='x86_64'>hvm</type><loader readonly='yes' type='rom'>{}</loader></os></domain>",
            firmware(self.dir.path()).display()
        );
        let file = self.dir.path().join("domain.xml");
        fs::write(&file, xml).unwrap();
        self.virsh(&["create", file.to_str().unwrap()])?;
        let pid = self.runtime().join("libvirt/qemu/run").join(format!("{DOMAIN}.pid"));
        Ok(fs::read_to_string(pid).unwrap().trim().parse().unwrap())
    }
}

impl Drop for Libvirt {
    fn drop(&mut self) {
        let _ = self.virsh(&["destroy", DOMAIN]);
        if let Some(daemon) = &mut self.daemon {
            daemon.stop();
        }
        // It has a daemon for the console's log.
        let log = fs::read_to_string(self.runtime().join("libvirt/virtlogd.pid"));
        if let Some(pid) = log.ok().and_then(|text| text.trim().parse().ok()) {
            let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::SIGTERM);
        }
    }
}

#[test]
fn a_domain_of_libvirt_is_reserved_by_its_name() {
    let test = "a_domain_of_libvirt_is_reserved_by_its_name";
    let Some(_turn) = Turn::take_if_allowed(test) else { return };
    if !Uid::effective().is_root() {
        return println!("SKIPPED: {test}: only root can start a libvirt of another user");
    }
    if !["qemu-system-x86_64", "libvirtd", "virsh"].into_iter().all(|program| has(test, program)) {
        return;
    }
    let (libvirt, balance) = (Libvirt::start(), Balance::begin());
    let pid = match libvirt.domain() {
        Ok(pid) => pid,
        Err(error) => return println!("SKIPPED: {test}: libvirt does not start a machine: {error}"),
    };
    let vcpus = Target::Vcpus(pid);
    eventually("two virtual CPUs", || threads(&vcpus).len() == 2);
    let mut attach = monitor(&["attach"]);
    attach.env("XDG_RUNTIME_DIR", libvirt.runtime());
    is_reserved_by(pid, DOMAIN, libvirt.dir.path(), attach);
    balance.is_even();
}
