#!/bin/busybox sh
# The guest's first program: mounts, then deadline-monitor's tests one after another, then the power off.
/bin/busybox mkdir -p /bin /usr/bin /sys /proc /dev /tmp /root
/bin/busybox --install -s /bin
export PATH=/bin:/usr/bin HOME=/root TMPDIR=/tmp LC_ALL=C
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t debugfs debugfs /sys/kernel/debug
# The root is in memory already; a checkout below /tmp must not vanish behind another file system.
chmod 1777 /tmp
mount -t cgroup2 cgroup2 /sys/fs/cgroup
echo +cpu > /sys/fs/cgroup/cgroup.subtree_control
ip link set lo up
echo guest > /etc/hostname
echo "root:x:0:0:root:/root:/bin/sh" > /etc/passwd
echo "GUEST-UP Linux $(uname -r), $(nproc) CPUs, control groups: $(cat /sys/fs/cgroup/cgroup.controllers)"
"$(cat /etc/program)" doctor
failed=0
while read -r test; do
    cd "$(dirname "$test")" || failed=1
    echo "     Running $(basename "$test")"
    # shellcheck disable=SC2046
    "$test" --test-threads=1 --show-output $(cat /etc/left-out) < /dev/null || failed=1
done < /etc/tests
[ "$failed" = 0 ] && echo GUEST-TESTS-PASSED
poweroff -f
