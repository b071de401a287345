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
if [ -x /bin/vmand ]; then
	mkdir -p /run/vman
	vmand 2>/run/vmand.log &
fi
echo "MANAGEMENT-UP $(uname -r) CPUs $(cat /sys/devices/system/cpu/online)"
if [ -x /etc/board-script ]; then
	/etc/board-script </dev/null
	echo "BOARD-SCRIPT-END $?"
	poweroff -f
fi
echo "vmanctl host, vmanctl list; a kernel is /boot/Image, an initramfs /boot/guest.cpio; poweroff -f ends"
exec setsid cttyhack sh
