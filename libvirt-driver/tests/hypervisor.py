"""The driver under test: ours, or libvirt's own test driver, which keeps the tables honest."""

import itertools

import libvirt

import rig as rigs
from events import Events

# What a domain can be before a call.
SHUTOFF, RUNNING, PAUSED, TRANSIENT, GONE = "shutoff", "running", "paused", "transient", "gone"
STATES = (SHUTOFF, RUNNING, PAUSED, TRANSIENT, GONE)

_NUMBERS = itertools.count(1)


class Hypervisor:
    """What both drivers have in common."""

    def __init__(self, conn):
        self.conn = conn
        self.events = Events(conn)

    def name(self):
        return f"domain-{next(_NUMBERS)}"

    def domain(self, state, **kwargs):
        """A new domain in this state, whose events so far are forgotten."""
        xml = self.xml(self.name(), **kwargs)
        if state == TRANSIENT:
            domain = self.conn.createXML(xml, 0)
            expected = ["started booted"]
        else:
            domain = self.conn.defineXML(xml)
            expected = ["defined added"]
        if state in (RUNNING, PAUSED):
            domain.create()
            expected.append("started booted")
        if state == PAUSED:
            domain.suspend()
            expected.append("suspended paused")
        if state == GONE:
            domain.undefine()
            expected.append("undefined removed")
        self.events.expect(domain.name(), expected)
        return domain

    def state(self, domain):
        """One of `STATES`, as the API tells it."""
        try:
            state, _ = self.conn.lookupByUUIDString(domain.UUIDString()).state()
        except libvirt.libvirtError as error:
            assert error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN
            return GONE
        persistent = bool(domain.isPersistent())
        assert bool(domain.isActive()) == (state != libvirt.VIR_DOMAIN_SHUTOFF)
        if state == libvirt.VIR_DOMAIN_RUNNING:
            return RUNNING if persistent else TRANSIENT
        return {libvirt.VIR_DOMAIN_PAUSED: PAUSED, libvirt.VIR_DOMAIN_SHUTOFF: SHUTOFF}[state]

    def remove(self, domain):
        """Leaves nothing of the domain, whatever state it is in."""
        for step in (domain.destroy, domain.undefine):
            try:
                step()
            except libvirt.libvirtError as error:
                wrong = (libvirt.VIR_ERR_OPERATION_INVALID, libvirt.VIR_ERR_NO_DOMAIN)
                assert error.get_error_code() in wrong, error
        # Its events must not be taken for those of a later test.
        self.events.forget(domain.name())


class Vman(Hypervisor):
    """Ours, with its rig."""

    kind = "vman"

    def __init__(self, rig):
        self.rig = rig
        super().__init__(rig.open())

    def xml(self, name, **kwargs):
        return self.rig.xml(name, **kwargs)


class TestDriver(Hypervisor):
    """libvirt's own, in this process."""

    __test__ = False
    kind = "test"

    def __init__(self):
        super().__init__(libvirt.open("test:///default"))

    def xml(self, name, **kwargs):
        return rigs.domain_xml(name, kernel=kwargs.pop("kernel", "/boot/Image"), kind="test", arch="i686", **kwargs)
