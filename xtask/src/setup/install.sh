# Installs "$@" with apt; run as root. No service is started by it: while packages are configured, a policy
# forbids that. One setup at a time; a policy left behind by a killed one is recognised by its second line.
set -eu
policy=/usr/sbin/policy-rc.d
mark='# written by aivirt setup'
exec 9>/run/aivirt-setup.lock
flock 9
if [ ! -e "$policy" ] || grep -qxF "$mark" "$policy"; then
    trap 'rm -f "$policy"' EXIT
    trap 'exit 130' INT TERM
    printf '#!/bin/sh\n%s\nexit 101\n' "$mark" >"$policy"
    chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
apt() { apt-get -q -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@"; }
old=$(find /var/lib/apt/lists -maxdepth 1 -name '*_Packages*' -print -quit)
recent=$(find /var/lib/apt/lists -maxdepth 0 -mtime -1)
[ -n "$old" ] && [ -n "$recent" ] || apt update
apt install -y --no-install-recommends "$@" || { apt update && apt install -y --no-install-recommends "$@"; }
