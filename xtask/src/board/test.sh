#!/bin/sh
# What the management partition runs as its tests. Arguments select cases of the suite and leave out the rest.
board-suite "$@"
[ $# -gt 0 ] && exit
device_suite /boot/Image /boot/guest.cpio >/tmp/device-suite || echo "device_suite ended with $?" >>/tmp/device-suite
cat /tmp/device-suite
echo "T-END $(grep -c '^T ' /tmp/device-suite)"
vmanctl-test
