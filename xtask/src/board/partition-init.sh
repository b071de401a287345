#!/bin/busybox sh
# First process of a partition under test: says that it is up, then does what its command line asks for.
/bin/busybox --install -s /bin
export PATH=/bin
mount -t devtmpfs devtmpfs /dev
mount -t proc proc /proc
mount -t sysfs sysfs /sys

# The kernel's log reaches a console without an interrupt.
say() {
	echo "<1>$*" >/dev/kmsg
}

say "PARTITION-UP cpus=$(nproc) memory_kib=$(sed -n 's/MemTotal: *\([0-9]*\) kB/\1/p' /proc/meminfo)"
job=tick
for word in $(cat /proc/cmdline); do
	case $word in job=*) job=${word#job=} ;; esac
done
case $job in
off) poweroff -f ;;
reset) reboot -f ;;
panic) echo c >/proc/sysrq-trigger ;;
foreign)
	# Address of the management partition's memory: the program dies, the partition lives.
	devmem 0x50000000 32
	say "FOREIGN-READ status=$?"
	;;
hotplug)
	for cpu in /sys/devices/system/cpu/cpu[1-9]; do
		echo 0 >"$cpu/online" && echo 1 >"$cpu/online" && say "HOTPLUG ${cpu##*/} ok"
	done
	;;
tty)
	# A user-space write to the terminal needs the console's interrupt.
	i=0
	while [ $i -lt 200 ]; do
		echo "TTY-LINE $i of a write that is longer than any FIFO of a serial port"
		i=$((i + 1))
	done
	;;
shell) exec setsid cttyhack sh ;;
esac
tick=0
while true; do
	say "TICK $tick"
	tick=$((tick + 1))
	usleep 200000
done
