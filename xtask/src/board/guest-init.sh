#!/bin/sh
# Start of a partition's system. aivirt.after=SECONDS with aivirt.then=poweroff|reboot|crash on the kernel's command
# line ends it by itself, aivirt.try=foreign|hotplug|terminal|input makes it try something first. It prints to the kernel's log, which needs no interrupt of the console.
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
try=
for word in $(cat /proc/cmdline); do
	case $word in
	aivirt.after=*) after=${word#*=} ;;
	aivirt.then=*) action=${word#*=} ;;
	aivirt.try=*) try=${word#*=} ;;
	esac
done
say "GUEST-UP $(uname -r) CPUs $(cat /sys/devices/system/cpu/online) $(grep MemTotal /proc/meminfo)"
case $try in
foreign)
	# Memory of the management partition: the program dies of it, the partition does not.
	devmem 0x50000000 32
	say "GUEST-FOREIGN $?"
	;;
hotplug)
	for cpu in /sys/devices/system/cpu/cpu[1-9]; do
		echo 0 >"$cpu/online" && echo 1 >"$cpu/online" && say "GUEST-HOTPLUG ${cpu##*/}"
	done
	;;
input)
	say "GUEST-LISTENS"
	read -r word <>/dev/ttyAMA0
	say "GUEST-READ $word"
	;;
terminal)
	# Without the console's interrupt, a program's output stops when the first buffer is full.
	line=0
	while [ $line -lt 200 ]; do
		echo "GUEST-LINE $line of a text that is longer than the FIFO of any serial port"
		line=$((line + 1))
	done
	;;
esac
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
