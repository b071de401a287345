#!/bin/sh
# Start of a partition's system. aivirt.after=SECONDS with aivirt.then=poweroff|reboot|crash on the kernel's command
# line ends it by itself, aivirt.try=root|load|bench|quiet|quiet-load|hotplug|terminal|seed|attack|link-send|link-receive makes it try something first. It prints to the kernel's log, which needs no interrupt of the console.
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t devtmpfs dev /dev
mount -t sysfs sys /sys
mkdir -p /tmp
export PATH=/bin
say() {
	echo "$*" >/dev/kmsg
}
after=0
action=
try=
frames=150
for word in $(cat /proc/cmdline); do
	case $word in
	aivirt.after=*) after=${word#*=} ;;
	aivirt.then=*) action=${word#*=} ;;
	aivirt.frames=*) frames=${word#*=} ;;
	aivirt.try=*) try=${word#*=} ;;
	esac
done
say "GUEST-UP $(uname -r) CPUs $(cat /sys/devices/system/cpu/online) $(grep MemTotal /proc/meminfo)"
case $try in
root)
	# Every kind of foreign memory, read and written: flash, firmware's memory and devices, the management partition's
	# devices and memory, the pool behind this partition, the isolation layer, the console rings.
	for address in 0x0 0x0e000000 0x090b0000 0x09010000 0x09020000 0x0a000000 0x40200000 0x50000000 0xbf000000 \
		0xbfc00000 0xbfd00000 0xbfe00000 0xc0000000; do
		devmem $address 32
		say "GUEST-ROOT read $address $?"
		devmem $address 32 0x61747461
		say "GUEST-ROOT write $address $?"
	done
	say "GUEST-ROOT-END"
	;;
load)
	# Keeps every CPU busy: computation, system calls, page faults.
	for cpu in /sys/devices/system/cpu/cpu[0-9]*; do
		while :; do :; done &
		while :; do dd if=/dev/zero of=/dev/null bs=4k count=1000 2>/dev/null; done &
	done
	;;
bench)
	guest-bench | while read -r line; do say "$line"; done
	say "GUEST-BENCH-END"
	;;
attack)
	# A neighbour that does what it can to disturb: computation, system calls, page faults, output, foreign addresses.
	for cpu in /sys/devices/system/cpu/cpu[0-9]*; do
		while :; do :; done &
		while :; do dd if=/dev/zero of=/dev/null bs=4k count=1000 2>/dev/null; done &
	done
	while :; do cat /init >/dev/ttyAMA0; done &
	while :; do devmem 0x50000000 32 0x61747461; done >/dev/null 2>&1 &
	say "GUEST-ATTACKS"
	while :; do sleep 1000; done
	;;
link-send|link-receive)
	# A link of this partition, or QEMU's shared-memory device.
	for node in /proc/device-tree/link@*; do
		[ -d "$node" ] && place="/dev/mem 0x${node##*@}"
	done
	for device in /sys/bus/pci/devices/*; do
		[ "$(cat "$device/vendor" 2>/dev/null)" = 0x1af4 ] && [ "$(cat "$device/device")" = 0x1110 ] || continue
		echo 1 >"$device/enable"
		place="$device/resource2 0"
	done
	say "GUEST-LINK-AT $place"
	guest-link "${try#link-}" $place "$frames" 33333 >/tmp/link 2>&1
	result=$?
	while read -r line; do say "$line"; done </tmp/link
	say "GUEST-LINK-END $result"
	;;
quiet)
	while :; do sleep 1000; done
	;;
quiet-load)
	for cpu in /sys/devices/system/cpu/cpu[0-9]*; do
		while :; do dd if=/dev/zero of=/dev/null bs=4k count=1000 2>/dev/null; done &
	done
	while :; do sleep 1000; done
	;;
hotplug)
	for cpu in /sys/devices/system/cpu/cpu[1-9]; do
		echo 0 >"$cpu/online" && echo 1 >"$cpu/online" && say "GUEST-HOTPLUG ${cpu##*/}"
	done
	;;
seed)
	# What the kernel left of the random numbers in its device tree, and what it made of them.
	for property in rng-seed kaslr-seed; do
		say "GUEST-SEED $property $(hexdump -v -e '1/1 "%02x"' "/proc/device-tree/chosen/$property" 2>/dev/null)"
	done
	say "GUEST-SEED generator $(dmesg | sed -n 's/^\[ *\([0-9.]*\)\].*crng init done.*/\1/p')"
	say "GUEST-SEED text $(grep -m1 ' _stext$' /proc/kallsyms | cut -d' ' -f1)"
	say "GUEST-SEED link $(ls -d /proc/device-tree/link@* 2>/dev/null)"
	say "GUEST-SEED-END"
	;;
terminal)
	# Without the console's interrupt, a program's output stops when the first buffer is full.
	line=0
	while [ $line -lt 200 ]; do
		echo "GUEST-LINE $line of a text that is longer than the FIFO of any serial port"
		line=$((line + 1))
	done
	sleep 2
	say "GUEST-LISTENS"
	read -r word <>/dev/ttyAMA0
	say "GUEST-READ $word"
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
