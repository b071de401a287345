//! QEMU as the board.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};

use super::firmware::Firmware;
use super::memory_map::{
    CPU_COUNT, EL2_BASE, GRANULE, MANAGEMENT_DTB, MANAGEMENT_INITRD, MANAGEMENT_KERNEL, QEMU_MACHINE,
    RAM_SIZE,
};
use super::{Session, directory};
use crate::process;

/// Everything that the emulated board is made of.
#[derive(Debug, Clone)]
pub struct Machine {
    /// CPU model.
    pub cpu: String,
    /// Firmware images.
    pub firmware: Firmware,
    /// arm64 Image of the management partition.
    pub kernel: PathBuf,
    /// Its device tree.
    pub device_tree: PathBuf,
    /// Its root file system.
    pub initramfs: PathBuf,
    /// What a second is.
    pub time: Time,
}

/// How an emulated machine tells time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Time {
    /// By the clock on the wall.
    Wall,
    /// By executed instructions, one per nanosecond; nothing is waited for while every CPU is idle.
    Counted,
}

impl Time {
    fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Wall => &[],
            Self::Counted => &["-icount", "shift=0,sleep=off"],
        }
    }
}

/// The same kernel straight on QEMU: no firmware, no isolation layer, the CPUs and the memory of a partition.
#[derive(Debug)]
pub(super) struct Direct<'a> {
    pub(super) cpu: &'a str,
    pub(super) kernel: &'a Path,
    pub(super) initrd: &'a Path,
    pub(super) cpus: u32,
    pub(super) memory_mib: u32,
    pub(super) command_line: &'a str,
    pub(super) time: Time,
    /// A file of one granule that it shares with another machine (QEMU's `ivshmem-plain`).
    pub(super) shared: Option<&'a Path>,
}

impl Direct<'_> {
    /// Runs until it turns itself off.
    pub(super) fn run(&self, limit: Duration, line: impl FnMut(&str)) -> Result<()> {
        process::each_line_within(&mut self.command(), limit, line)
    }

    /// QEMU, with its console on the standard output.
    pub(super) fn command(&self) -> Command {
        let mut qemu = Command::new("qemu-system-aarch64");
        qemu.args(["-machine", "virt,gic-version=3", "-cpu", self.cpu, "-smp", &self.cpus.to_string()]);
        qemu.args(["-m", &format!("{}M", self.memory_mib), "-nic", "none", "-display", "none", "-no-reboot"]);
        qemu.arg("-kernel").arg(self.kernel).arg("-initrd").arg(self.initrd);
        qemu.args(["-append", self.command_line, "-monitor", "none", "-serial", "stdio"]);
        if let Some(shared) = self.shared {
            let object = "memory-backend-file,id=link,share=on,mem-path=";
            qemu.arg("-object").arg(format!("{object}{},size={GRANULE}", shared.display()));
            qemu.args(["-device", "ivshmem-plain,memdev=link"]);
        }
        qemu.args(self.time.arguments());
        qemu
    }
}

fn board(machine: &str, cpu: &str, firmware: &Firmware) -> Command {
    let mut qemu = Command::new("qemu-system-aarch64");
    qemu.args(["-machine", machine, "-cpu", cpu]);
    qemu.args(["-smp", &CPU_COUNT.to_string(), "-m", &format!("{}M", RAM_SIZE >> 20)]);
    qemu.arg("-bios").arg(&firmware.el3).args(["-nic", "none", "-display", "none"]);
    qemu
}

/// QEMU's description of the board.
///
/// # Errors
/// QEMU cannot be run.
pub(super) fn device_tree(cpu: &str, firmware: &Firmware) -> Result<Vec<u8>> {
    let path = directory()?.join("qemu.dtb");
    let machine = format!("{QEMU_MACHINE},dumpdtb={}", path.display());
    process::read(&mut board(&machine, cpu, firmware))?;
    fs::read(&path).with_context(|| format!("Cannot read {}", path.display()))
}

impl Machine {
    fn command(&self) -> Result<Command> {
        let mut qemu = board(QEMU_MACHINE, &self.cpu, &self.firmware);
        let images = [
            (&self.firmware.el2, EL2_BASE),
            (&self.kernel, MANAGEMENT_KERNEL),
            (&self.device_tree, MANAGEMENT_DTB),
            (&self.initramfs, MANAGEMENT_INITRD),
        ];
        for (file, address) in images {
            qemu.arg("-device").arg(loader(file, address));
        }
        qemu.arg("-no-reboot").args(self.time.arguments());
        Ok(qemu)
    }

    /// What the firmware printed, on its own UART.
    pub fn firmware_log(&self) -> PathBuf {
        self.device_tree.with_file_name("firmware.log")
    }

    fn serial(&self, qemu: &mut Command, first: &str) {
        let mut log = std::ffi::OsString::from("file:");
        log.push(self.firmware_log());
        qemu.args(["-monitor", "none", "-serial", first, "-serial"]).arg(log);
    }

    /// Runs until the board turns itself off and hands over each line of the management partition's console.
    ///
    /// # Errors
    /// QEMU fails, or does not end within `limit`.
    pub fn run(&self, limit: Duration, line: impl FnMut(&str)) -> Result<()> {
        let mut qemu = self.command()?;
        self.serial(&mut qemu, "stdio");
        process::each_line_within(&mut qemu, limit, line)
    }

    /// Boots in the background, with sockets for the console, for QEMU's machine protocol and for the relay's port.
    ///
    /// # Errors
    /// The command line cannot be made.
    pub(super) fn background(&self, session: &Session) -> Result<Command> {
        let mut qemu = self.command()?;
        let socket = |path: &Path| format!("path={},server=on,wait=off", path.display());
        let console = session.console_socket();
        let log = session.console_log();
        let mut log_of_firmware = std::ffi::OsString::from("file:");
        log_of_firmware.push(self.firmware_log());
        qemu.args(["-monitor", "none", "-chardev"]);
        qemu.arg(format!("socket,id=console,{},logfile={}", socket(&console), log.display()));
        qemu.args(["-serial", "chardev:console", "-serial"]).arg(log_of_firmware);
        qemu.arg("-qmp").arg(format!("unix:{},server=on,wait=off", session.monitor().display()));
        qemu.args(["-global", "virtio-mmio.force-legacy=false", "-device", "virtio-serial-device"]);
        qemu.arg("-chardev").arg(format!("socket,id=relay,{}", socket(&session.port())));
        qemu.args(["-device", "virtserialport,chardev=relay,name=vman.relay"]);
        qemu.arg("-daemonize").arg("-pidfile").arg(session.pid_file());
        Ok(qemu)
    }

    /// Gives the terminal to the management partition's console.
    ///
    /// # Errors
    /// QEMU fails.
    pub fn interactive(&self) -> Result<()> {
        let mut qemu = self.command()?;
        self.serial(&mut qemu, "mon:stdio");
        std::io::stdout().flush()?;
        process::run(qemu.stdin(Stdio::inherit()))
    }
}

fn loader(file: &Path, address: u64) -> String {
    format!("loader,file={},addr={address:#x},force-raw=on", file.display())
}
