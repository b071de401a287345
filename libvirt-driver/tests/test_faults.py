"""Things that go wrong: missing files, lost daemons, full disks, damaged files, dying clients."""

import os
import subprocess
import sys
import threading
import time

import libvirt
import pytest

from hypervisor import Vman
from rig import Rig, domain_xml, new_uuid, wait_for

NO_CONNECT = libvirt.VIR_ERR_NO_CONNECT


def code(call, *args):
    with pytest.raises(libvirt.libvirtError) as error:
        call(*args)
    return error.value.get_error_code()


class Files:
    """Kernels and device trees that lie."""

    def __init__(self, directory):
        self.directory = directory

    def write(self, name, content):
        path = self.directory / name
        path.write_bytes(content)
        return str(path)


BAD_STARTS = {
    "no such kernel": lambda f: {"kernel": "/no/such/Image"},
    "kernel is a directory": lambda f: {"kernel": str(f.directory)},
    "empty kernel": lambda f: {"kernel": f.write("empty", b"")},
    "kernel of text": lambda f: {"kernel": f.write("text", b"no kernel" * 100)},
    "device tree of noise": lambda f: {"dtb": f.write("noise.dtb", os.urandom(4096))},
    "device tree cut short": lambda f: {"dtb": f.write("cut.dtb", b"\xd0\x0d\xfe\xed\0\0\xff\xff")},
    "no such device tree": lambda f: {"dtb": "/no/such.dtb"},
    "no such initrd": lambda f: {"initrd": "/no/such.img"},
    "command line too long": lambda f: {"cmdline": "x" * 4000},
    "no kernel named": lambda f: {"kernel": ""},
}


@pytest.mark.parametrize("name", BAD_STARTS)
def test_a_start_that_fails_leaves_the_domain_shut_off(hyper, tmp_path, name):
    domain = hyper.conn.defineXML(hyper.xml(hyper.name(), **BAD_STARTS[name](Files(tmp_path))))
    try:
        hyper.events.expect(domain.name(), ["defined added"])
        with pytest.raises(libvirt.libvirtError) as error:
            domain.create()
        assert error.value.get_error_message()
        assert not domain.isActive()
        # It may try again, and nothing is left of a transient one.
        with pytest.raises(libvirt.libvirtError):
            domain.create()
        text = hyper.xml(hyper.name(), **BAD_STARTS[name](Files(tmp_path)))
        with pytest.raises(libvirt.libvirtError):
            hyper.conn.createXML(text, 0)
        assert len([d for d in hyper.conn.listAllDomains() if d.name() in text]) == 0
    finally:
        hyper.remove(domain)


def test_a_redefinition_that_does_not_fit_keeps_the_old_one(hyper):
    domain = hyper.conn.defineXML(hyper.xml(hyper.name()))
    try:
        before = domain.XMLDesc()
        too_big = hyper.xml(domain.name(), uuid=domain.UUIDString(), memory_kib=60 << 20)
        assert code(hyper.conn.defineXML, too_big) in (libvirt.VIR_ERR_OPERATION_FAILED,
                                                       libvirt.VIR_ERR_CONFIG_UNSUPPORTED)
        assert domain.XMLDesc() == before
        domain.create()
    finally:
        hyper.remove(domain)


def test_what_is_reserved_is_refused_to_others_and_given_back(rig):
    conn = rig.open()
    first = conn.defineXML(rig.xml("first", vcpus=6))
    assert code(conn.defineXML, rig.xml("second", vcpus=2)) == libvirt.VIR_ERR_OPERATION_FAILED
    first.undefine()
    conn.defineXML(rig.xml("second", vcpus=2))


def test_reserve_on_start_defines_without_end(tmp_path):
    with Rig(tmp_path, reserve_on="start") as rig:
        conn = rig.open()
        domains = [conn.defineXML(rig.xml(f"big-{i}", vcpus=6)) for i in range(4)]
        domains[0].create()
        assert code(domains[1].create) == libvirt.VIR_ERR_OPERATION_FAILED
        domains[0].destroy()
        wait_for(lambda: try_create(domains[1]), "the cores to come back")


def try_create(domain):
    try:
        domain.create()
        return True
    except libvirt.libvirtError:
        return False


def test_vmand_that_is_gone_is_named_and_heals_by_itself(rig):
    conn = rig.open()
    domain = conn.defineXML(rig.xml("web"))
    domain.create()
    rig.vmand.kill()
    for call in (domain.suspend, domain.reboot, domain.destroy, lambda: conn.defineXML(rig.xml("db"))):
        with pytest.raises(libvirt.libvirtError) as error:
            call()
        assert error.value.get_error_code() == NO_CONNECT
        assert "vmand" in error.value.get_error_message()
    assert [d.name() for d in conn.listAllDomains()] == ["web"]
    assert "<name>web</name>" in domain.XMLDesc()
    rig.vmand.start()
    wait_for(lambda: domain.state()[0] == libvirt.VIR_DOMAIN_RUNNING, "the domain to be seen again")
    domain.suspend()
    assert domain.state()[0] == libvirt.VIR_DOMAIN_PAUSED


COMMANDS = {
    "define": lambda conn, domain, rig: conn.defineXML(rig.xml("other")),
    "create": lambda conn, domain, rig: domain.create(),
    "suspend": lambda conn, domain, rig: (domain.create(), domain.suspend()),
    "resume": lambda conn, domain, rig: (domain.create(), domain.suspend(), domain.resume()),
    "reboot": lambda conn, domain, rig: (domain.create(), domain.reboot()),
    "shutdown": lambda conn, domain, rig: (domain.create(), domain.shutdown()),
    "destroy": lambda conn, domain, rig: (domain.create(), domain.destroy()),
    "undefine": lambda conn, domain, rig: domain.undefine(),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_vmand_killed_in_the_middle_of_a_command_loses_nothing(rig, name):
    """Whatever the moment: afterwards libvirt and vmand tell the same."""
    conn = rig.open()
    for delay_ms in (0, 2, 5):
        domain = lookup(conn, "victim") or conn.defineXML(rig.xml("victim"))
        killer = threading.Timer(delay_ms / 1000, rig.vmand.process.kill)
        killer.start()
        try:
            COMMANDS[name](conn, domain, rig)
        except libvirt.libvirtError as error:
            assert error.get_error_code() in (NO_CONNECT, libvirt.VIR_ERR_OPERATION_INVALID,
                                              libvirt.VIR_ERR_NO_DOMAIN), error
        killer.join()
        rig.vmand.process.wait()
        rig.vmand.start()
        wait_for(lambda: agree(conn, rig), f"libvirt and vmand to agree after {name}")
        for left in conn.listAllDomains():
            if left.isActive():
                left.destroy()
            if left.isPersistent():
                left.undefine()
        wait_for(lambda: agree(conn, rig), "everything to be gone")


def lookup(conn, name):
    return next((d for d in conn.listAllDomains() if d.name() == name), None)


def agree(conn, rig):
    """Whether each active domain is a partition in the same state, and no partition has lost its domain."""
    from test_guests import vmand
    states = {"DEPLOYED": libvirt.VIR_DOMAIN_RUNNING, "SUSPENDED": libvirt.VIR_DOMAIN_PAUSED,
              "READY": libvirt.VIR_DOMAIN_SHUTOFF}
    partitions = {p["uuid"]: states[p["state"]] for p in vmand(rig, "query-partitions")["partitions"]}
    domains = {d.UUIDString(): d.state()[0] for d in conn.listAllDomains()}
    for uuid, state in domains.items():
        if partitions.get(uuid, libvirt.VIR_DOMAIN_SHUTOFF) != state:
            return False
    return set(partitions) <= set(domains)


def test_restarts_in_any_order_find_everything_again(rig):
    conn = rig.open()
    for name in ("runs", "paused", "stopped"):
        conn.defineXML(rig.xml(name))
    conn.createXML(rig.xml("transient"), 0)
    for name in ("runs", "paused"):
        conn.lookupByName(name).create()
    conn.lookupByName("paused").suspend()
    conn.lookupByName("runs").setMetadata(libvirt.VIR_DOMAIN_METADATA_TITLE, "kept", None, None,
                                          libvirt.VIR_DOMAIN_AFFECT_LIVE | libvirt.VIR_DOMAIN_AFFECT_CONFIG)
    expected = snapshot(conn)
    orders = {
        "driver": lambda: rig.virtvmand.restart(),
        "driver killed": lambda: (rig.virtvmand.kill(), rig.virtvmand.start()),
        "vmand": lambda: rig.vmand.restart(),
        "vmand killed": lambda: (rig.vmand.kill(), rig.vmand.start()),
        "driver, then vmand": lambda: (rig.virtvmand.restart(), rig.vmand.restart()),
        "both down, vmand first": lambda: (rig.virtvmand.kill(), rig.vmand.kill(), rig.vmand.start(),
                                           rig.virtvmand.start()),
        "both down, driver first": lambda: (rig.vmand.kill(), rig.virtvmand.kill(), rig.virtvmand.start(),
                                            rig.vmand.start()),
    }
    for order, restart in orders.items():
        restart()
        conn = rig.open()
        wait_for(lambda: snapshot(conn) == expected, f"the same domains after {order}: {snapshot(conn)} {expected}")
    conn.lookupByName("paused").resume()
    conn.lookupByName("transient").destroy()
    assert not [d for d in conn.listAllDomains() if d.name() == "transient"]


def snapshot(conn):
    """What must survive a restart."""
    return {d.name(): (d.state()[0], d.isPersistent(), d.ID(), d.XMLDesc().count("<title>kept</title>"))
            for d in conn.listAllDomains()}


def test_what_happened_while_the_driver_was_away_is_seen_afterwards(rig):
    from test_guests import vmand
    conn = rig.open()
    domain = conn.defineXML(rig.xml("web"))
    domain.create()
    number = domain.ID()
    rig.virtvmand.kill()
    vmand(rig, "shutdown", id=number)
    rig.virtvmand.start()
    conn = rig.open()
    wait_for(lambda: conn.lookupByName("web").state()[0] == libvirt.VIR_DOMAIN_SHUTOFF, "the stop to be seen")


def test_a_rebooted_board_leaves_shut_off_domains_that_start(rig):
    """Every partition is gone, as after a power cut of the board."""
    conn = rig.open()
    domain = conn.defineXML(rig.xml("web"))
    domain.create()
    transient = conn.createXML(rig.xml("passing"), 0)
    rig.vmand.stop()
    rig.board.kill()
    rig.board.start()
    rig.vmand.start()
    wait_for(lambda: domain.state()[0] == libvirt.VIR_DOMAIN_SHUTOFF, "the domain to be shut off")
    wait_for(lambda: transient.name() not in [d.name() for d in conn.listAllDomains()], "the transient one to go")
    domain.create()


def test_a_damaged_file_is_reported_and_the_others_load(rig):
    conn = rig.open()
    for name in ("good", "bad", "cut"):
        conn.defineXML(rig.xml(name))
    rig.virtvmand.stop()
    directory = rig.root / "etc/libvirt/vman"
    (directory / "bad.xml").write_text("<domain type='vman'><name>bad</name><memory>")
    text = (directory / "cut.xml").read_bytes()
    (directory / "cut.xml").write_bytes(text[:100] + os.urandom(64))
    (directory / "stray.xml").write_text("<domain type='kvm'><name>stray</name></domain>")
    (directory / "not-a-domain.txt").write_text("x")
    rig.virtvmand.start()
    assert [d.name() for d in rig.open().listAllDomains()] == ["good"]
    log = rig.virtvmand.log_text()
    assert all(name in log for name in ("bad", "cut", "stray"))
    # The files are left for the administrator to repair.
    assert (directory / "bad.xml").exists()


def test_a_file_of_the_other_flavour_loads(rig):
    """A tree that knows our type writes the same files."""
    conn = rig.open()
    conn.defineXML(rig.xml("web"))
    text = (rig.root / "etc/libvirt/vman/web.xml").read_text()
    assert "<domain type='vman'" in text and "phyp" not in text


def test_a_full_disk_refuses_a_definition_and_keeps_the_old_one(tmp_path):
    mount = tmp_path / "root"
    mount.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "none", mount]).returncode != 0:
        pytest.skip("a small file system needs the right to mount")
    try:
        with Rig(mount) as rig:
            conn = rig.open()
            domain = conn.defineXML(rig.xml("web"))
            before = domain.XMLDesc()
            fill(mount / "filler")
            bigger = rig.xml("web", uuid=domain.UUIDString(), extra=f"<description>{'x' * 200000}</description>")
            assert code(conn.defineXML, bigger) == libvirt.VIR_ERR_SYSTEM_ERROR
            assert domain.XMLDesc() == before
            assert code(conn.defineXML, rig.xml("new", extra=f"<description>{'x' * 200000}</description>")) == \
                libvirt.VIR_ERR_SYSTEM_ERROR
            assert [d.name() for d in conn.listAllDomains()] == ["web"]
            (mount / "filler").unlink()
            rig.virtvmand.restart()
            assert rig.open().lookupByName("web").XMLDesc() == before
    finally:
        subprocess.run(["umount", mount], check=True)


def fill(path):
    with open(path, "wb", buffering=0) as filler:
        try:
            while True:
                filler.write(b"x" * 4096)
        except OSError:
            pass


CLIENT = """
import sys, libvirt
sys.path.insert(0, {tests!r})
from rig import domain_xml
conn = libvirt.open({uri!r})
for round in range(4):
    name = "client-{index}-%d" % round
    domain = conn.defineXML(domain_xml(name, kernel={kernel!r}))
    domain.create(); domain.suspend(); domain.resume()
    assert domain.info()[0] == 1, domain.info()
    domain.destroy(); domain.undefine()
"""


def test_fifty_clients_at_once(tmp_path):
    """Define, start, stop and undefine from 50 processes; nobody is refused, nothing is left."""
    with Rig(tmp_path, cpus=64) as rig:
        here = os.path.dirname(os.path.abspath(__file__))
        clients = [subprocess.Popen([sys.executable, "-c", CLIENT.format(
            tests=here, uri=rig.uri, kernel=str(rig.kernel), index=index)], stderr=subprocess.PIPE)
            for index in range(50)]
        errors = [client.communicate(timeout=120)[1].decode() for client in clients]
        assert [error for error in errors if error] == []
        conn = rig.open()
        assert conn.listAllDomains() == []
        assert agree(conn, rig)


def test_fifty_clients_on_one_name_leave_one_domain_or_none(rig):
    """The same name, each with an identity of its own: one at a time has it."""
    conn = rig.open()
    refused = []

    def client():
        own = rig.open()
        for _ in range(3):
            try:
                domain = own.defineXML(domain_xml("same", kernel=rig.kernel, uuid=new_uuid()))
                domain.create()
                domain.destroy()
                domain.undefine()
            except libvirt.libvirtError as error:
                refused.append(error.get_error_code())

    threads = [threading.Thread(target=client) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(refused) <= {libvirt.VIR_ERR_OPERATION_FAILED, libvirt.VIR_ERR_NO_DOMAIN,
                            libvirt.VIR_ERR_OPERATION_INVALID, libvirt.VIR_ERR_DOM_EXIST,
                            libvirt.VIR_ERR_RESOURCE_BUSY}
    assert len(conn.listAllDomains()) <= 1
    assert agree(conn, rig)


def test_a_client_that_dies_with_a_console_leaves_it_free(rig):
    conn = rig.open()
    domain = conn.defineXML(rig.xml("web"))
    domain.create()
    holder = subprocess.Popen([sys.executable, "-c", f"""
import libvirt, sys, time
domain = libvirt.open({rig.uri!r}).lookupByName("web")
stream = domain.connect().newStream()
domain.openConsole(None, stream, 0)
print("open", flush=True)
time.sleep(600)
"""], stdout=subprocess.PIPE)
    assert holder.stdout.readline() == b"open\n"
    holder.kill()
    holder.wait()
    wait_for(lambda: opens_safely(domain), "the console to be free again")


def opens_safely(domain):
    try:
        stream = domain.connect().newStream()
        domain.openConsole(None, stream, libvirt.VIR_DOMAIN_CONSOLE_SAFE)
        stream.abort()
        return True
    except libvirt.libvirtError:
        return False


def test_a_client_that_dies_in_a_job_does_not_hold_it(rig):
    """A stubborn guest keeps the shutdown going; its client dies; the others are told that it is busy, then go on."""
    conn = rig.open()
    domain = conn.defineXML(rig.xml("web", cmdline="sim.guest=stubborn sim.after_ms=1500"))
    domain.create()
    client = subprocess.Popen([sys.executable, "-c", f"""
import libvirt
libvirt.open({rig.uri!r}).lookupByName("web").destroy()
"""], stderr=subprocess.DEVNULL)
    time.sleep(0.3)
    client.kill()
    client.wait()
    # Queries are answered while the job goes on.
    begin = time.monotonic()
    assert domain.info()[0] in (libvirt.VIR_DOMAIN_RUNNING, libvirt.VIR_DOMAIN_SHUTOFF)
    assert time.monotonic() - begin < 1
    wait_for(lambda: not domain.isActive() or try_destroy(domain), "the domain to stop")
    domain.create()


def try_destroy(domain):
    try:
        domain.destroy()
        return True
    except libvirt.libvirtError:
        return False


def test_a_thousand_domains(tmp_path):
    with Rig(tmp_path, reserve_on="start") as rig:
        conn = rig.open()
        for index in range(1000):
            conn.defineXML(rig.xml(f"domain-{index:04}"))
        assert len(conn.listAllDomains()) == 1000
        assert len(conn.getAllDomainStats()) == 1000
        rig.virtvmand.restart()
        conn = rig.open()
        assert sorted(conn.listDefinedDomains()) == [f"domain-{index:04}" for index in range(1000)]
        conn.lookupByName("domain-0999").create()


def test_autostart_starts_once_in_the_life_of_the_machine(rig):
    conn = rig.open()
    domain = conn.defineXML(rig.xml("web"))
    domain.setAutostart(1)
    conn.defineXML(rig.xml("db"))
    rig.virtvmand.stop()
    # As after a reboot of the machine: /run is empty.
    for file in (rig.root / "run/libvirt/vman").glob("*"):
        file.unlink()
    rig.virtvmand.start()
    conn = rig.open()
    wait_for(lambda: conn.lookupByName("web").isActive(), "the autostart")
    assert not conn.lookupByName("db").isActive()
    conn.lookupByName("web").destroy()
    rig.virtvmand.restart()
    time.sleep(0.5)
    assert not rig.open().lookupByName("web").isActive()


def test_autodestroy_goes_with_its_client_and_with_its_run_only(rig):
    conn = rig.open()
    domain = conn.defineXML(rig.xml("web"))
    client = rig.open()
    client.lookupByName("web").createWithFlags(libvirt.VIR_DOMAIN_START_AUTODESTROY)
    domain.destroy()
    domain.create()
    client.close()
    client = rig.open()
    client.createXML(rig.xml("passing"), libvirt.VIR_DOMAIN_START_AUTODESTROY)
    client.close()
    wait_for(lambda: lookup(conn, "passing") is None, "the domain to go with its client")
    assert domain.isActive()


WRONG_SETTINGS = {
    "reserve_on": '"sometimes"',
    "vmand_timeout": "0",
    "vmand_socket": '"relative.sock"',
    "ignore_devices": '"maybe"',
}


@pytest.mark.parametrize("key", WRONG_SETTINGS)
def test_a_wrong_setting_stops_the_daemon_and_is_named(tmp_path, key):
    rig = Rig(tmp_path)
    rig.settings[key] = WRONG_SETTINGS[key]
    with pytest.raises(Exception):
        try:
            rig.start()
            rig.open().listAllDomains()
        finally:
            rig.abandon()
    assert key in rig.virtvmand.log_text()


def test_devices_are_refused_when_they_are_not_to_be_ignored(tmp_path):
    rig = Rig(tmp_path)
    rig.settings["ignore_devices"] = "0"
    with rig:
        device = "<memballoon model='virtio'/>"
        assert code(rig.open().defineXML, rig.xml("web", devices=device)) == libvirt.VIR_ERR_CONFIG_UNSUPPORTED


def test_the_events_of_one_client_reach_the_others_in_order(rig):
    watcher = Vman(rig)
    other = rig.open()
    domain = other.defineXML(rig.xml("web"))
    for step in ("create", "suspend", "resume", "reboot", "destroy", "undefine"):
        getattr(domain, step)()
    watcher.events.expect("web", ["defined added", "started booted", "suspended paused", "resumed unpaused", "reboot",
                                  "stopped destroyed", "undefined removed"])
