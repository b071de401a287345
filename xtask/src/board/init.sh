#!/bin/busybox sh
# First process of the management partition.
/bin/busybox --install -s /bin
export PATH=/bin
mount -t devtmpfs devtmpfs /dev
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t debugfs debugfs /sys/kernel/debug
mount -t tmpfs tmpfs /run
insmod /lib/vmanager.ko || echo "vmanager.ko cannot be loaded"

job=shell
for word in $(cat /proc/cmdline); do
	case $word in aivirt.job=*) job=${word#aivirt.job=} ;; esac
done
case $job in
shell)
	echo "Management partition with CPUs $(cat /sys/devices/system/cpu/online); 'poweroff -f' turns the board off."
	setsid cttyhack sh
	;;
*)
	board-tests "$job" || echo "board-tests ended with $?"
	;;
esac
poweroff -f
