#!/bin/sh
# What the management partition runs as its tests. Arguments select cases of the suite and leave out the rest.
# The suite takes the driver out and puts it back: nobody may hold the device meanwhile.
killall vmand 2>/dev/null
while pidof vmand >/dev/null; do
	usleep 100000
done
board-suite "$@"
[ $# -gt 0 ] && exit
device_suite /boot/Image /boot/guest.cpio >/tmp/device-suite || echo "device_suite ended with $?" >>/tmp/device-suite
cat /tmp/device-suite
echo "T-END $(grep -c '^T ' /tmp/device-suite)"
vmand 2>/run/vmand.log &
vmanctl-test
