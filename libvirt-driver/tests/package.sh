# The life of the package in an overlay over this machine's root: package.sh WORK PACKAGE VMAND, in a mount namespace
# of its own, as root.
set -eu
work=$1 package=$2 vmand=$3
mount --make-rprivate /
mount -t tmpfs none "$work"
mkdir "$work/upper" "$work/work" "$work/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$work/upper,workdir=$work/work" "$work/root"
root=$work/root
mount -t proc none "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs none "$root/run"
mount -t tmpfs none "$root/tmp"
cp "$package" "$root/tmp/driver.deb"
cp "$vmand" "$root/tmp/vmand"
in_root() { chroot "$root" env DEBIAN_FRONTEND=noninteractive "$@"; }
part() { printf '== %s\n' "$1"; }
files() { find "$root/etc" "$root/usr" "$root/lib/systemd" "$root/var/lib/libvirt" -xdev \( -type f -o -type l \) \
    ! -path '*/doc-base/*' 2>/dev/null | sed "s|^$root||" | grep vman || true; }
cleanup() { for pid in $pids; do kill "$pid" 2>/dev/null || true; done; wait; }
pids=''
trap cleanup EXIT

part installed
in_root dpkg -i /tmp/driver.deb >"$work/dpkg.log" 2>&1 || { cat "$work/dpkg.log"; exit 1; }
in_root dpkg-query -W -f '${Status}\n' libvirt-daemon-driver-vman

part virsh
mkdir -p "$root/run/vman" "$root/run/libvirt"
# Started without a function, so that $! is the daemon itself.
chroot "$root" /tmp/vmand --device sim --image-store /tmp/images >/dev/null 2>"$work/vmand.log" &
pids="$pids $!"
chroot "$root" /usr/sbin/virtvmand >/dev/null 2>"$work/virtvmand.log" &
daemon=$!
pids="$pids $daemon"
tries=0
until [ -S "$root/run/libvirt/virtvmand-sock" ] && [ -S "$root/run/vman/vmand.sock" ]; do
    tries=$((tries + 1))
    [ "$tries" -lt 300 ] || { cat "$work/vmand.log" "$work/virtvmand.log"; exit 1; }
    sleep 0.1
done
printf '%s' "<domain type='vman'><name>partition</name><memory>65536</memory><vcpu>1</vcpu>
<os><type>hvm</type><kernel>/boot/Image</kernel></os></domain>" >"$root/tmp/domain.xml"
in_root virsh -c vman:///system define /tmp/domain.xml
in_root virsh -c vman:///system list --all

part permissions
(cd "$root/run/libvirt" && for socket in virtvmand-sock virtvmand-sock-ro; do
    printf '%s %s\n' "$socket" "$(in_root stat -c '%U:%G %a' "/run/libvirt/$socket")"
done)
kill "$daemon"; wait "$daemon" || true

part units
if command -v systemd-analyze >/dev/null; then
    in_root systemd-analyze verify /lib/systemd/system/virtvmand.service /lib/systemd/system/virtvmand.socket 2>&1 |
        grep -i virtvmand | grep -v 'vmand.socket' || true
else
    echo 'no systemd-analyze'
fi

part mismatch
dir=$(dirname "$(in_root readlink -f "/usr/lib/$(gcc -print-multiarch)/libvirt.so.0")")
mkdir "$root/tmp/lib"
: >"$root/tmp/lib/libvirt.so.0.10000.1"
ln -s libvirt.so.0.10000.1 "$root/tmp/lib/libvirt.so.0"
sed "s|$dir/libvirt.so.0'|/tmp/lib/libvirt.so.0'|" "$root/usr/sbin/virtvmand" >"$root/tmp/virtvmand"
status=0
in_root sh /tmp/virtvmand 2>&1 || status=$?
echo "exit $status"

part reinstalled
echo '# kept' >>"$root/etc/libvirt/virtvmand.conf"
in_root dpkg -i --force-confold /tmp/driver.deb >"$work/dpkg.log" 2>&1 || { cat "$work/dpkg.log"; exit 1; }
tail -n 1 "$root/etc/libvirt/virtvmand.conf"

part removed
in_root dpkg -r libvirt-daemon-driver-vman >"$work/dpkg.log" 2>&1 || { cat "$work/dpkg.log"; exit 1; }
files

part purged
in_root dpkg -P libvirt-daemon-driver-vman >"$work/dpkg.log" 2>&1 || { cat "$work/dpkg.log"; exit 1; }
files
part end
