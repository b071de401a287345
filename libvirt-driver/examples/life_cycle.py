#!/usr/bin/python3
"""The life of a partition through libvirt-python: life_cycle.py URI KERNEL"""

import sys
import threading

import libvirt

XML = """<domain type='vman'>
  <name>from-python</name>
  <memory unit='MiB'>256</memory>
  <vcpu>2</vcpu>
  <os><type>hvm</type><kernel>{kernel}</kernel></os>
  <devices><console type='pty'/></devices>
</domain>"""

EVENTS = ("Defined", "Undefined", "Started", "Suspended", "Resumed", "Stopped", "Shutdown", "PMSuspended", "Crashed")


def turn_event_loop():
    while True:
        libvirt.virEventRunDefaultImpl()


def main(uri, kernel):
    libvirt.virEventRegisterDefaultImpl()
    threading.Thread(target=turn_event_loop, daemon=True).start()
    conn = libvirt.open(uri)
    last = threading.Event()

    def lifecycle(conn, domain, event, detail, opaque):
        print(f"  event: {domain.name()} {EVENTS[event]}")
        if event == libvirt.VIR_DOMAIN_EVENT_UNDEFINED:
            last.set()

    conn.domainEventRegisterAny(None, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, lifecycle, None)
    domain = conn.defineXML(XML.format(kernel=kernel))
    domain.create()
    print(f"partition {domain.ID()}: {domain.info()[3]} cores, {domain.info()[2]} KiB")
    domain.suspend()
    domain.resume()
    domain.destroy()
    domain.undefine()
    if not last.wait(10):
        sys.exit("the last event did not come")
    conn.close()


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
