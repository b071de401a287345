//! Which Debian packages each job needs, and how to see that one is there.

use std::path::Path;

use crate::process;

/// What shows that a package is there, also when it was installed another way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    /// A program in `PATH`.
    Program(&'static str),
    /// A file.
    File(&'static str),
}

/// A Debian package that a job needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Package {
    /// Its name in Debian.
    pub name: &'static str,
    /// What the job does with it.
    pub why: &'static str,
    sign: Sign,
}

impl Package {
    /// Whether what the package brings is on this machine.
    pub fn is_there(&self) -> bool {
        match self.sign {
            Sign::Program(name) => process::exists(name),
            Sign::File(path) => Path::new(path).exists(),
        }
    }
}

const fn program(name: &'static str, program: &'static str, why: &'static str) -> Package {
    Package { name, why, sign: Sign::Program(program) }
}

const fn file(name: &'static str, path: &'static str, why: &'static str) -> Package {
    Package { name, why, sign: Sign::File(path) }
}

const GCC: Package = program("gcc", "gcc", "compiles the C example and the C tests");
const GXX: Package = program("g++", "g++", "compiles the C header as C++");
const LIBC_DEV: Package = file("libc6-dev", "/usr/include/stdio.h", "headers for C programs");
const DTC: Package = program("device-tree-compiler", "dtc", "checks generated device trees");
const VALGRIND: Package = program("valgrind", "valgrind", "checks the C ABI for leaks and bad accesses");
const MAKE: Package = program("make", "make", "builds the kernel module");
const PKG_CONFIG: Package = program("pkg-config", "pkg-config", "checks the C library's pkg-config file");
const QEMU: Package = program("qemu-system-arm", "qemu-system-aarch64", "emulates the ARMv8 board");
const CROSS_GCC: Package =
    program("gcc-aarch64-linux-gnu", "aarch64-linux-gnu-gcc", "links and compiles for the board");
const CROSS_LIBC: Package =
    file("libc6-dev-arm64-cross", "/usr/aarch64-linux-gnu/lib/libc.a", "static programs for the board");
const QEMU_HOST: Package = if cfg!(target_arch = "aarch64") {
    program("qemu-system-arm", "qemu-system-aarch64", "emulates a machine like this one")
} else {
    program("qemu-system-x86", "qemu-system-x86_64", "emulates a machine like this one")
};
const BINUTILS: Package = program("binutils", "strip", "makes programs small");
const PODMAN: Package = program("podman", "podman", "runs the containers that deadline-monitor is tested on");
const CRUN: Package = program("crun", "crun", "starts podman's containers");
const RT_APP: Package = program("rt-app", "rt-app", "makes periodic loads for deadline-monitor's tests");
const STRESS_NG: Package =
    program("stress-ng", "stress-ng", "makes other loads for deadline-monitor's tests");
const CPIO: Package = program("cpio", "cpio", "packs the board's initramfs");

const PROMETHEUS: Package = program("prometheus", "promtool", "checks the daemons' metrics and scrapes them");
const VENV: Package =
    file("python3-venv", "/usr/share/doc/python3-venv", "installs the checker of the REST interfaces");

/// What installs packages: a group of jobs with the same needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Need {
    /// The partition demonstration on the simulated board.
    Partitions,
    /// The core tests.
    Core,
    /// Everything on the emulated board.
    Board,
    /// The virtual machine in which deadline-monitor is tested.
    Guest,
}

impl Need {
    /// The packages, in the order in which they are shown.
    pub fn packages(self) -> &'static [Package] {
        match self {
            Need::Partitions => &[GCC, LIBC_DEV, DTC],
            Need::Core => &[
                GCC, GXX, LIBC_DEV, DTC, VALGRIND, PKG_CONFIG, PROMETHEUS, VENV, PODMAN, CRUN, RT_APP, STRESS_NG,
                QEMU_HOST,
            ],
            Need::Guest => &[QEMU_HOST, CPIO, BINUTILS],
            Need::Board => &[QEMU, CROSS_GCC, CROSS_LIBC, DTC, CPIO, MAKE],
        }
    }
}

/// The packages of all `needs`, each once.
pub fn union(needs: &[Need]) -> Vec<Package> {
    let mut packages = Vec::new();
    for package in needs.iter().flat_map(|need| need.packages()) {
        if !packages.contains(package) {
            packages.push(*package);
        }
    }
    packages
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_that_two_jobs_need_is_listed_once() {
        let names: Vec<_> = union(&[Need::Core, Need::Board]).iter().map(|package| package.name).collect();
        assert_eq!(names.iter().filter(|name| **name == "device-tree-compiler").count(), 1);
        assert!(names.contains(&"valgrind") && names.contains(&"qemu-system-arm"));
    }

    #[test]
    fn a_package_is_there_when_its_sign_is() {
        assert!(program("sh", "sh", "").is_there());
        assert!(!program("no", "no-such-program-here", "").is_there());
        assert!(!file("no", "/no/such/file", "").is_there());
    }
}
