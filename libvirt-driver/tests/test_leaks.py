"""A scripted session under valgrind: nothing leaks, nothing is read that was not written."""

import re
import shutil
from pathlib import Path

import libvirt
import pytest

from rig import Rig, wait_for

SUPPRESSIONS = Path(__file__).with_name("valgrind.supp")


def session(rig):
    """Everything that a user does, and much that is refused."""
    conn = rig.open()
    conn.getCapabilities(), conn.getDomainCapabilities(), conn.getInfo(), conn.getMemoryStats(-1), conn.getCPUMap()
    domain = conn.defineXML(rig.xml("web", devices="<console type='pty'/><memballoon model='virtio'/>",
                                    namespaced="<vman:partition secure='no'/>"))
    conn.defineXML(rig.xml("web", uuid=domain.UUIDString(), vcpus=2, extra="<title>t</title>"))
    for text in ("<domain", rig.xml("bad", vcpus=99), rig.xml("web"), rig.xml("x", arch="x86_64"),
                 rig.xml("y", namespaced="<vman:cake/>")):
        refused(conn.defineXML, text)
    for _ in range(3):
        domain.create()
        refused(domain.create)
        domain.suspend(), domain.resume(), domain.reboot()
        domain.XMLDesc(), domain.info(), domain.state(), domain.vcpus(), domain.memoryStats(), domain.messages()
        conn.getAllDomainStats(), conn.listAllDomains()
        domain.setMetadata(libvirt.VIR_DOMAIN_METADATA_TITLE, "t", None, None, 0)
        stream = conn.newStream(libvirt.VIR_STREAM_NONBLOCK)
        domain.openConsole(None, stream, 0)
        stream.send(b"help\r")
        wait_for(lambda: stream.recv(64) != -2, "the console")
        stream.abort()
        refused(domain.managedSave)
        domain.destroy()
    domain.setAutostart(1), domain.setAutostart(0)
    for guest in ("poweroff", "crash", "reset"):
        passing = conn.createXML(rig.xml(guest, cmdline=f"sim.guest={guest} sim.after_ms=50"), 0)
        if guest != "reset":
            wait_for(lambda: guest not in [d.name() for d in conn.listAllDomains()], f"the end of {guest}", 60)
        else:
            passing.destroy()
    rig.vmand.restart()
    wait_for(lambda: not refused(domain.create), "vmand to be found again", 60)
    domain.undefine()
    domain.destroy()
    conn.close()


def refused(call, *args):
    try:
        call(*args)
        return False
    except libvirt.libvirtError:
        return True


def test_a_session_leaks_nothing(tmp_path):
    if not shutil.which("valgrind"):
        pytest.skip("valgrind is not installed")
    log = tmp_path / "valgrind.log"
    wrapper = ["valgrind", "--leak-check=full", "--show-leak-kinds=definite,indirect", "--errors-for-leak-kinds=definite",
               "--num-callers=30", f"--suppressions={SUPPRESSIONS}", f"--log-file={log}"]
    with Rig(tmp_path, wrapper=wrapper) as rig:
        session(rig)
    text = log.read_text()
    assert "ERROR SUMMARY: 0 errors" in text, text[-8000:]


def resident_kib(rig):
    status = Path(f"/proc/{rig.virtvmand.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status).group(1))


def test_memory_does_not_grow_with_use(rig):
    """What valgrind cannot see: memory that is still pointed at."""
    conn = rig.open()

    def rounds(count):
        for index in range(count):
            domain = conn.defineXML(rig.xml(f"d{index}"))
            domain.create(), domain.XMLDesc(), domain.destroy(), domain.undefine()

    rounds(200)
    before = resident_kib(rig)
    rounds(400)
    assert resident_kib(rig) - before < 2048
