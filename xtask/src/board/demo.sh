#!/bin/sh
# The life of a partition, shown by vmanctl and by a C program through vmand on /dev/vmanager. Lines for the person who
# watches begin with DEMO: "#" a chapter, "~" a remark, "$" a command, "|" what it printed, "@" the start of a step,
# "=" its end and the state.
say() {
	echo "DEMO $*"
}
fail() {
	echo "DEMO-FAILED $*"
	echo "vmand's log:"
	cat /run/vmand.log
	exit 1
}
output() {
	sed 's/^/DEMO | /'
}
run() {
	say "\$ $1"
	sh -c "$1" >/run/out 2>&1
	status=$?
	output </run/out
	return $status
}
state() {
	vmanctl -json info web 2>/dev/null | sed -n 's/.*"state":"\([A-Z]*\)".*/\1/p'
}
step() {
	run "$2" || fail "$1: exit status $?"
	now=$(state)
	[ "${now:-gone}" = "$3" ] || fail "$1: state is ${now:-gone} instead of $3"
	say "= $1|$3"
}
console() {
	vmanctl console -dump web
}
# Waits until the console has said $1 at least $2 times.
wait_for() {
	tries=0
	while [ "$(console | grep -c "$1")" -lt "$2" ]; do
		tries=$((tries + 1))
		[ $tries -lt 240 ] || fail "the console did not say $1 in 2 minutes"
		usleep 500000
	done
}

tries=0
until vmanctl version >/run/version 2>&1; do
	tries=$((tries + 1))
	[ $tries -lt 60 ] || fail "vmand does not answer: $(cat /run/version)"
	usleep 500000
done

say "# A partition, its whole life"
run "vmanctl host"
say "~ CPUs of the management partition: $(cat /sys/devices/system/cpu/online)"
step create-partition "vmanctl create-partition -cores 2 -memsize-mib 256 -secure false -name web" READY
say "~ CPUs of the management partition: $(cat /sys/devices/system/cpu/online)"
line="console=ttyAMA0 earlycon=pl011,0x9000000 loglevel=7 panic=-1"
step deploy "vmanctl deploy -kernel /boot/Image -initrd /boot/guest.cpio -cmdline '$line' web" DEPLOYED
say "~ Debian's unmodified kernel boots in it; no device tree was given, vmand made one"
say "@"
wait_for GUEST-UP 1
say "= its Linux is up|DEPLOYED"
wait_for GUEST-TICK 2
say "\$ vmanctl console -dump web"
console >/run/console
head -n 8 /run/console | output
say "|   ... $(wc -l </run/console) lines ..."
grep -e 'Run /init' -e GUEST /run/console | head -n 4 | output

step suspend "vmanctl suspend web" SUSPENDED
before=$(console | wc -c)
sleep 1
after=$(console | wc -c)
say "~ in the second after it the partition printed $((after - before)) bytes"
run "vmanctl destroy-partition web" && fail "a suspended partition was destroyed"
say "~ refused with exit status $status"
ticks=$(console | grep -c GUEST-TICK)
step restore "vmanctl restore web" DEPLOYED
wait_for GUEST-TICK $((ticks + 1))
say "~ it goes on counting: $(console | grep GUEST-TICK | tail -n 1)"
step reboot "vmanctl reboot web" DEPLOYED
wait_for GUEST-UP 2
say "~ its kernel is up again"
run "vmanctl list"
run "vmanctl host"
step shutdown "vmanctl shutdown web" READY
step destroy-partition "vmanctl destroy-partition web" gone
say "~ CPUs of the management partition: $(cat /sys/devices/system/cpu/online)"
run "vmanctl host"

say "# The same through the C ABI"
run "life_cycle /run/vman/vmand.sock /boot/Image" || fail "life_cycle: exit status $status"
say "= the life cycle from C|gone"
echo "DEMO-END"
