//! Which Debian packages each job needs, and how to see that one is there.

use std::path::Path;
use std::process::Command;

use crate::process;

/// What shows that a package is there, also when it was installed another way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    /// A program in `PATH`.
    Program(&'static str),
    /// A file.
    File(&'static str),
    /// A module of the `python3` in `PATH`.
    PythonModule(&'static str),
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
            Sign::PythonModule(name) => has_python_module(name),
        }
    }
}

fn has_python_module(name: &str) -> bool {
    let find = format!("import importlib.util, sys; sys.exit(importlib.util.find_spec('{name}') is None)");
    process::read(Command::new("python3").args(["-c", &find])).is_ok()
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
const PYTHON: Package = program("python3", "python3", "runs the Python package");
const PYTHON_VENV: Package = Package {
    name: "python3-venv",
    why: "a private place for Python packages",
    sign: Sign::PythonModule("ensurepip"),
};
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

const DKMS: Package = file("dkms", "/usr/sbin/dkms", "builds the kernel driver as a package of it would");

const MESON: Package = program("meson", "meson", "configures libvirt's build");
const NINJA: Package = program("ninja-build", "ninja", "builds the libvirt driver");
const DPKG_DEV: Package = program("dpkg-dev", "dpkg-source", "unpacks libvirt's source, makes the package");
const XSLTPROC: Package = program("xsltproc", "xsltproc", "asked for by libvirt's build");
const XMLLINT: Package =
    program("libxml2-utils", "xmllint", "asked for by libvirt's build, checks the XML schema");
const DOCUTILS: Package = program("python3-docutils", "rst2man", "makes the manual page");
const RPCGEN: Package = program("rpcsvc-proto", "rpcgen", "makes libvirt's protocol");
const PATCH: Package = program("patch", "patch", "puts the driver into libvirt's source");
const GLIB_DEV: Package =
    file("libglib2.0-dev", "/usr/include/glib-2.0/glib.h", "headers that libvirt's own need");
const GNUTLS_DEV: Package =
    file("libgnutls28-dev", "/usr/include/gnutls/gnutls.h", "headers that libvirt's own need");
const XML2_DEV: Package =
    file("libxml2-dev", "/usr/include/libxml2/libxml/tree.h", "headers that libvirt's own need");
const TIRPC_DEV: Package =
    file("libtirpc-dev", "/usr/include/tirpc/rpc/rpc.h", "headers that libvirt's own need");
const YAJL_DEV: Package =
    file("libyajl-dev", "/usr/include/yajl/yajl_parse.h", "headers that libvirt's own need");
const NL_DEV: Package =
    file("libnl-route-3-dev", "/usr/include/libnl3/netlink/route/link.h", "headers that libvirt's own need");
const LIBVIRT: Package =
    program("libvirt-clients", "virsh", "the client of the driver, and the library that it runs on");
const PYTHON_LIBVIRT: Package =
    file("python3-libvirt", "/usr/lib/python3/dist-packages/libvirt.py", "the client that the tests use");
const PYTEST: Package = file("python3-pytest", "/usr/lib/python3/dist-packages/pytest", "runs the tests");
const LIBVIRTD: Package =
    program("libvirt-daemon", "libvirtd", "libvirt's own test driver, which ours is compared with");
const LIBVIRT_QEMU: Package = program(
    "libvirt-daemon-driver-qemu",
    "virt-qemu-run",
    "a libvirt whose virtual CPUs deadline-monitor's tests reserve",
);
const PROMETHEUS: Package = program("prometheus", "promtool", "checks the daemons' metrics and scrapes them");

/// What installs packages: a group of jobs with the same needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Need {
    /// The partition demonstration on the simulated board.
    Partitions,
    /// The core tests.
    Core,
    /// The tests of the Python package.
    Python,
    /// Everything on the emulated board.
    Board,
    /// Building and installing the libvirt driver.
    Libvirt,
    /// The tests of the libvirt driver.
    LibvirtTests,
    /// The virtual machine in which deadline-monitor is tested.
    Guest,
}

impl Need {
    /// The packages, in the order in which they are shown.
    pub fn packages(self) -> &'static [Package] {
        match self {
            Need::Partitions => &[GCC, LIBC_DEV, DTC],
            Need::Core => &[
                GCC,
                GXX,
                LIBC_DEV,
                DTC,
                VALGRIND,
                PKG_CONFIG,
                PROMETHEUS,
                PYTHON_VENV,
                PODMAN,
                CRUN,
                RT_APP,
                STRESS_NG,
                QEMU_HOST,
                LIBVIRT,
                LIBVIRTD,
                LIBVIRT_QEMU,
            ],
            Need::Python => &[GCC, LIBC_DEV, PYTHON, PYTHON_VENV],
            Need::Guest => &[QEMU_HOST, CPIO, BINUTILS],
            Need::Board => &[QEMU, CROSS_GCC, CROSS_LIBC, DTC, CPIO, MAKE, DKMS],
            Need::Libvirt => &[
                GCC, LIBC_DEV, PKG_CONFIG, MESON, NINJA, DPKG_DEV, PATCH, XSLTPROC, XMLLINT, DOCUTILS,
                RPCGEN, GLIB_DEV, GNUTLS_DEV, XML2_DEV, TIRPC_DEV, YAJL_DEV, NL_DEV, LIBVIRT,
            ],
            Need::LibvirtTests => &[PYTHON_LIBVIRT, PYTEST, PYTHON_VENV, LIBVIRTD, VALGRIND],
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
