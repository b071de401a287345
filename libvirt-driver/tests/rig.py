"""A simulated board, vmand and virtvmand of a test's own, below one folder.

The programs are named by the environment: VMAN_SIM, VMAND, VIRTVMAND, LIBVIRT_DRIVER_DIR.
"""

import os
import signal
import subprocess
import time
import uuid as uuid_module
from pathlib import Path
from urllib.parse import quote

import libvirt

START_LIMIT_S = 30
NAMESPACE = "http://libvirt.org/schemas/domain/vman/1.0"
KIB_PER_MIB = 1024


class Program:
    """One running daemon, with its log."""

    def __init__(self, name, command, ready, log, env=None):
        self.name, self.command, self.ready, self.log = name, command, ready, log
        self.env = {**os.environ, **(env or {})}
        self.process = None

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command, env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_for(self.is_ready, f"{self.name} to listen")

    def is_ready(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"{self.name} ended with {self.process.returncode}:\n{self.log_text()[-3000:]}")
        return self.ready()

    def stop(self, how=signal.SIGTERM):
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(how)
        self.process.wait(START_LIMIT_S)
        code, self.process = self.process.returncode, None
        if how == signal.SIGTERM and code != 0:
            raise RuntimeError(f"{self.name} ended with {code}:\n{self.log_text()[-3000:]}")

    def kill(self):
        self.stop(signal.SIGKILL)

    def restart(self, how=signal.SIGTERM):
        self.stop(how)
        self.start()

    @property
    def pid(self):
        return self.process.pid

    def log_text(self):
        return Path(self.log).read_text(errors="replace") if os.path.exists(self.log) else ""


class Rig:
    """The board and the two daemons."""

    def __init__(self, root, cpus=8, memory_mib=8192, reserve_on="define", wrapper=()):
        self.root = Path(root)
        for directory in ("etc/libvirt", "run/libvirt", "images", "var"):
            (self.root / directory).mkdir(parents=True, exist_ok=True)
        self.vmand_socket = self.root / "vmand.sock"
        self.board_socket = self.root / "board.sock"
        self.socket = self.root / "run/virtvmand-sock"
        self.settings = {"reserve_on": f'"{reserve_on}"'}
        self.kernel = write_kernel(self.root / "Image")
        self.board = self._board(cpus, memory_mib)
        self.vmand = self._vmand()
        self.virtvmand = self._virtvmand(wrapper)

    def _board(self, cpus, memory_mib):
        command = [os.environ["VMAN_SIM"], "--socket", str(self.board_socket), "--cpus", str(cpus),
                   "--memory-mib", str(memory_mib)]
        return Program("vman-sim", command, lambda: can_connect(self.board_socket), self.root / "board.log")

    def _vmand(self):
        command = [os.environ["VMAND"], "--device", f"sim:{self.board_socket}", "--socket", str(self.vmand_socket),
                   "--image-store", str(self.root / "images"), "--log", "vmand=debug,info"]
        return Program("vmand", command, lambda: can_connect(self.vmand_socket), self.root / "vmand.log")

    def _virtvmand(self, wrapper):
        self.configuration = self.root / "etc/libvirt/virtvmand.conf"
        command = [*wrapper, os.environ["VIRTVMAND"], "--config", str(self.configuration),
                   "--pid-file", str(self.root / "virtvmand.pid")]
        env = {"LIBVIRT_VMAN_ROOT": str(self.root), "LIBVIRT_DRIVER_DIR": os.environ["LIBVIRT_DRIVER_DIR"]}
        return Program("virtvmand", command, lambda: can_connect(self.socket), self.root / "virtvmand.log", env)

    def write_configuration(self):
        lines = {
            "unix_sock_dir": f'"{self.root}/run"',
            "vmand_socket": f'"{self.vmand_socket}"',
            "log_outputs": '"2:stderr"',
            "max_clients": "5000",
            "max_workers": "20",
            **self.settings,
        }
        self.configuration.write_text("".join(f"{key} = {value}\n" for key, value in lines.items()))

    def start(self):
        self.write_configuration()
        for program in (self.board, self.vmand, self.virtvmand):
            program.start()
        return self

    def stop(self):
        try:
            for program in (self.virtvmand, self.vmand):
                if program.process is not None:
                    program.stop()
        finally:
            self.abandon()

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.abandon()
            raise

    def __exit__(self, kind, value, trace):
        if kind is None:
            self.stop()
        else:
            self.abandon()

    def abandon(self):
        """Ends everything without asking whether it ended well."""
        for program in (self.virtvmand, self.vmand, self.board):
            if program.process is not None and program.process.poll() is None:
                program.process.kill()
                program.process.wait()

    @property
    def uri(self):
        return f"vman:///system?socket={quote(str(self.socket))}"

    def open(self):
        return libvirt.open(self.uri)

    def open_read_only(self):
        return libvirt.openReadOnly(f"vman:///system?socket={quote(str(self.socket) + '-ro')}")

    def xml(self, name, **kwargs):
        return domain_xml(name, kernel=kwargs.pop("kernel", self.kernel), **kwargs)

    def virsh(self, *words, check=True):
        result = subprocess.run(["virsh", "-c", self.uri, *words], capture_output=True, text=True, timeout=60)
        if check and result.returncode != 0:
            raise AssertionError(f"virsh {' '.join(words)}: {result.stderr}")
        return result


def domain_xml(name, kernel, memory_kib=64 * KIB_PER_MIB, vcpus=1, uuid=None, cmdline=None, dtb=None, initrd=None,
               extra="", devices="<console type='pty'/>", namespaced="", kind="vman", arch="aarch64"):
    """The XML that a user would write."""
    os_parts = "".join(f"<{tag}>{value}</{tag}>" for tag, value in
                       (("kernel", kernel), ("initrd", initrd), ("cmdline", cmdline), ("dtb", dtb)) if value)
    identity = f"<uuid>{uuid}</uuid>" if uuid else ""
    return f"""<domain type='{kind}' xmlns:vman='{NAMESPACE}'>
  <name>{name}</name>{identity}
  <memory unit='KiB'>{memory_kib}</memory>
  <vcpu>{vcpus}</vcpu>
  <os><type arch='{arch}'>hvm</type>{os_parts}</os>
  {extra}
  <devices>{devices}</devices>
  {namespaced}
</domain>"""


def write_kernel(path, size=1 << 20):
    """A file with the header of an arm64 kernel; the simulated guest reads no more of it."""
    header = bytearray(size)
    header[0:8] = (0x91005A4D).to_bytes(4, "little") + (0x14000000).to_bytes(4, "little")
    header[8:16] = (0).to_bytes(8, "little")
    header[16:24] = size.to_bytes(8, "little")
    header[24:32] = (0xA).to_bytes(8, "little")
    header[56:60] = b"ARM\x64"
    Path(path).write_bytes(header)
    return path


def can_connect(path):
    import socket
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
            return True
        except OSError:
            return False


def wait_for(condition, what, limit_s=START_LIMIT_S):
    """Polls until `condition` holds; the machine may be loaded, so the limit is generous and the wait short."""
    end = time.monotonic() + limit_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {limit_s} s for {what}")
        time.sleep(0.005)


def new_uuid():
    return str(uuid_module.uuid4())
