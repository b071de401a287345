"""The driver against libvirt's own test driver behind its daemon, in one run through the stock client.

Prints `BENCH name value unit [vs other]`. Each pair is measured in turns, so that a busy machine disturbs both alike;
the value is the median of the rounds.
"""

import os
import re
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

import libvirt  # noqa: E402

from rig import Program, Rig, can_connect, domain_xml  # noqa: E402

ROUNDS = 40
CALLS = {"listAllDomains": 50, "dominfo": 50, "domstats": 50, "define_undefine": 10, "start_destroy": 10}
LISTED = 1000
KIB = 1024


class TestDaemon:
    """libvirtd with nothing but its built-in test driver, on sockets of its own."""

    def __init__(self, root):
        self.root = Path(root)
        for directory in ("run", "modules"):
            (self.root / directory).mkdir(parents=True)
        configuration = self.root / "libvirtd.conf"
        configuration.write_text(f'unix_sock_dir = "{self.root}/run"\nauth_unix_rw = "none"\nlog_outputs = "3:stderr"\n')
        self.socket = self.root / "run/libvirt-sock"
        # Without its modules it starts on any machine and has the test driver only.
        env = {"LIBVIRT_DRIVER_DIR": str(self.root / "modules")}
        command = ["libvirtd", "--config", str(configuration), "--pid-file", str(self.root / "pid")]
        self.program = Program("libvirtd", command, lambda: can_connect(self.socket), self.root / "log", env)

    def __enter__(self):
        self.program.start()
        return libvirt.open(f"test+unix:///default?socket={self.socket}")

    def __exit__(self, *exception):
        self.program.kill()


def timed(call, count):
    begin = time.perf_counter_ns()
    for _ in range(count):
        call()
    return (time.perf_counter_ns() - begin) / count / 1000


def in_turns(calls, count, rounds=ROUNDS):
    """Median microseconds of one call for each of `calls`."""
    for call in calls:
        timed(call, count)
    samples = [[] for _ in calls]
    for _ in range(rounds):
        for call, times in zip(calls, samples):
            times.append(timed(call, count))
    return [statistics.median(times) for times in samples]


def report(name, value, unit, versus=None):
    print(f"BENCH {name} {value:.3f} {unit}" + (f" vs {versus}" if versus else ""), flush=True)


def compare(name, ours, theirs, rounds=ROUNDS):
    theirs_us, ours_us = in_turns([theirs, ours], CALLS[name], rounds)
    report(f"test/{name}", theirs_us, "us")
    report(f"vman/{name}", ours_us, "us", f"test/{name}")
    return ours_us


def define_undefine(conn, xml):
    return lambda: conn.defineXML(xml).undefine()


def queries(ours, theirs):
    """The same number of domains on both sides: the test driver begins with one, which runs."""
    pairs = {
        "listAllDomains": lambda conn, domain: conn.listAllDomains,
        "dominfo": lambda conn, domain: lambda: (domain.info(), domain.isPersistent(), domain.autostart()),
        # The group that both drivers have: ours tells of cores and memory as well.
        "domstats": lambda conn, domain: lambda: conn.getAllDomainStats(libvirt.VIR_DOMAIN_STATS_STATE),
    }
    for name, make in pairs.items():
        compare(name, make(*ours), make(*theirs))


def vmand_deploy_shutdown(rig, partition):
    """What vmand itself takes for what a start and a destroy ask of it, over one connection."""
    import json
    import socket
    conn = socket.socket(socket.AF_UNIX)
    conn.connect(str(rig.vmand_socket))
    lines = conn.makefile()

    def ask(command, **args):
        conn.sendall(json.dumps({"command": command, "args": args}).encode() + b"\n")
        reply = json.loads(lines.readline())
        assert "return" in reply, reply
        return reply["return"]

    if partition is None:
        partition = ask("create-partition", cores=1, memsize_mib=64, name="bench-vmand")["id"]

    def cycle():
        ask("deploy", partition_id=partition, kernel=str(rig.kernel))
        ask("shutdown", id=partition)
    return cycle


def life_cycle(rig, conn, test):
    xml = rig.xml("cycle")
    compare("define_undefine", define_undefine(conn, xml),
            define_undefine(test, domain_xml("cycle", kernel="/boot/Image", kind="test", arch="i686")), 15)
    ours = conn.defineXML(rig.xml("bench"))
    theirs = test.defineXML(domain_xml("bench", kernel="/boot/Image", kind="test", arch="i686"))
    cycle = lambda domain: lambda: (domain.create(), domain.destroy())  # noqa: E731
    vmand_us, test_us, ours_us = in_turns(
        [vmand_deploy_shutdown(rig, None), cycle(theirs), cycle(ours)], CALLS["start_destroy"], 15)
    report("vmand/deploy_shutdown", vmand_us, "us")
    report("test/start_destroy", test_us, "us")
    report("sum/start_destroy", test_us + vmand_us, "us")
    report("vman/start_destroy", ours_us, "us", "sum/start_destroy")
    ours.undefine()
    theirs.undefine()


def resident_kib(rig):
    status = Path(f"/proc/{rig.virtvmand.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status).group(1))


def thousand(root):
    """Listing 1,000 domains, and what one costs the daemon."""
    with Rig(root, reserve_on="start") as rig:
        conn = rig.open()
        for index in range(50):
            conn.defineXML(rig.xml(f"warm-{index}")).undefine()
        before = resident_kib(rig)
        begin = time.perf_counter()
        for index in range(LISTED):
            conn.defineXML(rig.xml(f"domain-{index:04}"))
        report("vman/define_1000", (time.perf_counter() - begin) * 1000, "ms")
        report("vman/memory_per_domain", (resident_kib(rig) - before) / LISTED, "KiB")
        [listing] = in_turns([conn.listAllDomains], 3, 9)
        report("vman/list_1000", listing / 1000, "ms")
        [stats] = in_turns([conn.getAllDomainStats], 1, 9)
        report("vman/domstats_1000", stats / 1000, "ms")
        begin = time.perf_counter()
        rig.virtvmand.restart()
        assert len(rig.open().listAllDomains()) == LISTED
        report("vman/restart_with_1000", (time.perf_counter() - begin) * 1000, "ms")


def main():
    libvirt.registerErrorHandler(lambda opaque, error: None, None)
    # State of running domains lies in memory, as /run does; the test driver writes no files at all.
    with tempfile.TemporaryDirectory(dir="/dev/shm") as root:
        (Path(root) / "rig").mkdir()
        with Rig(Path(root) / "rig") as rig, TestDaemon(Path(root) / "test") as test:
            conn = rig.open()
            domain = conn.defineXML(rig.xml("test"))
            domain.create()
            queries((conn, domain), (test, test.lookupByName("test")))
            life_cycle(rig, conn, test)
        thousand(Path(root) / "thousand")


if __name__ == "__main__":
    missing = [name for name in ("VMAND", "VMAN_SIM", "VIRTVMAND", "LIBVIRT_DRIVER_DIR") if name not in os.environ]
    if missing:
        sys.exit(f"not set: {', '.join(missing)}; `cargo xtask bench libvirt` sets them")
    main()
