#!/bin/sh
# The command line of the source document, through vmand, on the real driver: exit codes are compared. Prints the line
# protocol of the board's tests.
count=0
result() {
	echo "T $*"
	count=$((count + 1))
}
# expect NAME STATUS COMMAND...: the command must end with the status.
expect() {
	name=$1
	status=$2
	shift 2
	"$@" >/tmp/output 2>&1
	got=$?
	if [ $got = "$status" ]; then
		result "$name ok"
	else
		result "$name fail status $got, expected $status: $(tail -n 1 /tmp/output)"
	fi
}
# eventually NAME COMMAND...: the command must succeed within two minutes.
eventually() {
	name=$1
	shift
	second=0
	while [ $second -lt 120 ]; do
		if "$@" >/tmp/output 2>&1; then
			result "$name ok $second s"
			return
		fi
		sleep 1
		second=$((second + 1))
	done
	result "$name fail last: $(tail -n 1 /tmp/output)"
}
prints() {
	vmanctl console -dump web | grep -q "$1"
}
is_in_state() {
	vmanctl -json info web | grep -q "\"$1\""
}

line="console=ttyAMA0 earlycon=pl011,0x9000000 panic=-1"
eventually vmand_answers vmanctl version
expect vmanctl_creates_a_partition 0 vmanctl create-partition -cores 2 -memsize-mib 256 -secure false -name web
expect second_partition_of_that_name_is_refused 23 vmanctl create-partition -cores 1 -memsize-mib 128 -secure false -name web
expect too_many_cores_are_refused 14 vmanctl create-partition -cores 64 -memsize-mib 128 -secure false
expect vmanctl_creates_a_peer 0 vmanctl create-partition -cores 1 -memsize-mib 128 -secure false -name peer
expect vmanctl_links_two_partitions 0 vmanctl create-link web peer
expect vmanctl_lists_the_link 0 sh -c 'vmanctl links | grep -q "2 MiB"'
expect suspend_of_a_ready_partition_is_refused 13 vmanctl suspend web
expect vmanctl_deploys_a_kernel 0 vmanctl deploy -kernel /boot/Image -initrd /boot/guest.cpio -cmdline "$line aivirt.try=seed" web
expect vmanctl_tells_deployed 0 is_in_state DEPLOYED
expect destruction_of_a_deployed_partition_is_refused 13 vmanctl destroy-partition web
eventually console_shows_the_kernel_up prints GUEST-UP
eventually kernel_has_taken_the_random_numbers_of_vmands_tree prints "GUEST-SEED kaslr-seed 0000000000000000"
eventually link_stands_in_vmands_tree prints "GUEST-SEED link /proc/device-tree/link@"
expect link_with_a_deployed_partition_is_refused 13 vmanctl create-link web peer
expect vmanctl_suspends 0 vmanctl suspend web
expect vmanctl_tells_suspended 0 is_in_state SUSPENDED
expect vmanctl_restores 0 vmanctl restore web
expect vmanctl_reboots 0 vmanctl reboot web
# vmand dies in the middle of an operation; the next one finds the truth in the driver.
vmanctl reboot web >/dev/null 2>&1 &
usleep 300000
kill -9 "$(pidof vmand)"
vmand 2>>/run/vmand.log &
eventually vmand_that_was_killed_is_replaced vmanctl version
eventually partition_outlives_vmand is_in_state DEPLOYED
expect partition_keeps_its_name_and_takes_operations 0 vmanctl suspend web
expect partition_is_restored_by_the_next_vmand 0 vmanctl restore web
expect vmanctl_lists_the_partition 0 sh -c 'vmanctl list | grep -q web'
expect vmanctl_destroys_the_peer_of_a_link 0 vmanctl destroy-partition peer
expect link_is_gone_with_its_peer 0 sh -c 'vmanctl links | grep -q "No links"'
expect vmanctl_shuts_down 0 vmanctl shutdown web
expect vmanctl_destroys 0 vmanctl destroy-partition web
expect destroyed_partition_is_not_found 12 vmanctl info web
echo "T-END $count"
