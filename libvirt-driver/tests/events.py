"""libvirt's events as they come, collected for tests."""

import threading

import libvirt

from rig import wait_for

_LOOP = None


def run_event_loop():
    """libvirt's own loop in a thread; once for the process, before the first connection."""
    global _LOOP
    if _LOOP is None:
        libvirt.virEventRegisterDefaultImpl()
        _LOOP = threading.Thread(target=_turn, daemon=True)
        _LOOP.start()


def _turn():
    while True:
        libvirt.virEventRunDefaultImpl()


LIFECYCLE = {
    0: ("defined", ["added", "updated", "renamed", "from-snapshot"]),
    1: ("undefined", ["removed", "renamed"]),
    2: ("started", ["booted", "migrated", "restored", "from-snapshot", "wakeup"]),
    3: ("suspended", ["paused", "migrated", "ioerror", "watchdog", "restored", "from-snapshot", "api-error"]),
    4: ("resumed", ["unpaused", "migrated", "from-snapshot"]),
    5: ("stopped", ["shutdown", "destroyed", "crashed", "migrated", "saved", "failed", "from-snapshot"]),
    6: ("shutdown", ["finished", "guest", "host"]),
    7: ("pmsuspended", ["memory", "disk"]),
    8: ("crashed", ["panicked", "crashloaded"]),
}


class Events:
    """Lifecycle and reboot events of one connection, as (domain, event) in the order in which they came."""

    def __init__(self, conn):
        self.conn = conn
        self.seen = []
        self._ids = [
            conn.domainEventRegisterAny(None, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, self._lifecycle, None),
            conn.domainEventRegisterAny(None, libvirt.VIR_DOMAIN_EVENT_ID_REBOOT, self._reboot, None),
        ]

    def _lifecycle(self, conn, domain, event, detail, opaque):
        word, details = LIFECYCLE[event]
        self.seen.append((domain.name(), f"{word} {details[detail]}"))

    def _reboot(self, conn, domain, opaque):
        self.seen.append((domain.name(), "reboot"))

    def of(self, name):
        return [event for domain, event in self.seen if domain == name]

    def expect(self, name, events):
        """Waits until exactly these events came for the domain, and forgets them."""
        wait_for(lambda: len(self.of(name)) >= len(events), f"{events} of {name}, saw {self.of(name)}", 10)
        assert self.of(name) == events, self.of(name)
        self.forget(name)

    def forget(self, name):
        self.seen = [entry for entry in self.seen if entry[0] != name]

    def close(self):
        for number in self._ids:
            self.conn.domainEventDeregisterAny(number)
