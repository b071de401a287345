#!/bin/sh
# Start of a partition's system. aivirt.after=SECONDS with aivirt.then=poweroff|reboot|crash on the kernel's command
# line ends it by itself. It prints to the kernel's log, which needs no interrupt of the console.
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t devtmpfs dev /dev
mount -t sysfs sys /sys
export PATH=/bin
say() {
	echo "$*" >/dev/kmsg
}
after=0
action=
for word in $(cat /proc/cmdline); do
	case $word in
	aivirt.after=*) after=${word#*=} ;;
	aivirt.then=*) action=${word#*=} ;;
	esac
done
say "GUEST-UP $(uname -r) CPUs $(cat /sys/devices/system/cpu/online) $(grep MemTotal /proc/meminfo)"
second=0
while :; do
	sleep 1
	second=$((second + 1))
	say "GUEST-TICK $second"
	[ "$second" = "$after" ] || continue
	case $action in
	poweroff) poweroff -f ;;
	reboot) reboot -f ;;
	crash) echo c >/proc/sysrq-trigger ;;
	esac
done
