#!/bin/sh
# Start of the management partition's system: driver, vmand, then a shell or the script of a test.
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t debugfs debug /sys/kernel/debug
mount -t tmpfs run /run
export PATH=/bin
hostname management
insmod /lib/modules/vmanager.ko || echo "vmanager.ko cannot be loaded"
# The serial port of the relay, if the board has one.
for module in virtio_mmio virtio_console; do
	[ ! -f /lib/modules/$module.ko ] || insmod /lib/modules/$module.ko
done
if [ -x /bin/vmand ]; then
	mkdir -p /run/vman
	vmand --config /etc/vmand.toml 2>/run/vmand.log &
	for port in /sys/class/virtio-ports/*; do
		[ "$(cat "$port/name" 2>/dev/null)" = vman.relay ] || continue
		vman-relay board --port "/dev/${port##*/}" 2>/run/relay.log &
	done
fi
echo "MANAGEMENT-UP $(uname -r) CPUs $(cat /sys/devices/system/cpu/online)"
if [ -x /etc/board-script ]; then
	/etc/board-script </dev/null
	echo "BOARD-SCRIPT-END $?"
	poweroff -f
fi
echo "vmanctl host, vmanctl list; a kernel is /boot/Image, an initramfs /boot/guest.cpio; poweroff -f ends"
exec setsid cttyhack sh
