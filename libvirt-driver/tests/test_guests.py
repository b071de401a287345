"""What the guest or the firmware does by itself, and what the driver makes of it."""

import time

import libvirt
import pytest

from hypervisor import GONE, RUNNING, SHUTOFF
from rig import wait_for

LATER = "sim.after_ms=100"


def started(hyper, cmdline, transient=False, **kwargs):
    """A domain whose guest does what the command line says a moment after its start."""
    text = hyper.xml(hyper.name(), cmdline=cmdline, **kwargs)
    if transient:
        return hyper.conn.createXML(text, 0), ["started booted"]
    domain = hyper.conn.defineXML(text)
    domain.create()
    return domain, ["defined added", "started booted"]


CASES = {
    # name: (what the guest does, actions in the XML, transient, events afterwards, state afterwards)
    "power off": ("poweroff", "", False, ["stopped shutdown"], SHUTOFF),
    "power off of a transient domain": ("poweroff", "", True, ["stopped shutdown"], GONE),
    "reset": ("reset", "", False, ["reboot"], RUNNING),
    "reset with on_reboot=destroy": ("reset", "<on_reboot>destroy</on_reboot>", False,
                                    ["reboot", "stopped shutdown"], SHUTOFF),
    "crash with on_crash=destroy": ("crash", "<on_crash>destroy</on_crash>", False,
                                    ["crashed panicked", "stopped crashed"], SHUTOFF),
    "crash without a word": ("crash", "", False, ["crashed panicked", "stopped crashed"], SHUTOFF),
    "crash of a transient domain": ("crash", "", True, ["crashed panicked", "stopped crashed"], GONE),
}


@pytest.mark.parametrize("name", CASES)
def test_guest_initiated_change(hyper, name):
    guest, extra, transient, events, state = CASES[name]
    domain, before = started(hyper, f"sim.guest={guest} {LATER}", transient, extra=extra)
    try:
        hyper.events.expect(domain.name(), [*before, *events])
        assert hyper.state(domain) == state
    finally:
        hyper.remove(domain)


def test_a_crashed_domain_that_is_preserved_can_be_looked_at_and_destroyed(hyper):
    domain, before = started(hyper, f"sim.guest=crash {LATER}", extra="<on_crash>preserve</on_crash>")
    try:
        hyper.events.expect(domain.name(), [*before, "crashed panicked"])
        assert domain.state() == [libvirt.VIR_DOMAIN_CRASHED, libvirt.VIR_DOMAIN_CRASHED_PANICKED]
        assert domain.isActive()
        for call in (domain.suspend, domain.resume):
            with pytest.raises(libvirt.libvirtError) as error:
                call()
            assert error.value.get_error_code() == libvirt.VIR_ERR_OPERATION_INVALID
        domain.destroy()
        hyper.events.expect(domain.name(), ["stopped destroyed"])
        assert hyper.state(domain) == SHUTOFF
    finally:
        hyper.remove(domain)


def test_on_crash_restart_starts_again(hyper):
    domain, before = started(hyper, f"sim.guest=crash {LATER}", extra="<on_crash>restart</on_crash>")
    try:
        wait_for(lambda: hyper.events.of(domain.name()).count("crashed panicked") >= 2, "a second crash")
    finally:
        hyper.remove(domain)


def test_on_poweroff_restart_starts_again(hyper):
    domain, _ = started(hyper, f"sim.guest=poweroff {LATER}", extra="<on_poweroff>restart</on_poweroff>")
    try:
        wait_for(lambda: hyper.events.of(domain.name()).count("reboot") + hyper.events.of(domain.name()).count(
            "started booted") >= 2, "a second start")
    finally:
        hyper.remove(domain)


def test_a_partition_destroyed_behind_our_back_shows_as_shut_off(hyper):
    domain = hyper.domain(RUNNING)
    try:
        number = domain.ID()
        vmand(hyper.rig, "shutdown", id=number)
        hyper.events.expect(domain.name(), ["stopped shutdown"])
        vmand(hyper.rig, "destroy-partition", id=number)
        domain.create()
        hyper.events.expect(domain.name(), ["started booted"])
    finally:
        hyper.remove(domain)


def test_changes_made_through_vmand_are_seen(hyper):
    domain = hyper.domain(RUNNING)
    try:
        for command, events, state in (("suspend", ["suspended paused"], libvirt.VIR_DOMAIN_PAUSED),
                                       ("restore", ["resumed unpaused"], libvirt.VIR_DOMAIN_RUNNING),
                                       ("reboot", ["reboot"], libvirt.VIR_DOMAIN_RUNNING)):
            vmand(hyper.rig, command, id=domain.ID())
            hyper.events.expect(domain.name(), events)
            assert domain.state()[0] == state
    finally:
        hyper.remove(domain)


def test_partitions_of_others_are_no_domains_but_count_as_used(hyper):
    before = hyper.conn.getFreeMemory()
    number = vmand(hyper.rig, "create-partition", cores=1, memsize=1, name="of-another")["id"]
    try:
        assert "of-another" not in [d.name() for d in hyper.conn.listAllDomains()]
        wait_for(lambda: hyper.conn.getFreeMemory() == before - (1 << 30), "the memory to count as used")
    finally:
        vmand(hyper.rig, "destroy-partition", id=number)


def vmand(rig, command, **args):
    """A command to vmand, past libvirt."""
    import json
    import socket
    with socket.socket(socket.AF_UNIX) as conn:
        conn.connect(str(rig.vmand_socket))
        conn.sendall(json.dumps({"command": command, "args": args}).encode() + b"\n")
        reply = json.loads(conn.makefile().readline())
    assert "return" in reply, reply
    return reply["return"]


def read_until(stream, text, limit_s=10):
    """What comes from a console stream until it holds `text`."""
    seen, end = b"", time.monotonic() + limit_s
    while text not in seen:
        assert time.monotonic() < end, seen
        data = stream.recv(1024)
        if isinstance(data, int):
            assert data == -2, "the stream ended"
            time.sleep(0.01)
        else:
            seen += data
    return seen


def console(hyper, domain, flags=0):
    stream = hyper.conn.newStream(libvirt.VIR_STREAM_NONBLOCK)
    domain.openConsole(None, stream, flags)
    return stream


def test_the_console_carries_both_ways(hyper):
    domain = hyper.domain(RUNNING)
    try:
        stream = console(hyper, domain)
        stream.send(b"help\r")
        assert b"poweroff" in read_until(stream, b"poweroff")
        stream.abort()
    finally:
        hyper.remove(domain)


def test_several_consoles_at_a_time_do_not_mix(hyper):
    domains = [hyper.domain(RUNNING) for _ in range(3)]
    try:
        streams = [console(hyper, domain) for domain in domains]
        for index, stream in enumerate(streams):
            stream.send(b"mark-%d\r" % index)
        for index, stream in enumerate(streams):
            seen = read_until(stream, b"mark-%d" % index)
            assert not any(b"mark-%d" % other in seen for other in range(3) if other != index)
            stream.abort()
    finally:
        for domain in domains:
            hyper.remove(domain)


def test_a_second_safe_console_is_refused_and_force_takes_it_over(hyper):
    domain = hyper.domain(RUNNING)
    try:
        first = console(hyper, domain)
        with pytest.raises(libvirt.libvirtError) as error:
            console(hyper, domain, libvirt.VIR_DOMAIN_CONSOLE_SAFE)
        assert error.value.get_error_code() == libvirt.VIR_ERR_OPERATION_FAILED
        second = console(hyper, domain, libvirt.VIR_DOMAIN_CONSOLE_FORCE)
        second.send(b"taken\r")
        read_until(second, b"taken")
        second.abort()
        del first
    finally:
        hyper.remove(domain)


def test_power_off_typed_into_the_console_stops_the_domain(hyper):
    domain = hyper.domain(RUNNING)
    try:
        stream = console(hyper, domain)
        stream.send(b"poweroff\r")
        hyper.events.expect(domain.name(), ["stopped shutdown"])
        assert hyper.state(domain) == SHUTOFF
    finally:
        hyper.remove(domain)
