"""Every call that changes a domain, in every state: result, state afterwards, events and their order.

The expectations are libvirt's documentation of each function, and for what it leaves open the decisions of
docs/libvirt.md. `None` in place of the state says that it does not change.
"""

import libvirt
import pytest

from hypervisor import GONE, PAUSED, RUNNING, SHUTOFF, STATES, TRANSIENT

INVALID = libvirt.VIR_ERR_OPERATION_INVALID
NO_DOMAIN = libvirt.VIR_ERR_NO_DOMAIN
UNSUPPORTED = libvirt.VIR_ERR_OPERATION_UNSUPPORTED

BOOTED = ["started booted"]
STOPPED = ["stopped shutdown"]
DESTROYED = ["stopped destroyed"]


class Row:
    """What a call does: for each state an error code, or the next state and the events."""

    def __init__(self, name, call, contract=True, **outcomes):
        self.name, self.call, self.contract = name, call, contract
        self.outcomes = {GONE: NO_DOMAIN, **outcomes}
        assert set(self.outcomes) == set(STATES), name


def nothing():
    return (None, [])


UNDEFINE_FLAGS = (libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
                  | libvirt.VIR_DOMAIN_UNDEFINE_NVRAM | libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA)

ROWS = [
    Row("create", lambda d: d.create(),
        shutoff=(RUNNING, BOOTED), running=INVALID, paused=INVALID, transient=INVALID),
    Row("createWithFlags(PAUSED)", lambda d: d.createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED), contract=False,
        shutoff=(PAUSED, [*BOOTED, "suspended paused"]), running=INVALID, paused=INVALID, transient=INVALID),
    Row("shutdown", lambda d: d.shutdown(),
        shutoff=INVALID, running=(SHUTOFF, STOPPED), paused=(SHUTOFF, STOPPED), transient=(GONE, STOPPED)),
    Row("destroy", lambda d: d.destroy(),
        shutoff=INVALID, running=(SHUTOFF, DESTROYED), paused=(SHUTOFF, DESTROYED), transient=(GONE, DESTROYED)),
    Row("destroyFlags(GRACEFUL)", lambda d: d.destroyFlags(libvirt.VIR_DOMAIN_DESTROY_GRACEFUL), contract=False,
        shutoff=INVALID, running=(SHUTOFF, DESTROYED), paused=(SHUTOFF, DESTROYED), transient=(GONE, DESTROYED)),
    Row("suspend", lambda d: d.suspend(),
        shutoff=INVALID, running=(PAUSED, ["suspended paused"]), paused=INVALID,
        transient=("transient paused", ["suspended paused"])),
    Row("resume", lambda d: d.resume(),
        shutoff=INVALID, running=INVALID, paused=(RUNNING, ["resumed unpaused"]), transient=INVALID),
    Row("reboot", lambda d: d.reboot(), contract=False,
        shutoff=INVALID, running=(None, ["reboot"]), paused=INVALID, transient=(None, ["reboot"])),
    Row("undefine", lambda d: d.undefine(),
        shutoff=(GONE, ["undefined removed"]), running=(TRANSIENT, ["undefined removed"]),
        paused=("transient paused", ["undefined removed"]), transient=INVALID),
    Row("undefineFlags(all that Nova gives)", lambda d: d.undefineFlags(UNDEFINE_FLAGS), contract=False,
        shutoff=(GONE, ["undefined removed"]), running=(TRANSIENT, ["undefined removed"]),
        paused=("transient paused", ["undefined removed"]), transient=INVALID),
    Row("setAutostart", lambda d: d.setAutostart(1),
        shutoff=nothing(), running=nothing(), paused=nothing(), transient=INVALID),
    Row("managedSave", lambda d: d.managedSave(), contract=False,
        shutoff=UNSUPPORTED, running=UNSUPPORTED, paused=UNSUPPORTED, transient=UNSUPPORTED),
]


# Where libvirt's test driver takes another liberty: an error of another number, or a call that it lets pass.
TEST_DRIVER_DIFFERS = {
    ("create", RUNNING), ("create", PAUSED), ("create", TRANSIENT), ("shutdown", SHUTOFF), ("shutdown", PAUSED),
    ("suspend", SHUTOFF), ("suspend", PAUSED), ("resume", SHUTOFF), ("resume", RUNNING), ("resume", TRANSIENT),
    ("undefine", TRANSIENT), ("setAutostart", TRANSIENT),
}


def cases():
    for row in ROWS:
        for state in STATES:
            common = row.contract and (row.name, state) not in TEST_DRIVER_DIFFERS
            yield pytest.param(row, state, id=f"{row.name}-{state}", marks=[pytest.mark.contract] if common else [])


@pytest.mark.parametrize(("row", "state"), cases())
def test_call_in_state(hyper, row, state):
    outcome = row.outcomes[state]
    domain = hyper.domain(state)
    try:
        check(hyper, domain, row.call, state, outcome)
    finally:
        hyper.remove(domain)


def check(hyper, domain, call, state, outcome):
    if isinstance(outcome, int):
        with pytest.raises(libvirt.libvirtError) as error:
            call(domain)
        assert error.value.get_error_code() == outcome, error.value
        after, events = state, []
    else:
        call(domain)
        after, events = outcome[0] or state, outcome[1]
    hyper.events.expect(domain.name(), events)
    if after == "transient paused":
        assert domain.state()[0] == libvirt.VIR_DOMAIN_PAUSED and not domain.isPersistent()
    else:
        assert hyper.state(domain) == after


@pytest.mark.contract
def test_state_tells_why(hyper):
    domain = hyper.domain(SHUTOFF)
    try:
        domain.create()
        assert domain.state() == [libvirt.VIR_DOMAIN_RUNNING, libvirt.VIR_DOMAIN_RUNNING_BOOTED]
        domain.suspend()
        assert domain.state() == [libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_USER]
        domain.resume()
        assert domain.state() == [libvirt.VIR_DOMAIN_RUNNING, libvirt.VIR_DOMAIN_RUNNING_UNPAUSED]
        domain.destroy()
        assert domain.state() == [libvirt.VIR_DOMAIN_SHUTOFF, libvirt.VIR_DOMAIN_SHUTOFF_DESTROYED]
        domain.create()
        domain.shutdown()
        assert domain.state() == [libvirt.VIR_DOMAIN_SHUTOFF, libvirt.VIR_DOMAIN_SHUTOFF_SHUTDOWN]
    finally:
        hyper.remove(domain)


@pytest.mark.contract
def test_ids_are_positive_while_active_unique_and_gone_afterwards(hyper):
    first, second = hyper.domain(RUNNING), hyper.domain(RUNNING)
    try:
        assert first.ID() > 0 and second.ID() > 0 and first.ID() != second.ID()
        number = first.ID()
        assert hyper.conn.lookupByID(number).UUIDString() == first.UUIDString()
        assert number in hyper.conn.listDomainsID()
        first.destroy()
        assert hyper.conn.lookupByName(first.name()).ID() == -1
        assert number not in hyper.conn.listDomainsID()
        with pytest.raises(libvirt.libvirtError) as error:
            hyper.conn.lookupByID(number)
        assert error.value.get_error_code() == NO_DOMAIN
    finally:
        hyper.remove(first)
        hyper.remove(second)


@pytest.mark.contract
def test_redefine_updates_and_keeps_the_identity(hyper):
    domain = hyper.domain(SHUTOFF)
    try:
        again = hyper.xml(domain.name(), uuid=domain.UUIDString(), extra="<title>second</title>")
        assert hyper.conn.defineXML(again).UUIDString() == domain.UUIDString()
        hyper.events.expect(domain.name(), ["defined updated"])
        assert "<title>second</title>" in domain.XMLDesc()
    finally:
        hyper.remove(domain)


@pytest.mark.contract
@pytest.mark.parametrize("clash", ("name", "uuid"))
def test_a_duplicate_is_refused_and_changes_nothing(hyper, clash):
    domain = hyper.domain(SHUTOFF)
    try:
        name = domain.name() if clash == "name" else hyper.name()
        uuid = domain.UUIDString() if clash == "uuid" else "6c1b2f4e-9a55-4b0c-8f1e-1f1c5f0e2a77"
        before = domain.XMLDesc()
        with pytest.raises(libvirt.libvirtError) as error:
            hyper.conn.defineXML(hyper.xml(name, uuid=uuid))
        assert error.value.get_error_code() in (libvirt.VIR_ERR_OPERATION_FAILED, libvirt.VIR_ERR_DOM_EXIST)
        assert hyper.conn.lookupByUUIDString(domain.UUIDString()).XMLDesc() == before
    finally:
        hyper.remove(domain)


@pytest.mark.contract
def test_a_running_domain_cannot_be_created_again(hyper):
    domain = hyper.domain(TRANSIENT)
    try:
        with pytest.raises(libvirt.libvirtError) as error:
            hyper.conn.createXML(hyper.xml(domain.name(), uuid=domain.UUIDString()), 0)
        assert error.value.get_error_code() in (INVALID, libvirt.VIR_ERR_OPERATION_FAILED)
    finally:
        hyper.remove(domain)


@pytest.mark.contract
def test_defining_a_transient_domain_makes_it_persistent(hyper):
    domain = hyper.domain(TRANSIENT)
    try:
        hyper.conn.defineXML(hyper.xml(domain.name(), uuid=domain.UUIDString()))
        assert domain.isPersistent() and domain.isActive()
        domain.destroy()
        assert hyper.state(domain) == SHUTOFF
    finally:
        hyper.remove(domain)
